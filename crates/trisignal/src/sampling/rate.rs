//! A token bucket in one atomic number.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// So many traces per second, and as many at once as a second brings (at least one).
///
/// It keeps the time at which the bucket would be full again; a trace moves it on by the time that one trace takes.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Nanoseconds since the process began to ask.
    full_at: AtomicU64,
    /// Nanoseconds for one trace; `u64::MAX` lets none pass.
    interval: AtomicU64,
}

impl Bucket {
    /// A full bucket. A rate that is not above 0 lets nothing pass.
    pub(crate) fn new(per_second: f64) -> Self {
        Self {
            full_at: AtomicU64::new(0),
            interval: AtomicU64::new(interval(per_second)),
        }
    }

    /// Another rate; what is in the bucket stays.
    pub(crate) fn set_rate(&self, per_second: f64) {
        self.interval.store(interval(per_second), Ordering::Relaxed);
    }

    /// Whether there is room for one more trace now.
    pub(crate) fn take(&self) -> bool {
        self.take_at(now())
    }

    fn take_at(&self, now: u64) -> bool {
        let interval = self.interval.load(Ordering::Relaxed);
        if interval == u64::MAX {
            return false;
        }
        // What one second brings beyond the trace that is asked for.
        let burst = SECOND.saturating_sub(interval);
        let latest = now.saturating_add(burst);
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                (full_at <= latest).then(|| full_at.max(now).saturating_add(interval))
            })
            .is_ok()
    }
}

const SECOND: u64 = 1_000_000_000;

fn interval(per_second: f64) -> u64 {
    if per_second.is_nan() || per_second <= 0.0 {
        return u64::MAX;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a float becomes the nearest number that there is"
    )]
    let nanoseconds = (SECOND as f64 / per_second) as u64;
    nanoseconds.min(u64::MAX - 1)
}

/// Nanoseconds since the first call, which is at 1 s so that an empty bucket can be before it.
fn now() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos())
        .unwrap_or(u64::MAX / 2)
        .saturating_add(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks `times` times at `at`.
    fn passed(bucket: &Bucket, at: u64, times: usize) -> usize {
        (0..times).filter(|_| bucket.take_at(at)).count()
    }

    #[test]
    fn a_second_brings_what_the_rate_says() {
        let bucket = Bucket::new(10.0);
        let begin = 5 * SECOND;
        assert_eq!(passed(&bucket, begin, 100), 10, "the burst");
        assert_eq!(passed(&bucket, begin + SECOND / 10, 100), 1);
        assert_eq!(passed(&bucket, begin + SECOND / 2, 100), 4);
        assert_eq!(passed(&bucket, begin + 60 * SECOND, 100), 10, "no more");
    }

    #[test]
    fn slow_rates_pass_one_at_a_time() {
        let bucket = Bucket::new(0.5);
        assert_eq!(passed(&bucket, 5 * SECOND, 10), 1);
        assert_eq!(passed(&bucket, 6 * SECOND, 10), 0);
        assert_eq!(passed(&bucket, 7 * SECOND, 10), 1);
    }

    #[test]
    fn rates_out_of_range() {
        for rate in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(passed(&Bucket::new(rate), SECOND, 10), 0, "{rate}");
        }
        assert_eq!(passed(&Bucket::new(f64::INFINITY), SECOND, 10), 10);
        assert_eq!(passed(&Bucket::new(1e-300), SECOND, 10), 1);
    }

    #[test]
    fn another_rate_counts_from_then_on() {
        let bucket = Bucket::new(1.0);
        assert_eq!(passed(&bucket, 5 * SECOND, 10), 1);
        bucket.set_rate(100.0);
        assert_eq!(passed(&bucket, 6 * SECOND, 1000), 100);
    }

    #[test]
    fn threads_together_pass_no_more_than_one_would() {
        let bucket = Bucket::new(1000.0);
        let total: usize = std::thread::scope(|scope| {
            let ask = || scope.spawn(|| passed(&bucket, 5 * SECOND, 1000));
            let threads: Vec<_> = (0..4).map(|_| ask()).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or(0))
                .sum()
        });
        assert_eq!(total, 1000);
    }
}
