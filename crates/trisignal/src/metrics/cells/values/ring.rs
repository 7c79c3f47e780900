//! The measurements of one series that one thread has made and nobody has handed over yet.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram};

use super::chooser::Chooser;
use super::keeper::Measured;
use crate::metrics::cells::same;

/// Measurements in a ring. More would make the one that has to hand them over slower, and hardly any of them faster.
const ROOM: u32 = 64;

/// A queue of measurements: one thread appends, whoever has the lock of `out` takes.
#[derive(Debug)]
pub(in crate::metrics) struct Ring<T> {
    attributes: Arc<[KeyValue]>,
    /// Of the attributes.
    hash: u64,
    pub(super) chooser: Chooser,
    /// The series is there: measurements may wait.
    open: AtomicBool,
    /// How many were ever appended, and how many of them were taken.
    appended: AtomicU32,
    taken: AtomicU32,
    values: [AtomicU64; ROOM as usize],
    /// The SDK's instrument for these attributes, from the first measurement until the next collection: while it is held,
    /// the SDK can't forget a series that has become old.
    out: Mutex<Option<BoundHistogram<T>>>,
}

impl<T: Measured> Ring<T> {
    pub(super) fn new(attributes: Arc<[KeyValue]>, hash: u64) -> Self {
        Self {
            attributes,
            hash,
            chooser: Chooser::new(hash),
            open: AtomicBool::new(false),
            appended: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            values: std::array::from_fn(|_| AtomicU64::new(0)),
            out: Mutex::new(None),
        }
    }

    pub(super) fn attributes(&self) -> &Arc<[KeyValue]> {
        &self.attributes
    }

    pub(super) fn is_of(&self, attributes: &[KeyValue], hash: u64) -> bool {
        self.hash == hash && same(&self.attributes, attributes)
    }

    /// One measurement; only for the thread whose ring it is.
    pub(super) fn keep(&self, value: T, instrument: &Histogram<T>) {
        if !self.open.load(Ordering::Relaxed) {
            return self.begin(value, instrument);
        }
        let appended = self.appended.load(Ordering::Relaxed);
        let waiting = appended.wrapping_sub(self.taken.load(Ordering::Acquire));
        if waiting >= ROOM && !self.make_room(instrument) {
            return instrument.record(value, &self.attributes);
        }
        self.values[(appended % ROOM) as usize].store(value.to_word(), Ordering::Relaxed);
        self.appended
            .store(appended.wrapping_add(1), Ordering::Release);
    }

    /// Tells the instrument everything that waits. It has told all of it when this returns.
    pub(super) fn drain(&self, instrument: &Histogram<T>) {
        let mut out = self.lock();
        self.hand_over(&mut out, instrument);
        *out = None;
        self.open.store(false, Ordering::Relaxed);
        self.chooser.reset();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken.load(Ordering::Acquire) == self.appended.load(Ordering::Acquire)
    }

    /// The first measurement after a collection.
    #[cold]
    fn begin(&self, value: T, instrument: &Histogram<T>) {
        // Before it is bound: a series without any measurement would be exported.
        instrument.record(value, &self.attributes);
        if let Some(mut out) = self.try_lock() {
            out.get_or_insert_with(|| instrument.bind(&self.attributes));
            self.open.store(true, Ordering::Relaxed);
        }
    }

    /// False when another thread is at it. It is not waited for.
    #[cold]
    fn make_room(&self, instrument: &Histogram<T>) -> bool {
        let Some(mut out) = self.try_lock() else {
            return false;
        };
        self.hand_over(&mut out, instrument);
        true
    }

    fn hand_over(&self, out: &mut Option<BoundHistogram<T>>, instrument: &Histogram<T>) {
        let appended = self.appended.load(Ordering::Acquire);
        let mut taken = self.taken.load(Ordering::Relaxed);
        if taken == appended {
            return;
        }
        let out = out.get_or_insert_with(|| instrument.bind(&self.attributes));
        while taken != appended {
            let word = self.values[(taken % ROOM) as usize].load(Ordering::Relaxed);
            out.record(T::from_word(word));
            taken = taken.wrapping_add(1);
        }
        self.taken.store(taken, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Option<BoundHistogram<T>>> {
        // A handle or none, whoever has panicked.
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<BoundHistogram<T>>>> {
        match self.out.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
