//! Few of many measurements of one series, each with the same chance.

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, TraceId};

use super::filter::Place;

/// A measured value as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    #[expect(
        clippy::cast_precision_loss,
        reason = "for comparisons with bounds, which are floats as well"
    )]
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// A measurement and where it was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) value: Number,
    pub(crate) time: SystemTime,
    pub(crate) span: Option<(TraceId, SpanId)>,
    /// Attributes of the measurement that its series does not have.
    pub(crate) filtered: Vec<KeyValue>,
}

/// A measurement that may become an exemplar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) value: Number,
    pub(super) place: Place,
    pub(super) choice: Choice,
}

/// Who chooses among measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The reservoir, which is offered all of them.
    Reservoir,
    /// Somebody has, and this is one.
    Made,
}

/// A fixed number of places, and how many measurements there were for them since the last collection.
#[derive(Debug)]
pub(super) struct Reservoir {
    /// Made when first used, and overwritten from then on: a histogram seldom uses all of its buckets.
    slots: Box<[Slot]>,
    epoch: u64,
    random: u64,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    seen: u64,
    kept: Option<Box<Exemplar>>,
}

impl Reservoir {
    pub(super) fn new(size: usize, seed: u64) -> Self {
        Self {
            slots: vec![Slot::default(); size.max(1)].into_boxed_slice(),
            epoch: 0,
            // Any but zero, where the generator would stay for ever.
            random: (seed ^ 0x9e37_79b9_7f4a_7c15).max(1),
        }
    }

    /// Offers a measurement for the slot of its bucket, or any slot.
    ///
    /// A collection begins a new `epoch`, in which the first one is kept again.
    pub(super) fn offer<'a>(
        &mut self,
        bucket: Option<usize>,
        offer: Offer,
        filtered: impl Iterator<Item = &'a KeyValue>,
        epoch: u64,
    ) {
        let Offer {
            value,
            place,
            choice,
        } = offer;
        if epoch != self.epoch {
            self.epoch = epoch;
            self.slots.iter_mut().for_each(|slot| slot.seen = 0);
        }
        let slot = match choice {
            Choice::Reservoir => self.chosen(bucket),
            Choice::Made => self.next(bucket),
        };
        let Some(slot) = slot else {
            return;
        };
        let time = SystemTime::now();
        match &mut slot.kept {
            Some(kept) => {
                (kept.value, kept.time, kept.span) = (value, time, place);
                kept.filtered.clear();
                kept.filtered.extend(filtered.cloned());
            }
            kept @ None => {
                *kept = Some(Box::new(Exemplar {
                    value,
                    time,
                    span: place,
                    filtered: filtered.cloned().collect(),
                }));
            }
        }
    }

    /// The slot that takes this measurement, if one does: the n-th is kept with the chance of its share of n.
    fn chosen(&mut self, bucket: Option<usize>) -> Option<&mut Slot> {
        let size = self.slots.len() as u64;
        match bucket {
            Some(bucket) => {
                let bucket = bucket.min(self.slots.len() - 1);
                let seen = self.slots[bucket].seen;
                self.slots[bucket].seen = seen.saturating_add(1);
                (self.below(seen.saturating_add(1)) == 0).then(|| &mut self.slots[bucket])
            }
            None => {
                // The first slot counts for all.
                let seen = self.slots[0].seen;
                self.slots[0].seen = seen.saturating_add(1);
                let place = if seen < size {
                    seen
                } else {
                    self.below(seen.saturating_add(1))
                };
                self.slots.get_mut(usize::try_from(place).ok()?)
            }
        }
    }

    /// The slot of the bucket, or that which was filled first.
    fn next(&mut self, bucket: Option<usize>) -> Option<&mut Slot> {
        let place = match bucket {
            Some(bucket) => bucket.min(self.slots.len() - 1),
            None => {
                let seen = self.slots[0].seen;
                self.slots[0].seen = seen.saturating_add(1);
                usize::try_from(seen % self.slots.len() as u64).ok()?
            }
        };
        self.slots.get_mut(place)
    }

    /// A number below `bound`, by Marsaglia's xorshift: good enough for a choice among measurements.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        // By the high bits, which are the better ones.
        let product = u128::from(self.random) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// What was kept, by slot.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Exemplar> {
        self.slots.iter().filter_map(|slot| slot.kept.as_deref())
    }

    /// Whether there was an offer in the epoch `since` or later.
    pub(super) fn is_used(&self, since: u64) -> bool {
        self.epoch >= since
    }
}
