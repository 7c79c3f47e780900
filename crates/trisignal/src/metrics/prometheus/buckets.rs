//! Histograms with fixed buckets, and those with exponential ones as such.

use std::collections::BTreeMap;
use std::ops::Range;

use opentelemetry_sdk::metrics::data::{ExponentialBucket, ExponentialHistogramDataPoint};

/// A histogram as Prometheus' classic ones are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Buckets {
    /// The upper bounds, all but the last, which is infinite.
    pub(super) bounds: Vec<f64>,
    /// One more than bounds, or none.
    pub(super) counts: Vec<u64>,
    pub(super) count: u64,
    pub(super) sum: f64,
    /// Something less than zero was measured.
    pub(super) has_negative: bool,
}

impl Buckets {
    /// Each upper bound with the count of everything up to it; the last is infinite and has all.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut total = 0_u64;
        let counted = self.bounds.iter().zip(&self.counts);
        let below = counted.map(move |(bound, count)| {
            total = total.saturating_add(*count);
            (*bound, total)
        });
        below.chain([(f64::INFINITY, self.count)])
    }

    /// The sum where it can only grow: a sum of negative numbers is none that Prometheus can take a rate of.
    pub(super) fn monotonic_sum(&self) -> Option<f64> {
        let has_negative_bounds = self.bounds.iter().any(|bound| *bound < 0.0);
        (!self.has_negative && !has_negative_bounds && self.sum >= 0.0).then_some(self.sum)
    }
}

/// An exponential histogram with a bucket for each power of two.
///
/// Its own bounds change whenever something larger is measured. Those of a scale of 0, powers of two, are among those
/// of every finer scale, so their counts are exact and go on from one page to the next. A coarser scale has fewer of them.
pub(super) fn classic<T>(point: &ExponentialHistogramDataPoint<T>, sum: f64) -> Buckets {
    let scale = i32::from(point.scale());
    let mut buckets: BTreeMap<Bound, u64> = BTreeMap::new();
    let mut add = |bound: f64, count: u64| {
        if count > 0 {
            *buckets.entry(Bound(bound)).or_default() += count;
        }
    };
    for (powers, count) in by_powers(point.positive_bucket(), scale) {
        add(power_of_two(powers.end), count);
    }
    for (powers, count) in by_powers(point.negative_bucket(), scale) {
        add(-power_of_two(powers.start), count);
    }
    add(point.zero_threshold(), point.zero_count());
    let has_negative = buckets.keys().any(|bound| bound.0 < 0.0);
    // What is beyond the largest finite number is in the last bucket, with all.
    buckets.retain(|bound, _| bound.0.is_finite());
    Buckets {
        bounds: buckets.keys().map(|bound| bound.0).collect(),
        counts: buckets.into_values().collect(),
        count: point.count() as u64,
        sum,
        has_negative,
    }
}

/// The powers of two around each bucket, by their exponents, with the bucket's count.
fn by_powers(
    buckets: &ExponentialBucket,
    scale: i32,
) -> impl Iterator<Item = (Range<i32>, u64)> + '_ {
    // The bounds of a bucket are 2^(index / 2^scale) and the same of the next index.
    let indexes = (buckets.offset()..).zip(buckets.counts());
    indexes.map(move |(index, count)| {
        let powers = if scale >= 0 {
            let below = index >> scale.min(31);
            below..below + 1
        } else {
            let width = 1_i32 << (-scale).min(30);
            index.saturating_mul(width)..index.saturating_add(1).saturating_mul(width)
        };
        (powers, count)
    })
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from(exponent).exp2()
}

/// A bound in the order of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound(f64);

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
