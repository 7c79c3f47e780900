//! The time as OTLP has it: nanoseconds since the epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time now.
///
/// Asked at the beginning and the end of each span and at each event, where the detour over [`SystemTime`] and a difference costs
/// more than the clock itself. They share one copy, which is in the processor's cache more often than many are.
#[cfg(unix)]
#[inline(never)]
pub(crate) fn now() -> u64 {
    use nix::time::{ClockId, clock_gettime};

    let read = clock_gettime(ClockId::CLOCK_REALTIME).ok();
    let time = read.and_then(|time| {
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let rest = u64::try_from(time.tv_nsec()).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(rest)
    });
    time.unwrap_or_else(now_at_length)
}

/// The time of a clock that can't be read, or shows one before 1970.
#[cfg(unix)]
#[cold]
fn now_at_length() -> u64 {
    nanoseconds(SystemTime::now())
}

/// The time now.
#[cfg(not(unix))]
#[inline]
pub(crate) fn now() -> u64 {
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
        let before = nanoseconds(SystemTime::now());
        let read = now();
        let after = nanoseconds(SystemTime::now());
        // Whoever sets the clock meanwhile makes it fail, and nobody else.
        assert!((before..=after).contains(&read), "{before} {read} {after}");
    }
}
