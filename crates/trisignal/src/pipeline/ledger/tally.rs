//! What threads count by themselves, until somebody reads the accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::pipeline::signal::Signal;

/// What one thread has produced: counted without a lock that others want.
#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; 3]);

impl Tally {
    /// Counts one item. An item is counted before anybody else can have it, and never by two at a time: whoever counts
    /// holds the lock of the buffer that the item is in.
    #[inline]
    pub(crate) fn count(&self, signal: Signal) {
        let count = &self.0[signal.index()];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// A tally, and how much of it the accounts have.
#[derive(Debug)]
pub(super) struct Enrolled {
    pub(super) tally: Arc<Tally>,
    taken: [u64; 3],
}

impl Enrolled {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        Self {
            tally,
            taken: [0; 3],
        }
    }

    /// What was counted since this was asked last.
    pub(super) fn take(&mut self, signal: Signal) -> u64 {
        let counted = self.tally.0[signal.index()].load(Ordering::Relaxed);
        counted - std::mem::replace(&mut self.taken[signal.index()], counted)
    }
}
