//! The open spans of a subscriber, by their `tracing` IDs.
//!
//! A table of its own instead of the registry's extensions: they would cost an allocation for each span, and a look-up
//! through two locks each time that a span is entered.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::Context;
use tracing::span::Id;

use super::open::Open;

/// Enough that threads seldom meet.
const SHARDS: usize = 64;

/// An open span and the OpenTelemetry context inside of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) open: Arc<Open>,
    /// `None` for spans that are not exported.
    pub(crate) context: Option<Context>,
}

type Shard = HashMap<u64, Entry, BuildHasherDefault<IdHasher>>;

#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Mutex<Shard>]>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Table {
    pub(crate) fn insert(&self, id: &Id, entry: Entry) {
        let old = self.shard(id).insert(id.into_u64(), entry);
        // Outside of the lock: what ends with a context may be code of users.
        drop(old);
    }

    #[inline]
    pub(crate) fn get(&self, id: &Id) -> Option<Entry> {
        self.shard(id).get(&id.into_u64()).cloned()
    }

    pub(crate) fn remove(&self, id: &Id) -> Option<Entry> {
        self.shard(id).remove(&id.into_u64())
    }

    #[inline]
    fn shard(&self, id: &Id) -> MutexGuard<'_, Shard> {
        let shard = spread(id.into_u64()) >> (64 - SHARDS.ilog2());
        // Nothing panics under this lock but a lack of memory.
        self.shards[shard as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
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
