//! Encoded batches, held until a backend has acknowledged them.
//!
//! A ring in memory, bounded in bytes over all signals: when a new batch does not fit, the oldest one that is
//! not being sent makes room. Each signal has a lane of its own, so that a backend which refuses one signal does
//! not hold up the others. The outbox knows bytes and numbers of items; it knows nothing of OpenTelemetry, of
//! time limits or of retries.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::batch::Batch;
use super::signal::Signal;

/// A batch with its place in the order of arrival.
#[derive(Debug)]
struct Slot {
    number: u64,
    batch: Batch,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Slot>,
    /// The number of the oldest leased batch, while a lease is out.
    leased: Option<u64>,
    /// Nobody sends the batches of this lane any more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Inner {
    lanes: [Lane; 3],
    /// Bytes of all batches, the leased ones included.
    bytes: usize,
    next_number: u64,
}

/// Batches of one signal taken out to be sent; they count as held until [`Outbox::settle`].
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) signal: Signal,
    pub(crate) batches: Vec<Batch>,
    bytes: usize,
}

/// The bounded store of encoded batches.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    capacity: usize,
    /// Bumped at each change, for those who wait for a batch or for an empty lane.
    changed: watch::Sender<u64>,
}

impl Outbox {
    /// An outbox for `capacity` bytes of encoded batches.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            inner: Mutex::default(),
            capacity,
            changed: watch::Sender::new(0),
        }
    }

    /// Appends `batch` and answers the batches that had to make room, oldest first. A batch larger than the
    /// whole outbox is answered itself.
    pub(crate) fn push(&self, batch: Batch) -> Vec<Batch> {
        let size = batch.body.len();
        if size > self.capacity {
            return vec![batch];
        }
        let mut evicted = Vec::new();
        let mut inner = self.lock();
        while inner.bytes + size > self.capacity {
            let Some(oldest) = inner.pop_oldest() else {
                // All that is left is on the wire; it can't be taken back, so the new batch has no room.
                evicted.push(batch);
                return evicted;
            };
            inner.bytes -= oldest.body.len();
            evicted.push(oldest);
        }
        let number = inner.next_number;
        inner.next_number += 1;
        inner.bytes += size;
        inner.lanes[batch.signal.index()]
            .waiting
            .push_back(Slot { number, batch });
        drop(inner);
        self.notify();
        evicted
    }

    /// Takes the oldest batches of `signal`, together at most `max_bytes` but at least one. One lease of a
    /// signal is out at a time: `None` until it is settled, and while nothing waits.
    pub(crate) fn lease(&self, signal: Signal, max_bytes: usize) -> Option<Lease> {
        // Three lanes together must leave room: what is on the wire can't be evicted, and would make the newest
        // batches go instead of the oldest.
        let max_bytes = max_bytes.min(self.capacity / 8);
        let mut inner = self.lock();
        let lane = &mut inner.lanes[signal.index()];
        if lane.leased.is_some() {
            return None;
        }
        lane.leased = Some(lane.waiting.front()?.number);
        let mut batches = Vec::new();
        let mut bytes = 0;
        while let Some(slot) = lane.waiting.pop_front() {
            if !batches.is_empty() && bytes + slot.batch.body.len() > max_bytes {
                lane.waiting.push_front(slot);
                break;
            }
            bytes += slot.batch.body.len();
            batches.push(slot.batch);
        }
        Some(Lease {
            signal,
            batches,
            bytes,
        })
    }

    /// Forgets a lease: its batches were delivered or given up.
    pub(crate) fn settle(&self, lease: &Lease) {
        let mut inner = self.lock();
        inner.lanes[lease.signal.index()].leased = None;
        inner.bytes = inner.bytes.saturating_sub(lease.bytes);
        drop(inner);
        self.notify();
    }

    /// Says that nobody sends the batches of `signal` any more: they are not waited for.
    pub(crate) fn close(&self, signal: Signal) {
        self.lock().lanes[signal.index()].closed = true;
        self.notify();
    }

    /// The number that the next batch will get: all that is in the outbox now has a smaller one.
    pub(crate) fn mark(&self) -> u64 {
        self.lock().next_number
    }

    /// Whether every batch of `signal` that came before `mark` is settled, or never will be.
    pub(crate) fn is_settled(&self, signal: Signal, mark: u64) -> bool {
        let inner = self.lock();
        let lane = &inner.lanes[signal.index()];
        let oldest = lane
            .leased
            .or_else(|| lane.waiting.front().map(|slot| slot.number));
        lane.closed || oldest.is_none_or(|number| number >= mark)
    }

    /// Bytes of all batches, those on the wire included.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Changes whenever a batch comes or goes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn notify(&self) {
        self.changed
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics under this lock: only moves of batches and arithmetic on their sizes.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pop_oldest(&mut self) -> Option<Batch> {
        let front = |lane: &Lane| lane.waiting.front().map(|slot| slot.number);
        let lane = self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.waiting.is_empty())
            .min_by_key(|lane| front(lane))?;
        lane.waiting.pop_front().map(|slot| slot.batch)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a missing lease fails the test

    use bytes::Bytes;

    use super::*;

    fn batch(signal: Signal, size: usize) -> Batch {
        Batch::new(signal, Bytes::from(vec![0; size]), size as u64)
    }

    #[test]
    fn the_oldest_batch_of_any_signal_makes_room() {
        let outbox = Outbox::new(100);
        assert!(outbox.push(batch(Signal::Logs, 40)).is_empty());
        assert!(outbox.push(batch(Signal::Traces, 41)).is_empty());
        let evicted = outbox.push(batch(Signal::Traces, 42));
        assert_eq!(
            evicted.iter().map(|batch| batch.items).collect::<Vec<_>>(),
            [40]
        );
        assert_eq!(outbox.bytes(), 83);
    }

    #[test]
    fn what_is_on_the_wire_counts_and_is_not_evicted() {
        let outbox = Outbox::new(100);
        outbox.push(batch(Signal::Traces, 60));
        let lease = outbox.lease(Signal::Traces, 1_000).unwrap();
        let evicted = outbox.push(batch(Signal::Traces, 50));
        assert_eq!(
            evicted.iter().map(|batch| batch.items).collect::<Vec<_>>(),
            [50]
        );
        assert!(outbox.push(batch(Signal::Traces, 40)).is_empty());
        assert!(
            outbox.lease(Signal::Traces, 1_000).is_none(),
            "one lease at a time"
        );
        outbox.settle(&lease);
        assert_eq!(outbox.bytes(), 40);
        assert_eq!(
            outbox.push(batch(Signal::Traces, 101)).len(),
            1,
            "larger than the outbox"
        );
    }

    #[test]
    fn a_lease_takes_as_much_as_a_request_may_carry() {
        let outbox = Outbox::new(1_000);
        for size in [10, 20, 30] {
            outbox.push(batch(Signal::Logs, size));
        }
        let lease = outbox.lease(Signal::Logs, 35).unwrap();
        assert_eq!(
            lease
                .batches
                .iter()
                .map(|batch| batch.items)
                .collect::<Vec<_>>(),
            [10, 20]
        );
        outbox.settle(&lease);
        let lease = outbox.lease(Signal::Logs, 5).unwrap();
        assert_eq!(lease.batches.len(), 1, "at least one, however large");
    }

    #[test]
    fn settled_means_all_before_the_mark_are_gone() {
        let outbox = Outbox::new(1_000);
        outbox.push(batch(Signal::Traces, 10));
        let mark = outbox.mark();
        outbox.push(batch(Signal::Traces, 10));
        assert!(!outbox.is_settled(Signal::Traces, mark));
        assert!(outbox.is_settled(Signal::Logs, mark));
        let lease = outbox.lease(Signal::Traces, 10).unwrap();
        assert!(
            !outbox.is_settled(Signal::Traces, mark),
            "on the wire is not settled"
        );
        outbox.settle(&lease);
        assert!(outbox.is_settled(Signal::Traces, mark));
    }
}
