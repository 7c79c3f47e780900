//! What threads keep for themselves until metrics are collected.
//!
//! To the SDK, each measurement is a look-up of its attributes in a map under a lock that all threads share. Here a thread finds
//! a cell for the attributes in a small table of its own, and only it writes there. Before each collection the cells are
//! handed over, so that what is exported is the same.
//!
//! - [`sums`] are for counters: what was added.
//! - [`values`] are for histograms: the measurements themselves, some dozens of them.
//! - [`drains`] hands all of it over that is kept for a provider.

pub(super) mod drains;
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
///
/// Every attribute is multiplied by itself, so that a processor does all of them at once.
#[inline]
fn hash(owner: u64, attributes: &[KeyValue]) -> Option<u64> {
    let mut hash = attributes.len() as u64;
    let mut salt = owner ^ SALT;
    for attribute in attributes {
        // Not the same in another place.
        salt = salt.wrapping_add(STEP);
        let value = match &attribute.value {
            Value::Bool(value) => u64::from(*value),
            Value::I64(value) => value.cast_unsigned(),
            Value::F64(value) => value.to_bits(),
            Value::String(value) => text(value.as_str().as_bytes()),
            _ => return None,
        };
        let key = attribute.key.as_str().as_ptr().addr() as u64;
        hash = hash.wrapping_add(fold(key ^ salt, value ^ salt.rotate_left(32)));
    }
    Some(fold(hash ^ owner, STEP))
}

const SALT: u64 = 0x243f_6a88_85a3_08d3;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn text(bytes: &[u8]) -> u64 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let half = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    let length = bytes.len() as u64;
    // What is read twice does no harm.
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (words, _) = bytes.as_chunks::<8>();
        let between = words
            .iter()
            .skip(1)
            .fold(length, |hash, bytes| fold(hash ^ SALT, word(bytes) ^ STEP));
        return fold(word(first) ^ SALT, word(last) ^ STEP).wrapping_add(between);
    }
    let (first, last) = match (bytes.first_chunk(), bytes.last_chunk(), bytes) {
        (Some(first), Some(last), _) => (half(first), half(last)),
        (_, _, [first, middle, last]) => (
            u64::from(*first),
            u64::from(*middle) << 8 | u64::from(*last),
        ),
        (_, _, [first, last]) => (u64::from(*first), u64::from(*last)),
        (_, _, rest) => (rest.first().map_or(0, |byte| u64::from(*byte)), 0),
    };
    fold(first ^ SALT ^ length << 32, last ^ STEP)
}

/// Both halves of a product, one upon the other. Enough to spread the entries of a table that compares them anyway.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    let lower = product as u64;
    lower ^ (product >> 64) as u64
}

/// Whether attributes are the same, in the same order.
#[inline]
fn same(one: &[KeyValue], other: &[KeyValue]) -> bool {
    // What is at the same place need not be looked at: nearly always the text is a constant.
    let text = |one: &str, other: &str| std::ptr::eq(one, other) || one == other;
    let same = |(one, other): (&KeyValue, &KeyValue)| {
        let values = match (&one.value, &other.value) {
            (Value::String(one), Value::String(other)) => text(one.as_str(), other.as_str()),
            (one, other) => one == other,
        };
        values && text(one.key.as_str(), other.key.as_str())
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Texts of any length, places and owners: hardly any two have the same number, or the same place in a table.
    #[test]
    fn hashes_are_spread() {
        let letters = "abcdefghijklmnopqrstuvwxyz";
        let mut hashes = HashSet::new();
        let mut places = HashSet::new();
        let mut count = 0_usize;
        for owner in 0..4 {
            for length in 0..letters.len() {
                for number in 0..4_i64 {
                    let text = KeyValue::new("text", letters[..length].to_owned());
                    let number = KeyValue::new("number", number);
                    for attributes in [[text.clone(), number.clone()], [number, text]] {
                        let hash = hash(owner, &attributes).unwrap_or_default();
                        hashes.insert(hash);
                        places.insert((owner, (hash >> 32) as usize % SLOTS));
                        count += 1;
                    }
                }
            }
        }
        assert_eq!(hashes.len(), count);
        assert!(places.len() > 4 * SLOTS / 3, "{}", places.len());
    }
}
