//! The reservoirs of all series, found by the hash of a series' attributes.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use opentelemetry::{InstrumentationScope, Key, KeyValue};

use super::ExemplarFilter;
use super::reservoir::{Exemplar, Offer, Reservoir};
use crate::metrics::cardinality::OVERFLOW;
use crate::metrics::keys::Keys;

/// A series that nobody offered to in so many collections makes room where there is none.
const IDLE_EPOCHS: u64 = 2;

/// How many exemplars a series has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// One for each bucket with these upper bounds, and one above.
    Buckets(Vec<f64>),
    /// So many in all.
    Fixed(usize),
}

/// All reservoirs.
#[derive(Debug)]
pub(crate) struct Store {
    filter: ExemplarFilter,
    /// By scope and by the name of the stream in lower case: names of instruments are compared without case.
    streams: RwLock<HashMap<InstrumentationScope, HashMap<String, Arc<Stream>>>>,
    hasher: RandomState,
    /// The number of collections.
    epoch: AtomicU64,
}

/// The reservoirs of what one instrument brings under one view.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Of the attributes of measurements, those that make a series; all when `None`.
    allowed: Option<Keys>,
    shape: Shape,
    /// Series beyond it share one, as they do in the SDK.
    limit: usize,
    series: RwLock<HashMap<u64, Arc<Series>, BuildHasherDefault<IsHash>>>,
    /// The epoch in which room was last made.
    swept: AtomicU64,
}

/// The reservoir of one series, to be held where the attributes do not change.
#[derive(Debug)]
pub(crate) struct Series {
    reservoir: Mutex<Reservoir>,
}

impl Store {
    pub(crate) fn new(filter: ExemplarFilter) -> Self {
        Self {
            filter,
            streams: RwLock::default(),
            hasher: RandomState::new(),
            epoch: AtomicU64::new(1),
        }
    }

    pub(crate) fn filter(&self) -> ExemplarFilter {
        self.filter
    }

    /// The stream of that name, made now if it is new. Of two instruments with one name the first decides, as in the
    /// SDK.
    pub(crate) fn stream(
        &self,
        scope: &InstrumentationScope,
        name: &str,
        make: impl FnOnce() -> Stream,
    ) -> Arc<Stream> {
        let mut streams = write(&self.streams);
        let streams = streams.entry(scope.clone()).or_default();
        let stream = streams
            .entry(name.to_lowercase())
            .or_insert_with(|| Arc::new(make()));
        Arc::clone(stream)
    }

    /// The stream of that name, if an instrument has made it.
    pub(crate) fn find(&self, scope: &InstrumentationScope, name: &str) -> Option<Arc<Stream>> {
        let streams = read(&self.streams);
        let streams = streams.get(scope)?;
        let found = streams
            .get(name)
            .or_else(|| streams.get(&name.to_lowercase()));
        found.map(Arc::clone)
    }

    /// Begins a new collection: the next measurement of each series is kept again.
    pub(crate) fn collected(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// The exemplars of the series with these attributes.
    pub(crate) fn exemplars<'a>(
        &self,
        stream: &Stream,
        attributes: impl Iterator<Item = &'a KeyValue>,
    ) -> Vec<Exemplar> {
        let key = self.key(attributes);
        let series = read(&stream.series).get(&key).map(Arc::clone);
        let Some(series) = series else {
            return Vec::new();
        };
        let reservoir = series
            .reservoir
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reservoir.kept().cloned().collect()
    }

    /// The series of a measurement with these attributes.
    pub(super) fn series(&self, stream: &Stream, attributes: &[KeyValue]) -> Arc<Series> {
        let key = self.key(attributes.iter().filter(|kv| stream.allows(&kv.key)));
        if let Some(series) = read(&stream.series).get(&key) {
            return Arc::clone(series);
        }
        let key = stream.room_for(key, || self.overflow_key(), self.epoch());
        let mut all = write(&stream.series);
        let series = all.entry(key).or_insert_with(|| {
            let size = match &stream.shape {
                Shape::Buckets(bounds) => bounds.len() + 1,
                Shape::Fixed(size) => *size,
            };
            Arc::new(Series {
                reservoir: Mutex::new(Reservoir::new(size, key)),
            })
        });
        Arc::clone(series)
    }

    /// Offers a measurement to a series. It never waits: where another thread offers at this moment, that one is as
    /// good an example.
    pub(super) fn offer(
        &self,
        stream: &Stream,
        series: &Series,
        offer: Offer,
        attributes: &[KeyValue],
    ) {
        // The SDK leaves these out as well.
        let value = offer.value;
        if !value.as_f64().is_finite() {
            return;
        }
        let Ok(mut reservoir) = series.reservoir.try_lock() else {
            return;
        };
        let bucket = match &stream.shape {
            Shape::Buckets(bounds) => Some(bounds.partition_point(|bound| *bound < value.as_f64())),
            Shape::Fixed(_) => None,
        };
        let filtered = attributes.iter().filter(|kv| !stream.allows(&kv.key));
        reservoir.offer(bucket, offer, filtered, self.epoch());
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The hash of attributes in any order.
    fn key<'a>(&self, attributes: impl Iterator<Item = &'a KeyValue>) -> u64 {
        let each = attributes.map(|attribute| self.hasher.hash_one(attribute));
        each.fold(0, u64::wrapping_add)
    }

    /// The key of the series that the SDK puts everything beyond its limit into.
    fn overflow_key(&self) -> u64 {
        self.key(std::iter::once(&KeyValue::new(OVERFLOW, true)))
    }
}

impl Stream {
    pub(crate) fn new(allowed: Option<Keys>, shape: Shape, limit: usize) -> Self {
        Self {
            allowed,
            shape,
            limit,
            series: RwLock::default(),
            swept: AtomicU64::new(0),
        }
    }

    fn allows(&self, key: &Key) -> bool {
        self.allowed
            .as_ref()
            .is_none_or(|allowed| allowed.have(key))
    }

    /// `key` where there is room for a new series, else the one for what overflows.
    fn room_for(&self, key: u64, overflow: impl FnOnce() -> u64, epoch: u64) -> u64 {
        if read(&self.series).len() < self.limit {
            return key;
        }
        // Once for each collection: too many series must not make each measurement slow.
        if self.swept.swap(epoch, Ordering::Relaxed) == epoch {
            return overflow();
        }
        let since = epoch.saturating_sub(IDLE_EPOCHS);
        let mut all = write(&self.series);
        all.retain(|_, series| {
            // One that is locked is in use.
            series
                .reservoir
                .try_lock()
                .map_or(true, |reservoir| reservoir.is_used(since))
        });
        if all.len() < self.limit {
            key
        } else {
            overflow()
        }
    }
}

/// Takes a hash as it is.
#[derive(Debug, Default)]
struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole hashes come here; anything else would still be one, if a poor one.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
