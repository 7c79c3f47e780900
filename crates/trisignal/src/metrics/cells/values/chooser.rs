//! Which measurements of a series become exemplars.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Classes of values, each half as wide as its octave; values that are 2¹⁶ times as large share one.
const CLASSES: usize = 32;

/// Chooses among the measurements that one thread makes of a series: the first of each class, and the n-th with the chance of
/// one in n. So the last one that is chosen is any of them, each with the same chance, and hardly any needs to be chosen.
#[derive(Debug)]
pub(super) struct Chooser {
    /// Measurements since the last collection. Only one thread counts.
    seen: [AtomicU32; CLASSES],
    random: AtomicU64,
}

impl Chooser {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seen: std::array::from_fn(|_| AtomicU32::new(0)),
            // Any but zero, where the generator would stay for ever.
            random: AtomicU64::new((seed ^ 0x9e37_79b9_7f4a_7c15).max(1)),
        }
    }

    /// Whether `value` is one to be shown.
    pub(super) fn chooses(&self, value: f64) -> bool {
        // The lowest bits of the exponent and the highest of the fraction.
        let class = (value.to_bits() >> 51) as usize % CLASSES;
        let seen = self.seen[class].load(Ordering::Relaxed).saturating_add(1);
        self.seen[class].store(seen, Ordering::Relaxed);
        seen == 1 || self.below(seen) == 0
    }

    /// Begins anew: the next one of each class is chosen.
    pub(super) fn reset(&self) {
        for seen in &self.seen {
            seen.store(0, Ordering::Relaxed);
        }
    }

    /// A number below `bound`, by Marsaglia's xorshift: good enough for a choice among measurements.
    fn below(&self, bound: u32) -> u64 {
        let mut random = self.random.load(Ordering::Relaxed);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.store(random, Ordering::Relaxed);
        // By the high bits, which are the better ones.
        ((random >> 32) * u64::from(bound)) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_chosen_is_any_of_them() {
        const ROUNDS: usize = 20_000;
        let chooser = Chooser::new(7);
        let mut last = [0_usize; 10];
        for _ in 0..ROUNDS {
            chooser.reset();
            let chosen = (0..10).filter(|_| chooser.chooses(1.0)).last();
            last[chosen.unwrap_or_default()] += 1;
        }
        let expected = ROUNDS / 10;
        for count in last {
            assert!(count.abs_diff(expected) < expected / 5, "{last:?}");
        }
    }

    #[test]
    fn each_class_has_its_first() {
        let chooser = Chooser::new(0);
        for value in [0.0, 0.005, 0.007, 1.0, 1.6, 9.0, 1e300] {
            assert!(chooser.chooses(value), "{value}");
        }
    }
}
