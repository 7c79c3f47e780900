//! The open spans of a subscriber, by their `tracing` IDs.
//!
//! A table of its own instead of the registry's extensions: they would cost an allocation for each span, and a look-up
//! through two locks each time that a span is entered.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tracing::span::Id;

use super::open::Open;

/// Enough that threads seldom meet.
const SHARDS: usize = 64;

/// How many IDs that follow each other are in one shard: those that a thread gives out.
pub(crate) const NEIGHBOURS: u64 = 4096;

/// How many spans of a shard have a place by their ID.
const PLACES: usize = 64;

#[derive(Debug)]
pub(crate) struct Table {
    bridge: u64,
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

/// A part of the spans. Nearly all have a place by the end of their ID; those that find it taken are elsewhere.
#[derive(Debug, Default)]
struct Shard {
    /// None until there is a first span.
    places: Box<[Place]>,
    elsewhere: HashMap<u64, Arc<Open>, BuildHasherDefault<IdHasher>>,
}

type Place = Option<(u64, Arc<Open>)>;

impl Shard {
    fn insert(&mut self, id: u64, open: Arc<Open>) -> Option<Arc<Open>> {
        if self.elsewhere.is_empty()
            && let Some(place @ None) = self.place(id)
        {
            *place = Some((id, open));
            return None;
        }
        self.insert_anywhere(id, open)
    }

    #[cold]
    fn insert_anywhere(&mut self, id: u64, open: Arc<Open>) -> Option<Arc<Open>> {
        if self.places.is_empty() {
            self.places = (0..PLACES).map(|_| None).collect();
        }
        match self.place(id) {
            Some(place @ None) => {
                *place = Some((id, open));
                // One that was never closed.
                self.elsewhere.remove(&id)
            }
            Some(Some((other, there))) if *other == id => Some(std::mem::replace(there, open)),
            _ => self.elsewhere.insert(id, open),
        }
    }

    fn get(&self, id: u64) -> Option<&Arc<Open>> {
        match self.places.get(id as usize % PLACES)? {
            Some((found, open)) if *found == id => Some(open),
            _ => self.get_elsewhere(id),
        }
    }

    #[cold]
    fn get_elsewhere(&self, id: u64) -> Option<&Arc<Open>> {
        self.elsewhere.get(&id)
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Open>> {
        let placed = self.place(id)?.take_if(|(found, _)| *found == id);
        match placed {
            Some((_, open)) => Some(open),
            None => self.remove_elsewhere(id),
        }
    }

    #[cold]
    fn remove_elsewhere(&mut self, id: u64) -> Option<Arc<Open>> {
        self.elsewhere.remove(&id)
    }

    fn place(&mut self, id: u64) -> Option<&mut Place> {
        self.places.get_mut(id as usize % PLACES)
    }
}

/// The tables of all bridges of the process, for those who know a span by numbers only.
static TABLES: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());

/// A span of any bridge, while it is open.
pub(crate) fn find(bridge: u64, id: u64) -> Option<Arc<Open>> {
    let table = {
        let tables = lock(&TABLES);
        let mut alive = tables.iter().filter_map(Weak::upgrade);
        alive.find(|table| table.bridge == bridge)
    };
    table?.get(&Id::from_u64(id))
}

impl Table {
    /// The table of a bridge, which has one.
    pub(crate) fn new(bridge: u64) -> Arc<Self> {
        let table = Arc::new(Self {
            bridge,
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
        });
        let mut tables = lock(&TABLES);
        tables.retain(|table| table.strong_count() > 0);
        tables.push(Arc::downgrade(&table));
        table
    }

    pub(crate) fn bridge(&self) -> u64 {
        self.bridge
    }

    pub(crate) fn insert(&self, id: &Id, open: Arc<Open>) {
        let old = self.shard(id).insert(id.into_u64(), open);
        // Outside of the lock: what ends with a context may be code of users.
        drop(old);
    }

    #[inline]
    pub(crate) fn get(&self, id: &Id) -> Option<Arc<Open>> {
        self.shard(id).get(id.into_u64()).cloned()
    }

    pub(crate) fn remove(&self, id: &Id) -> Option<Arc<Open>> {
        self.shard(id).remove(id.into_u64())
    }

    #[inline]
    fn shard(&self, id: &Id) -> MutexGuard<'_, Shard> {
        let shard = spread(id.into_u64() / NEIGHBOURS) >> (64 - SHARDS.ilog2());
        lock(&self.shards[shard as usize])
    }
}

/// Nothing panics under the locks of this module but a lack of memory.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[inline]
fn spread(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// IDs are numbers that only have to be spread, and differently than over the shards.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = spread(self.0 ^ value).rotate_left(29);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use rand::rngs::SmallRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    #[test]
    fn every_span_is_found_by_its_id() {
        let table = Table::new(u64::MAX);
        let mut known: HashMap<u64, Arc<Open>> = HashMap::new();
        let mut random = SmallRng::seed_from_u64(1);
        for _ in 0..20_000 {
            // Many for each place, and some shards.
            let id = random.random_range(1..1_000) << random.random_range(0..8);
            let key = Id::from_u64(id);
            match random.random_range(0..3) {
                0 => {
                    let open = Arc::<Open>::default();
                    table.insert(&key, Arc::clone(&open));
                    known.insert(id, open);
                }
                1 => {
                    let (found, expected) = (table.remove(&key), known.remove(&id));
                    assert_eq!(
                        found.map(|open| Arc::as_ptr(&open)),
                        expected.map(|open| Arc::as_ptr(&open))
                    );
                }
                _ => {
                    let (found, expected) = (table.get(&key), known.get(&id));
                    assert_eq!(
                        found.map(|open| Arc::as_ptr(&open)),
                        expected.map(Arc::as_ptr)
                    );
                    let anywhere = find(u64::MAX, id).map(|open| Arc::as_ptr(&open));
                    assert_eq!(anywhere, expected.map(Arc::as_ptr));
                }
            }
        }
        drop(table);
        assert!(known.keys().all(|id| find(u64::MAX, *id).is_none()));
    }
}
