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

type Shard = HashMap<u64, Arc<Open>, BuildHasherDefault<IdHasher>>;

#[derive(Debug)]
pub(crate) struct Table {
    bridge: u64,
    shards: Box<[Mutex<Shard>]>,
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
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
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
        self.shard(id).get(&id.into_u64()).cloned()
    }

    pub(crate) fn remove(&self, id: &Id) -> Option<Arc<Open>> {
        self.shard(id).remove(&id.into_u64())
    }

    #[inline]
    fn shard(&self, id: &Id) -> MutexGuard<'_, Shard> {
        let shard = spread(id.into_u64()) >> (64 - SHARDS.ilog2());
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
