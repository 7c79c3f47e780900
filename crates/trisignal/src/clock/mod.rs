//! The time as OTLP has it: nanoseconds since the epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod ticks;

/// The time now. Where [`learn`] has found a faster way it is off by some hundred nanoseconds, so that one reading can be a little
/// earlier than the one before.
///
/// Asked at the beginning of each span, at each exit and at each event. They share one copy, which is in the processor's cache more
/// often than many are.
#[inline(never)]
pub(crate) fn now() -> u64 {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if let Some(time) = ticks::now() {
        return time;
    }
    of_the_system()
}

/// Gets to know a faster way to the time, where there is one. Takes about a millisecond of processor time, once in a process: for
/// threads that have it.
pub(crate) fn learn() {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    ticks::learn();
}

/// The time of the system's clock, where the detour over [`SystemTime`] and a difference costs more than the clock itself.
#[cfg(unix)]
fn of_the_system() -> u64 {
    use nix::time::{ClockId, clock_gettime};

    let read = clock_gettime(ClockId::CLOCK_REALTIME).ok();
    let time = read.and_then(|time| {
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let rest = u64::try_from(time.tv_nsec()).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(rest)
    });
    time.unwrap_or_else(at_length)
}

/// The time of a clock that can't be read, or shows one before 1970.
#[cfg(unix)]
#[cold]
fn at_length() -> u64 {
    nanoseconds(SystemTime::now())
}

/// The time of the system's clock.
#[cfg(not(unix))]
fn of_the_system() -> u64 {
    nanoseconds(SystemTime::now())
}

/// A time as OTLP has it; before 1970 there is none.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The other way round.
pub(crate) fn system_time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_time_of_the_system() {
        for _ in 0..1_000 {
            let before = nanoseconds(SystemTime::now());
            let read = of_the_system();
            let after = nanoseconds(SystemTime::now());
            // Whoever sets the clock meanwhile makes it fail, and nobody else.
            assert!((before..=after).contains(&read), "{before} {read} {after}");
        }
    }

    #[test]
    fn it_is_nearly_that_once_it_is_learned() {
        // A tenth of what it is trusted for, and a thousand times what is usual.
        const NEARLY: u64 = 100_000;

        learn();
        let begin = of_the_system();
        let mut readings = 0_u64;
        // Longer than it goes by one look at the system's clock.
        while readings < 10_000 || of_the_system() < begin + 20_000_000 {
            let before = of_the_system();
            let read = now();
            let after = of_the_system();
            let about = before - NEARLY..=after + NEARLY;
            assert!(about.contains(&read), "{before} {read} {after}");
            readings += 1;
        }
    }
}
