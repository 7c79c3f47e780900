//! Waiting for conditions, never for a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take to become true. Generous: it is only ever used up by a failure.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is a value.
///
/// # Panics
///
/// When there is none within [`DEADLINE`]; `what` says what was waited for.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sets the flag when it is dropped, also by a panic: a thread that works until then comes to its end.
#[derive(Debug)]
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
