//! Clocks of the processor, and what the kernel says about this process.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// What this thread has used of the processor, in nanoseconds.
pub(crate) fn thread_time() -> f64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// What this process has used of the processor, in nanoseconds.
pub(crate) fn process_time() -> f64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What each living thread of this process has used, in nanoseconds. Threads of one name are added up.
pub(crate) fn threads() -> BTreeMap<String, f64> {
    threads_of("self")
}

/// The same of another process, by its number.
pub(crate) fn threads_of(process: impl Display) -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return threads;
    };
    for task in tasks.flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let time = read("schedstat");
        let time = time.split(' ').next().and_then(|time| time.parse().ok());
        *threads.entry(read("comm").trim().to_owned()).or_default() += time.unwrap_or(0.0);
    }
    threads
}

/// A line of `/proc/self/status` in MiB: `VmRSS` is now, `VmHWM` the most that it was.
pub(crate) fn resident(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|text| {
        let value = text.strip_prefix(line)?.strip_prefix(':')?;
        value.trim().strip_suffix(" kB")?.parse::<f64>().ok()
    });
    kib.unwrap_or(0.0) / 1024.0
}

/// Keeps all threads of a process on one processor, where there are two and the system allows it. Threads that they
/// start inherit it. Where it can't be done the figures are noisier, not wrong.
pub(crate) fn pin(process: u32, processor: usize) {
    if std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1) {
        return;
    }
    let mut set = CpuSet::new();
    set.set(processor);
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return;
    };
    for task in tasks.flatten() {
        let task = task.file_name();
        let task = task
            .to_str()
            .and_then(|task| task.parse().ok())
            .and_then(Pid::from_raw);
        if task.is_some() {
            let _ = sched_setaffinity(task, &set);
        }
    }
}

/// The middle one; the mean of the two in the middle where there are two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The smallest.
pub(crate) fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// How long telemetry may take to deliver all that it holds.
pub(crate) const FLUSH: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_smallest_are_found() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), 1.0);
    }
}
