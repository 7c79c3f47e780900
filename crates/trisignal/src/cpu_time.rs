//! For tests of how much work something is: what the thread has used of the processor, whatever else the machine does.

use std::time::{Duration, Instant};

/// Begins to count when it is made.
pub(crate) struct CpuTime {
    used: Option<Duration>,
    begin: Instant,
}

impl CpuTime {
    pub(crate) fn now() -> Self {
        Self {
            used: used(),
            begin: Instant::now(),
        }
    }

    /// What this thread has used since. Where the system does not tell, how long it is ago.
    pub(crate) fn elapsed(&self) -> Duration {
        used()
            .zip(self.used)
            .map_or_else(|| self.begin.elapsed(), |(now, then)| now - then)
    }
}

fn used() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
