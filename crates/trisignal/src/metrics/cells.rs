//! Sums that threads keep for themselves until metrics are collected.
//!
//! To the SDK, each addition is a look-up of its attributes in a map under a lock that all threads share. Here a thread finds
//! the sum for the attributes it adds to in a small table of its own, and only it writes there. Before each
//! collection the sums are handed over ([`Cells::drain`]), so that what is exported is the same.
//!
//! The first addition of each sum after a collection, and the first one inside of a sampled span, go to the SDK's instrument
//! instead: it is there that a series begins, and that a measurement becomes an exemplar.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::SpanContext;
use opentelemetry::{KeyValue, Value};

use crate::bridge::current::with_span;

/// Sums that a thread keeps, over all instruments. A power of two.
const SLOTS: usize = 256;
/// Steps up to this size are added up here: it takes 2⁴³ of them to overflow a sum, more than there are between two
/// collections.
const LARGEST_STEP: u64 = 1 << 20;

/// Counts collections of all instruments: a sum that was not used since the last one but one makes room for another.
static EPOCH: AtomicU32 = AtomicU32::new(1);
static NEXT_INSTRUMENT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static TABLE: RefCell<Vec<Option<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// Begins a new epoch: all sums are handed over next.
pub(super) fn begin_collection() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}

/// A step of a sum that is kept here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step(i64);

impl Step {
    pub(super) fn up(value: u64) -> Option<Self> {
        (value <= LARGEST_STEP).then_some(Self(value.cast_signed()))
    }

    pub(super) fn either_way(value: i64) -> Option<Self> {
        (value.unsigned_abs() <= LARGEST_STEP).then_some(Self(value))
    }
}

/// The sums of one instrument, of all threads.
#[derive(Debug)]
pub(super) struct Cells {
    /// Tells instruments apart, also those that are gone.
    instrument: u64,
    all: Mutex<Vec<Arc<Cell>>>,
}

/// One sum, with the attributes it is for.
#[derive(Debug)]
pub(super) struct Cell {
    attributes: Box<[KeyValue]>,
    /// Two's complement, so that steps may go either way.
    sum: AtomicU64,
    /// What of this sum the SDK's instrument has seen since the last collection: [`NOTHING`], [`A_STEP`], [`AN_EXAMPLE`].
    shown: AtomicU8,
}

const NOTHING: u8 = 0;
const A_STEP: u8 = 1;
const AN_EXAMPLE: u8 = 2;

/// A place in the table of a thread.
#[derive(Debug)]
struct Slot {
    instrument: u64,
    hash: u64,
    /// The epoch of its last use.
    used: u32,
    cell: Arc<Cell>,
}

impl Cells {
    pub(super) fn new() -> Self {
        Self {
            instrument: NEXT_INSTRUMENT.fetch_add(1, Ordering::Relaxed),
            all: Mutex::default(),
        }
    }

    /// Adds to the sum that this thread keeps for these attributes. False when nothing was added, because the
    /// instrument itself is to be told.
    pub(super) fn add(&self, step: Step, attributes: &[KeyValue]) -> bool {
        let Some(hash) = hash(self.instrument, attributes) else {
            return false;
        };
        // Not there any more while the thread ends, and borrowed only by code that runs inside of this very call.
        let added = TABLE.try_with(|table| {
            let mut table = table.try_borrow_mut().ok()?;
            let cell = self.find(&mut table, hash, attributes)?;
            cell.add(step).then_some(())
        });
        matches!(added, Ok(Some(())))
    }

    /// A sum of its own for these attributes, for a handle that holds it.
    pub(super) fn own(&self, attributes: &[KeyValue]) -> Arc<Cell> {
        let cell = Arc::new(Cell {
            attributes: attributes.into(),
            sum: AtomicU64::new(0),
            shown: AtomicU8::new(NOTHING),
        });
        self.lock().push(Arc::clone(&cell));
        cell
    }

    /// Hands over what was added up since it was last called.
    pub(super) fn drain(&self, mut record: impl FnMut(i64, &[KeyValue])) {
        // Outside of the lock: whoever records is the SDK, and views of the user.
        let cells = self.lock().clone();
        for cell in &cells {
            cell.shown.store(NOTHING, Ordering::Relaxed);
            let sum = cell.sum.swap(0, Ordering::Relaxed).cast_signed();
            if sum != 0 {
                record(sum, &cell.attributes);
            }
        }
        drop(cells);
        // Nobody holds these but this list, so nobody can add to them any more.
        self.lock()
            .retain(|cell| Arc::strong_count(cell) > 1 || cell.sum.load(Ordering::Relaxed) != 0);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The sum for these attributes in the table of this thread, made where there is room.
    fn find<'a>(
        &self,
        table: &'a mut Vec<Option<Slot>>,
        hash: u64,
        attributes: &[KeyValue],
    ) -> Option<&'a Cell> {
        if table.is_empty() {
            table.resize_with(SLOTS, || None);
        }
        let epoch = EPOCH.load(Ordering::Relaxed);
        // The upper bits are the well mixed ones.
        let first = (hash >> 32) as usize % SLOTS;
        let places = [first, first ^ 1];
        let is_it = |slot: &Slot| {
            slot.hash == hash
                && slot.instrument == self.instrument
                && same(&slot.cell.attributes, attributes)
        };
        let found = places
            .into_iter()
            .find(|place| table[*place].as_ref().is_some_and(is_it));
        let place = match found {
            Some(place) => place,
            None => {
                let is_free = |slot: &Slot| epoch.wrapping_sub(slot.used) > 1;
                let mut places = places.into_iter();
                let place = places.find(|place| table[*place].as_ref().is_none_or(is_free))?;
                table[place] = Some(Slot {
                    instrument: self.instrument,
                    hash,
                    used: epoch,
                    cell: self.own(attributes),
                });
                place
            }
        };
        let slot = table[place].as_mut()?;
        slot.used = epoch;
        Some(&slot.cell)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Cell>>> {
        // A list of handles is whole after every statement.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cell {
    /// False when nothing was added, because the instrument itself is to be told.
    pub(super) fn add(&self, step: Step) -> bool {
        if self.is_to_be_shown() {
            return false;
        }
        self.sum
            .fetch_add(step.0.cast_unsigned(), Ordering::Relaxed);
        true
    }

    pub(super) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
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

/// A number for an instrument and attributes in this order; `None` for values that are lists, which are rare and slow to
/// compare. Keys go by their address: they are nearly always constants, and where equal ones are not, there are two sums.
fn hash(instrument: u64, attributes: &[KeyValue]) -> Option<u64> {
    let mut hash = mix(instrument, attributes.len() as u64);
    for attribute in attributes {
        let key = attribute.key.as_str();
        hash = mix(hash, key.as_ptr().addr() as u64 ^ (key.len() as u64) << 48);
        hash = match &attribute.value {
            Value::Bool(value) => mix(hash, u64::from(*value)),
            Value::I64(value) => mix(hash, value.cast_unsigned()),
            Value::F64(value) => mix(hash, value.to_bits()),
            Value::String(value) => text(hash, value.as_str().as_bytes()),
            _ => return None,
        };
    }
    Some(hash)
}

fn text(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = mix(hash, bytes.len() as u64);
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let tail = rest
        .iter()
        .fold(0, |tail: u64, byte| tail << 8 | u64::from(*byte));
    mix(hash, tail)
}

/// One step of a multiplicative hash, enough to spread the entries of a table that compares them anyway.
fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether attributes are the same, in the same order.
fn same(one: &[KeyValue], other: &[KeyValue]) -> bool {
    let same = |(one, other): (&KeyValue, &KeyValue)| {
        (std::ptr::eq(one.key.as_str(), other.key.as_str()) || one.key == other.key)
            && one.value == other.value
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

#[cfg(test)]
#[path = "cells_tests.rs"]
mod tests;
