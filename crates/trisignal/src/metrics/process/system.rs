//! What the operating system says about this process.
//!
//! `getrusage` is on every Unix and counts threads that have ended, which the files in `/proc` do not. Memory,
//! threads, descriptors and the start are read from `/proc`, on Linux only. A file that can't be read (a `/proc` that
//! is not mounted, or hidden) leaves its values out.

use std::time::Duration;

/// What was known at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) cpu: Option<Cpu>,
    /// In bytes, resident.
    pub(super) memory_usage: Option<u64>,
    /// In bytes.
    pub(super) memory_virtual: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) file_descriptors: Option<u64>,
    pub(super) uptime: Option<Duration>,
    /// Voluntary and involuntary.
    pub(super) context_switches: Option<[u64; 2]>,
    /// Minor and major.
    pub(super) page_faults: Option<[u64; 2]>,
}

/// CPU time of all threads since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cpu {
    pub(super) user: Duration,
    pub(super) system: Duration,
}

impl Reading {
    /// Asks the system.
    pub(super) fn now() -> Self {
        #[allow(unused_mut, reason = "elsewhere than on Unix nothing is known")]
        let mut reading = Self::default();
        #[cfg(unix)]
        usage::read(&mut reading);
        #[cfg(target_os = "linux")]
        proc::read(&mut reading);
        reading
    }
}

#[cfg(unix)]
mod usage {
    //! What POSIX tells.

    use std::time::Duration;

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    use super::{Cpu, Reading};

    pub(super) fn read(reading: &mut Reading) {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
            return;
        };
        reading.cpu = duration(usage.user_time())
            .zip(duration(usage.system_time()))
            .map(|(user, system)| Cpu { user, system });
        reading.context_switches = pair(
            usage.voluntary_context_switches(),
            usage.involuntary_context_switches(),
        );
        reading.page_faults = pair(usage.minor_page_faults(), usage.major_page_faults());
    }

    /// The types of these numbers differ between systems.
    fn duration(time: TimeVal) -> Option<Duration> {
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let micros = u64::try_from(time.tv_usec()).ok()?;
        Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
    }

    fn pair(first: impl TryInto<u64>, second: impl TryInto<u64>) -> Option<[u64; 2]> {
        Some([first.try_into().ok()?, second.try_into().ok()?])
    }
}

#[cfg(target_os = "linux")]
mod proc {
    //! What Linux tells in files.

    use std::fs;
    use std::time::Duration;

    use nix::time::{ClockId, clock_gettime};
    use nix::unistd::{SysconfVar, sysconf};

    use super::Reading;

    pub(super) fn read(reading: &mut Reading) {
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            reading.memory_usage = status_kib(&status, "VmRSS:");
            reading.memory_virtual = status_kib(&status, "VmSize:");
            reading.threads = status_number(&status, "Threads:");
        }
        reading.file_descriptors = file_descriptors();
        reading.uptime = fs::read("/proc/self/stat")
            .ok()
            .and_then(|stat| uptime(&stat));
    }

    /// The number in the line that begins with `key`.
    pub(super) fn status_number(status: &str, key: &str) -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    fn status_kib(status: &str, key: &str) -> Option<u64> {
        status_number(status, key)?.checked_mul(1024)
    }

    fn file_descriptors() -> Option<u64> {
        const FOLDER: &str = "/proc/self/fd";
        // Since Linux 6.2 the size of the folder is their number; before it is 0.
        let told = fs::metadata(FOLDER).ok()?.len();
        if told > 0 {
            return Some(told);
        }
        let counted = fs::read_dir(FOLDER).ok()?.count() as u64;
        // The one of the listing itself.
        Some(counted.saturating_sub(1))
    }

    /// How long the process runs, by the tick of its start.
    fn uptime(stat: &[u8]) -> Option<Duration> {
        let ticks = start_ticks(stat)?;
        let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
        let started = ticks as f64 / ticks_per_second as f64;
        // The clock of the field, also in a container that has its boot time moved.
        let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
        Duration::try_from_secs_f64(now.as_secs_f64() - started).ok()
    }

    /// Field 22. The second field is the name of the program in parentheses, which may hold anything.
    pub(super) fn start_ticks(stat: &[u8]) -> Option<u64> {
        let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&stat[name_ends + 1..]).ok()?;
        rest.split_ascii_whitespace().nth(19)?.parse().ok()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::fs::File;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_name_can_not_shift_the_fields() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sh", "a b", ") S 1 (", "\u{fffd}"] {
            let stat = format!("7 ({name}) {fields}");
            assert_eq!(proc::start_ticks(stat.as_bytes()), Some(4711), "{name}");
        }
        let mut not_text = b"7 (\xff\xfe) ".to_vec();
        not_text.extend_from_slice(fields.as_bytes());
        assert_eq!(proc::start_ticks(&not_text), Some(4711));
        for broken in [
            "",
            "7 (sh",
            "7 (sh) S 1",
            "7 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
        ] {
            assert_eq!(proc::start_ticks(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let status = "Name:\tVmRSS: 9\nVmRSS:\t    1644 kB\nThreads:\tmany\n";
        assert_eq!(proc::status_number(status, "VmRSS:"), Some(1644));
        assert_eq!(proc::status_number(status, "Threads:"), None);
        assert_eq!(proc::status_number(status, "VmSize:"), None);
    }

    /// The values follow what the process does.
    #[test]
    fn the_system_is_read_right() {
        let before = Reading::now();
        let files: Vec<_> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        let memory = vec![1_u8; 64 << 20];
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(50) {
            std::hint::black_box(&memory);
        }
        let after = Reading::now();

        let descriptors = |reading: &Reading| reading.file_descriptors.unwrap();
        // Other tests of this process open and close a few as well.
        let more = descriptors(&after).abs_diff(descriptors(&before));
        assert!(
            (25..=75).contains(&more),
            "{more} more for {} files",
            files.len()
        );
        // Likewise.
        let grown = after
            .memory_usage
            .unwrap()
            .saturating_sub(before.memory_usage.unwrap());
        assert!(grown > 32 << 20, "{grown} bytes more");
        assert!(after.memory_virtual.unwrap() >= after.memory_usage.unwrap());
        assert!(after.threads.unwrap() >= 2, "the test and its runner");
        let used = |reading: &Reading| reading.cpu.map(|cpu| cpu.user + cpu.system).unwrap();
        assert!(used(&after) > used(&before));
        let waited = after.uptime.unwrap() - before.uptime.unwrap();
        assert!(waited >= Duration::from_millis(40), "{waited:?}");
        assert!(after.uptime.unwrap() < Duration::from_secs(24 * 60 * 60));
        let [minor, _] = after.page_faults.unwrap();
        assert!(
            minor > before.page_faults.unwrap()[0],
            "64 MiB were touched"
        );
        assert!(after.context_switches.unwrap() >= before.context_switches.unwrap());
    }
}
