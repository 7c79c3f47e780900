//! What threads keep for themselves until metrics are collected.
//!
//! To the SDK, each measurement is a look-up of its attributes in a map under a lock that all threads share. Here a thread finds
//! a cell for the attributes in a small table of its own, and only it writes there. Before each collection the cells are
//! handed over, so that what is exported is the same.
//!
//! - [`sums`] are for counters: what was added.
//! - [`values`] are for histograms: the measurements themselves, some dozens of them.

pub(super) mod sums;
pub(super) mod values;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use opentelemetry::{KeyValue, Value};

/// Cells that a thread keeps of a kind, over all instruments. A power of two.
const SLOTS: usize = 256;

/// Counts collections: a cell that was not used since the last one but one makes room for another.
#[derive(Debug)]
struct Epoch(AtomicU32);

impl Epoch {
    const fn new() -> Self {
        Self(AtomicU32::new(1))
    }

    fn next(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells owners of cells apart, also those that are gone.
fn next_owner() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The cells of a thread.
#[derive(Debug)]
pub(in crate::metrics) struct Table<C> {
    /// None before the first use.
    slots: Vec<Option<Slot<C>>>,
}

#[derive(Debug)]
struct Slot<C> {
    owner: u64,
    hash: u64,
    /// The epoch of its last use.
    used: u32,
    cell: Arc<C>,
}

impl<C> Table<C> {
    const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// The cell of `owner` with this hash for which `is_it` holds, made where there is room.
    #[inline]
    fn find(
        &mut self,
        epoch: u32,
        owner: u64,
        hash: u64,
        is_it: impl Fn(&C) -> bool,
        make: impl FnOnce() -> Arc<C>,
    ) -> Option<&C> {
        // The upper bits are the well mixed ones.
        let first = (hash >> 32) as usize % SLOTS;
        let is_here = |slot: &Option<Slot<C>>| {
            let slot = slot.as_ref();
            slot.is_some_and(|slot| slot.hash == hash && slot.owner == owner && is_it(&slot.cell))
        };
        let place = if self.slots.get(first).is_some_and(is_here) {
            first
        } else if self.slots.get(first ^ 1).is_some_and(is_here) {
            first ^ 1
        } else {
            self.make_room(epoch, first, |used| Slot {
                owner,
                hash,
                used,
                cell: make(),
            })?
        };
        let slot = self.slots[place].as_mut()?;
        slot.used = epoch;
        Some(&slot.cell)
    }

    #[cold]
    fn make_room(
        &mut self,
        epoch: u32,
        first: usize,
        make: impl FnOnce(u32) -> Slot<C>,
    ) -> Option<usize> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let is_free = |slot: &Slot<C>| epoch.wrapping_sub(slot.used) > 1;
        let mut places = [first, first ^ 1].into_iter();
        let place = places.find(|place| self.slots[*place].as_ref().is_none_or(is_free))?;
        self.slots[place] = Some(make(epoch));
        Some(place)
    }
}

/// A number for an owner and attributes in this order; `None` for values that are lists, which are rare and slow to
/// compare. Keys go by their address: they are nearly always constants, and where equal ones are not, there are two cells.
#[inline]
fn hash(owner: u64, attributes: &[KeyValue]) -> Option<u64> {
    let mut hash = mix(owner, attributes.len() as u64);
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
#[inline]
fn same(one: &[KeyValue], other: &[KeyValue]) -> bool {
    let same = |(one, other): (&KeyValue, &KeyValue)| {
        (std::ptr::eq(one.key.as_str(), other.key.as_str()) || one.key == other.key)
            && one.value == other.value
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}
