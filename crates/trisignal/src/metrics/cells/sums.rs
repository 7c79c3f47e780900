//! Sums of counters.
//!
//! The first addition of each sum after a collection, and the first one inside of a sampled span, go to the SDK's instrument
//! instead: it is there that a series begins, and that a measurement becomes an exemplar.

mod adder;

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;

pub(in crate::metrics) use self::adder::Adder;
use super::{Epoch, Table, hash, next_owner, same};
use crate::bridge::current::with_span;

/// Steps up to this size are added up here: it takes 2⁴³ of them to overflow a sum, more than there are between two
/// collections.
const LARGEST_STEP: u64 = 1 << 20;

static EPOCH: Epoch = Epoch::new();

thread_local! {
    static TABLE: RefCell<Table<Sum>> = const { RefCell::new(Table::new()) };
}

/// Begins a new epoch: all sums are handed over next.
pub(in crate::metrics) fn begin_collection() {
    EPOCH.next();
}

/// A step of a sum that is kept here.
#[derive(Clone, Copy, Debug)]
pub(in crate::metrics) struct Step(i64);

impl Step {
    pub(in crate::metrics) fn up(value: u64) -> Option<Self> {
        (value <= LARGEST_STEP).then_some(Self(value.cast_signed()))
    }

    pub(in crate::metrics) fn either_way(value: i64) -> Option<Self> {
        (value.unsigned_abs() <= LARGEST_STEP).then_some(Self(value))
    }
}

/// The sums of one instrument, of all threads.
#[derive(Debug)]
pub(in crate::metrics) struct Sums {
    owner: u64,
    all: Mutex<All>,
}

#[derive(Debug)]
struct All {
    sums: Vec<Arc<Sum>>,
    /// So many are too many: some may be nobody's any more.
    sweep_at: usize,
}

/// How many sums are never too many.
const FEW_SUMS: usize = 64;

/// One sum, with the attributes it is for.
#[derive(Debug)]
pub(in crate::metrics) struct Sum {
    attributes: Box<[KeyValue]>,
    /// Two's complement, so that steps may go either way. It only ever goes on: what of it is new is known by the difference.
    sum: AtomicU64,
    /// What of `sum` was handed over; its lock is held until the SDK has it.
    taken: Mutex<u64>,
    /// What of this sum the SDK's instrument has seen since the last collection: [`NOTHING`], [`A_STEP`], [`AN_EXAMPLE`].
    shown: AtomicU8,
}

const NOTHING: u8 = 0;
const A_STEP: u8 = 1;
const AN_EXAMPLE: u8 = 2;

impl Sums {
    pub(in crate::metrics) fn new() -> Self {
        Self {
            owner: next_owner(),
            all: Mutex::new(All {
                sums: Vec::new(),
                sweep_at: FEW_SUMS,
            }),
        }
    }

    /// Adds to the sum that this thread keeps for these attributes. False when nothing was added, because the
    /// instrument itself is to be told.
    pub(in crate::metrics) fn add(&self, step: Step, attributes: &[KeyValue]) -> bool {
        let Some(hash) = hash(self.owner, attributes) else {
            return false;
        };
        // Not there any more while the thread ends, and borrowed only by code that runs inside of this very call.
        let added = TABLE.try_with(|table| {
            let mut table = table.try_borrow_mut().ok()?;
            let is_it = |sum: &Sum| same(&sum.attributes, attributes);
            let make = || self.own(attributes);
            let sum = table.find(EPOCH.now(), self.owner, hash, is_it, make)?;
            sum.add_alone(step).then_some(())
        });
        matches!(added, Ok(Some(())))
    }

    /// A sum of its own for these attributes, for a handle that holds it.
    pub(in crate::metrics) fn own(&self, attributes: &[KeyValue]) -> Arc<Sum> {
        let sum = Arc::new(Sum {
            attributes: attributes.into(),
            sum: AtomicU64::new(0),
            taken: Mutex::new(0),
            shown: AtomicU8::new(NOTHING),
        });
        self.lock().sums.push(Arc::clone(&sum));
        sum
    }

    /// Hands over what was added up since it was last called.
    pub(in crate::metrics) fn drain(&self, mut record: impl FnMut(i64, &[KeyValue])) {
        // Outside of the lock: whoever records is the SDK.
        let all = self.lock().sums.clone();
        for sum in &all {
            sum.shown.store(NOTHING, Ordering::Relaxed);
            sum.hand_over(|new| record(new, &sum.attributes));
        }
        drop(all);
        // Nobody holds these but this list, so nobody can add to them any more.
        self.lock()
            .sums
            .retain(|sum| Arc::strong_count(sum) > 1 || !sum.is_taken());
    }

    /// Where there are too many sums, hands over and forgets those that nobody can add to any more: perhaps nobody ever
    /// collects.
    pub(in crate::metrics) fn sweep(&self, mut record: impl FnMut(i64, &[KeyValue])) {
        let mut all = self.lock();
        if all.sums.len() < all.sweep_at {
            return;
        }
        let is_nobodys = |sum: &mut Arc<Sum>| Arc::strong_count(sum) == 1;
        let gone: Vec<_> = all.sums.extract_if(.., is_nobodys).collect();
        all.sweep_at = FEW_SUMS.max(2 * all.sums.len());
        drop(all);
        for sum in gone {
            sum.hand_over(|new| record(new, &sum.attributes));
        }
    }

    #[cfg(test)]
    pub(in crate::metrics) fn count(&self) -> usize {
        self.lock().sums.len()
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // A list of handles is whole after every statement.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum {
    /// For those that several threads may add to. False when nothing was added, because the instrument itself is to be told.
    pub(in crate::metrics) fn add(&self, step: Step) -> bool {
        if self.is_to_be_shown() {
            return false;
        }
        self.sum
            .fetch_add(step.0.cast_unsigned(), Ordering::Relaxed);
        true
    }

    /// As [`Sum::add`], where nobody but this thread adds to it: then it takes no locked instruction.
    fn add_alone(&self, step: Step) -> bool {
        if self.is_to_be_shown() {
            return false;
        }
        let sum = self.sum.load(Ordering::Relaxed);
        let sum = sum.wrapping_add(step.0.cast_unsigned());
        self.sum.store(sum, Ordering::Relaxed);
        true
    }

    pub(in crate::metrics) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    fn hand_over(&self, record: impl FnOnce(i64)) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = self.sum.load(Ordering::Relaxed);
        let new = sum.wrapping_sub(std::mem::replace(&mut *taken, sum));
        if new != 0 {
            record(new.cast_signed());
        }
    }

    fn is_taken(&self) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken == self.sum.load(Ordering::Relaxed)
    }

    fn is_to_be_shown(&self) -> bool {
        let shown = self.shown.load(Ordering::Relaxed);
        if shown == AN_EXAMPLE {
            return false;
        }
        let sampled = in_sampled_span();
        if shown == A_STEP && !sampled {
            return false;
        }
        let now = if sampled { AN_EXAMPLE } else { A_STEP };
        self.shown.store(now, Ordering::Relaxed);
        true
    }
}

fn in_sampled_span() -> bool {
    with_span(SpanContext::is_sampled).unwrap_or(false)
}

#[cfg(test)]
#[path = "sums_tests.rs"]
mod tests;
