//! A histogram whose measurements threads keep for a while.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundSyncInstrument, Histogram, SyncInstrument};

use super::ring::Ring;
use crate::metrics::cells::drains::{Drain, Drains};
use crate::metrics::cells::{Epoch, Table, hash, next_owner, same};
use crate::metrics::exemplar::Number;
use crate::metrics::exemplar::capture::Capture;

static EPOCH: Epoch = Epoch::new();

thread_local! {
    static FLOATS: RefCell<Table<Ring<f64>>> = const { RefCell::new(Table::new()) };
    static INTEGERS: RefCell<Table<Ring<u64>>> = const { RefCell::new(Table::new()) };
}

/// Begins a new epoch: all rings are handed over next.
pub(in crate::metrics::cells) fn begin_collection() {
    EPOCH.next();
}

/// What histograms measure.
pub(in crate::metrics) trait Measured:
    Copy + Send + Sync + Into<Number> + 'static
{
    fn to_word(self) -> u64;
    fn from_word(word: u64) -> Self;
    fn table() -> &'static LocalKey<RefCell<Table<Ring<Self>>>>;
}

impl Measured for f64 {
    fn to_word(self) -> u64 {
        self.to_bits()
    }

    fn from_word(word: u64) -> Self {
        Self::from_bits(word)
    }

    fn table() -> &'static LocalKey<RefCell<Table<Ring<Self>>>> {
        &FLOATS
    }
}

impl Measured for u64 {
    fn to_word(self) -> u64 {
        self
    }

    fn from_word(word: u64) -> Self {
        word
    }

    fn table() -> &'static LocalKey<RefCell<Table<Ring<Self>>>> {
        &INTEGERS
    }
}

/// A histogram of the SDK, and the rings of all threads that measure with it.
pub(in crate::metrics) struct Keeper<T: Measured>(Arc<Kept<T>>);

struct Kept<T: Measured> {
    owner: u64,
    instrument: Histogram<T>,
    /// Where exemplars go; nowhere where none are made.
    capture: Option<Capture>,
    rings: Mutex<Rings<T>>,
}

struct Rings<T> {
    all: Vec<Arc<Ring<T>>>,
    /// So many are too many: some may be left of threads that are gone.
    sweep_at: usize,
}

/// How many rings are never too many.
const FEW_RINGS: usize = 64;

impl<T: Measured> Keeper<T> {
    pub(in crate::metrics) fn new(
        instrument: Histogram<T>,
        capture: Option<Capture>,
        drains: &Drains,
    ) -> Self {
        let kept = Arc::new(Kept {
            owner: next_owner(),
            instrument,
            capture,
            rings: Mutex::new(Rings {
                all: Vec::new(),
                sweep_at: FEW_RINGS,
            }),
        });
        drains.enter(&kept);
        Self(kept)
    }

    #[cfg(test)]
    pub(super) fn rings(&self) -> usize {
        self.0.lock().all.len()
    }
}

impl<T: Measured> SyncInstrument<T> for Keeper<T> {
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        let kept = hash(self.0.owner, attributes).is_some_and(|hash| {
            let is_it = |ring: &Ring<T>| same(ring.attributes(), attributes);
            self.0
                .keep(value, hash, is_it, || self.0.shared(attributes, hash))
        });
        if !kept {
            self.0.tell(value, attributes);
        }
    }

    fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<T> + Send + Sync> {
        let (attributes, hash) = match hash(self.0.owner, attributes) {
            Some(hash) => (self.0.shared(attributes, hash), hash),
            None => (attributes.into(), next_owner()),
        };
        Box::new(Bound {
            kept: Arc::clone(&self.0),
            attributes,
            hash,
        })
    }
}

/// A histogram with its attributes: it need not look at them to find its ring, which is the one that is also found by them.
struct Bound<T: Measured> {
    kept: Arc<Kept<T>>,
    attributes: Arc<[KeyValue]>,
    /// Of the attributes, or any where they have none.
    hash: u64,
}

impl<T: Measured> BoundSyncInstrument<T> for Bound<T> {
    fn measure(&self, value: T) {
        let own = &self.attributes;
        let is_it =
            |ring: &Ring<T>| Arc::ptr_eq(ring.attributes(), own) || same(ring.attributes(), own);
        let kept = self.kept.keep(value, self.hash, is_it, || Arc::clone(own));
        if !kept {
            self.kept.tell(value, own);
        }
    }
}

impl<T: Measured> Kept<T> {
    /// Keeps a measurement in this thread, in the ring with this hash for which `is_it` holds. False when the instrument itself
    /// is to be told.
    #[inline]
    fn keep(
        &self,
        value: T,
        hash: u64,
        is_it: impl Fn(&Ring<T>) -> bool,
        attributes: impl FnOnce() -> Arc<[KeyValue]>,
    ) -> bool {
        let number = value.into().as_f64();
        if !number.is_finite() {
            // What becomes of these the SDK decides, by the view.
            return false;
        }
        let is_open = self.capture.as_ref().is_some_and(Capture::is_open);
        // Not there any more while the thread ends, and borrowed only by code that runs inside of this very call.
        let shown = T::table().try_with(|table| {
            let mut table = table.try_borrow_mut().ok()?;
            let make = || self.own(attributes(), hash);
            let ring = table.find(EPOCH.now(), self.owner, hash, is_it, make)?;
            ring.keep(value, &self.instrument);
            let is_shown = is_open && ring.chooser.chooses(number);
            Some(is_shown.then(|| Arc::clone(ring.attributes())))
        });
        let Ok(Some(shown)) = shown else {
            return false;
        };
        if let (Some(attributes), Some(capture)) = (shown, &self.capture) {
            capture.show(value.into(), &attributes);
        }
        true
    }

    fn tell(&self, value: T, attributes: &[KeyValue]) {
        self.instrument.record(value, attributes);
        if let Some(capture) = &self.capture {
            capture.offer(value.into(), attributes);
        }
    }

    /// Attributes that all of their rings share.
    #[cold]
    fn shared(&self, attributes: &[KeyValue], hash: u64) -> Arc<[KeyValue]> {
        let rings = self.lock();
        let ring = rings.all.iter().find(|ring| ring.is_of(attributes, hash));
        ring.map_or_else(|| attributes.into(), |ring| Arc::clone(ring.attributes()))
    }

    fn own(&self, attributes: Arc<[KeyValue]>, hash: u64) -> Arc<Ring<T>> {
        let ring = Arc::new(Ring::new(attributes, hash));
        let mut rings = self.lock();
        if rings.all.len() >= rings.sweep_at {
            self.sweep(&mut rings);
            rings.sweep_at = FEW_RINGS.max(2 * rings.all.len());
        }
        rings.all.push(Arc::clone(&ring));
        ring
    }

    /// Ends the rings of threads that are gone: nobody holds them but this list, so nobody can append to them any more.
    fn sweep(&self, rings: &mut Rings<T>) {
        rings.all.retain(|ring| {
            let is_held = Arc::strong_count(ring) > 1;
            if !is_held && !ring.is_empty() {
                ring.drain(&self.instrument);
            }
            is_held
        });
    }

    fn lock(&self) -> MutexGuard<'_, Rings<T>> {
        // A list of handles is whole after every statement.
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was measured last is in no ring any more that somebody knows.
impl<T: Measured> Drop for Kept<T> {
    fn drop(&mut self) {
        self.drain();
    }
}

impl<T: Measured> Drain for Kept<T> {
    fn drain(&self) {
        // Outside of the lock, which a thread takes that begins a series.
        let all = self.lock().all.clone();
        all.iter().for_each(|ring| ring.drain(&self.instrument));
        drop(all);
        self.sweep(&mut self.lock());
    }
}
