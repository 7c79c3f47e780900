//! Encoded batches, held until a backend has acknowledged them.
//!
//! A ring in memory, bounded in bytes over all signals: when a new batch does not fit, the oldest one that is
//! not being sent makes room. Each destination of a signal has a lane of its own, so that a backend which refuses one
//! signal does not hold up the others; lanes of one signal share the bytes of their batches, and each counts them. The outbox knows bytes and numbers of items; it knows nothing of OpenTelemetry, of
//! time limits or of retries.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::batch::Batch;
use super::signal::{Destination, Signal};

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
    /// When that batch was made.
    leased_from: Option<Instant>,
    /// Nobody sends the batches of this lane any more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Inner {
    /// By the signal's index, then by the destination's.
    lanes: [Vec<Lane>; 3],
    /// Bytes of all batches, the leased ones included.
    bytes: usize,
    next_number: u64,
}

/// Batches of one lane taken out to be sent; they count as held until [`Outbox::settle`].
#[derive(Debug)]
pub(crate) struct Lease {
    destination: Destination,
    pub(crate) batches: Vec<Batch>,
    bytes: usize,
}

/// The bounded store of encoded batches.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    capacity: usize,
    /// What one lease takes at most: what is on the wire can't be evicted, and would make the newest batches go
    /// instead of the oldest, so all lanes together must leave room.
    max_lease: usize,
    /// Bumped at each change, for those who wait for a batch or for an empty lane.
    changed: watch::Sender<u64>,
}

impl Outbox {
    /// An outbox for `capacity` bytes of encoded batches, with so many destinations for each signal.
    pub(crate) fn new(capacity: usize, destinations: [usize; 3]) -> Self {
        let lanes = destinations.map(|count| (0..count).map(|_| Lane::default()).collect());
        let inner = Inner {
            lanes,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            capacity,
            max_lease: capacity / destinations.iter().sum::<usize>().saturating_mul(2).max(8),
            changed: watch::Sender::new(0),
        }
    }

    /// The destinations of `signal`.
    pub(crate) fn destinations(&self, signal: Signal) -> impl Iterator<Item = Destination> + use<> {
        let count = self.lock().lanes[signal.index()].len();
        (0..count).map(move |index| Destination { signal, index })
    }

    /// Appends `batch` and answers the batches that had to make room, oldest first, with their destinations. A batch
    /// larger than the whole outbox is answered itself.
    pub(crate) fn push(&self, destination: Destination, batch: Batch) -> Vec<(Destination, Batch)> {
        let size = batch.body.len();
        if size > self.capacity {
            return vec![(destination, batch)];
        }
        let mut evicted = Vec::new();
        let mut inner = self.lock();
        while inner.bytes + size > self.capacity {
            let Some(oldest) = inner.pop_oldest() else {
                // All that is left is on the wire; it can't be taken back, so the new batch has no room.
                evicted.push((destination, batch));
                return evicted;
            };
            inner.bytes -= oldest.1.body.len();
            evicted.push(oldest);
        }
        let number = inner.next_number;
        inner.next_number += 1;
        inner.bytes += size;
        inner
            .lane(destination)
            .waiting
            .push_back(Slot { number, batch });
        drop(inner);
        self.notify();
        evicted
    }

    /// Takes the oldest batches for `destination`, together at most `max_bytes` but at least one. One lease of a
    /// destination is out at a time: `None` until it is settled, and while nothing waits.
    pub(crate) fn lease(&self, destination: Destination, max_bytes: usize) -> Option<Lease> {
        let max_bytes = max_bytes.min(self.max_lease);
        let mut inner = self.lock();
        let lane = inner.lane(destination);
        if lane.leased.is_some() {
            return None;
        }
        let oldest = lane.waiting.front()?;
        lane.leased_from = Some(oldest.batch.created);
        lane.leased = Some(oldest.number);
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
            destination,
            batches,
            bytes,
        })
    }

    /// Forgets a lease: its batches were delivered or given up.
    pub(crate) fn settle(&self, lease: &Lease) {
        let mut inner = self.lock();
        inner.lane(lease.destination).leased = None;
        inner.bytes = inner.bytes.saturating_sub(lease.bytes);
        drop(inner);
        self.notify();
    }

    /// Says that nobody sends the batches for `destination` any more: they are not waited for.
    pub(crate) fn close(&self, destination: Destination) {
        self.lock().lane(destination).closed = true;
        self.notify();
    }

    /// The number that the next batch will get: all that is in the outbox now has a smaller one.
    pub(crate) fn mark(&self) -> u64 {
        self.lock().next_number
    }

    /// Whether every batch that came before `mark` is settled, or never will be.
    pub(crate) fn is_settled(&self, mark: u64) -> bool {
        let inner = self.lock();
        inner.lanes.iter().flatten().all(|lane| {
            let oldest = lane
                .leased
                .or_else(|| lane.waiting.front().map(|slot| slot.number));
            lane.closed || oldest.is_none_or(|number| number >= mark)
        })
    }

    /// How old the oldest batch is, one on the wire included; none while there is none.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        let inner = self.lock();
        let ages = inner.lanes.iter().flatten().filter_map(|lane| {
            let waiting = lane.waiting.front().map(|slot| slot.batch.created);
            let leased = lane.leased.and(lane.leased_from);
            Some(leased.or(waiting)?.elapsed())
        });
        ages.max()
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
    /// Destinations are made with the outbox, so each has its lane.
    fn lane(&mut self, destination: Destination) -> &mut Lane {
        &mut self.lanes[destination.signal.index()][destination.index]
    }

    fn pop_oldest(&mut self) -> Option<(Destination, Batch)> {
        let number = |lane: &Lane| lane.waiting.front().map(|slot| slot.number);
        let lanes = self
            .lanes
            .iter_mut()
            .flat_map(|lanes| lanes.iter_mut().enumerate());
        let (index, lane) = lanes
            .filter(|(_, lane)| !lane.waiting.is_empty())
            .min_by_key(|(_, lane)| number(lane))?;
        let batch = lane.waiting.pop_front()?.batch;
        let signal = batch.signal;
        Some((Destination { signal, index }, batch))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a missing lease fails the test

    use super::*;

    fn batch(signal: Signal, size: usize) -> Batch {
        Batch::new(signal, vec![0; size], size as u64)
    }

    fn to(signal: Signal) -> Destination {
        Destination::first(signal)
    }

    /// Both lanes of a signal have the batch, and only the one that is not sent makes room.
    #[test]
    fn destinations_of_one_signal_do_not_wait_for_each_other() {
        let outbox = Outbox::new(100, [2, 1, 1]);
        let [dead, healthy] = [0, 1].map(|index| Destination {
            signal: Signal::Traces,
            index,
        });
        for size in [20, 21, 22] {
            for destination in outbox.destinations(Signal::Traces) {
                let evicted = outbox.push(destination, batch(Signal::Traces, size));
                assert!(evicted.iter().all(|(from, _)| *from == dead), "{evicted:?}");
            }
            let lease = outbox.lease(healthy, 1_000).unwrap();
            assert_eq!(lease.batches[0].items, size as u64);
            outbox.settle(&lease);
        }
        let mark = outbox.mark();
        assert!(!outbox.is_settled(mark));
        outbox.close(dead);
        assert!(outbox.is_settled(mark));
        assert_eq!(outbox.bytes(), 63);
    }

    #[test]
    fn the_oldest_batch_of_any_signal_makes_room() {
        let outbox = Outbox::new(100, [1; 3]);
        assert!(
            outbox
                .push(to(Signal::Logs), batch(Signal::Logs, 40))
                .is_empty()
        );
        assert!(
            outbox
                .push(to(Signal::Traces), batch(Signal::Traces, 41))
                .is_empty()
        );
        let evicted = outbox.push(to(Signal::Traces), batch(Signal::Traces, 42));
        assert_eq!(
            evicted
                .iter()
                .map(|(_, batch)| batch.items)
                .collect::<Vec<_>>(),
            [40]
        );
        assert_eq!(outbox.bytes(), 83);
    }

    #[test]
    fn what_is_on_the_wire_counts_and_is_not_evicted() {
        let outbox = Outbox::new(100, [1; 3]);
        outbox.push(to(Signal::Traces), batch(Signal::Traces, 60));
        let lease = outbox.lease(to(Signal::Traces), 1_000).unwrap();
        let evicted = outbox.push(to(Signal::Traces), batch(Signal::Traces, 50));
        assert_eq!(
            evicted
                .iter()
                .map(|(_, batch)| batch.items)
                .collect::<Vec<_>>(),
            [50]
        );
        assert!(
            outbox
                .push(to(Signal::Traces), batch(Signal::Traces, 40))
                .is_empty()
        );
        assert!(
            outbox.lease(to(Signal::Traces), 1_000).is_none(),
            "one lease at a time"
        );
        outbox.settle(&lease);
        assert_eq!(outbox.bytes(), 40);
        assert_eq!(
            outbox
                .push(to(Signal::Traces), batch(Signal::Traces, 101))
                .len(),
            1,
            "larger than the outbox"
        );
    }

    #[test]
    fn a_lease_takes_as_much_as_a_request_may_carry() {
        let outbox = Outbox::new(1_000, [1; 3]);
        for size in [10, 20, 30] {
            outbox.push(to(Signal::Logs), batch(Signal::Logs, size));
        }
        let lease = outbox.lease(to(Signal::Logs), 35).unwrap();
        assert_eq!(
            lease
                .batches
                .iter()
                .map(|batch| batch.items)
                .collect::<Vec<_>>(),
            [10, 20]
        );
        outbox.settle(&lease);
        let lease = outbox.lease(to(Signal::Logs), 5).unwrap();
        assert_eq!(lease.batches.len(), 1, "at least one, however large");
    }

    #[test]
    fn settled_means_all_before_the_mark_are_gone() {
        let outbox = Outbox::new(1_000, [1; 3]);
        outbox.push(to(Signal::Traces), batch(Signal::Traces, 10));
        let mark = outbox.mark();
        outbox.push(to(Signal::Traces), batch(Signal::Traces, 10));
        assert!(!outbox.is_settled(mark));
        let lease = outbox.lease(to(Signal::Traces), 10).unwrap();
        assert!(!outbox.is_settled(mark), "on the wire is not settled");
        outbox.settle(&lease);
        assert!(outbox.is_settled(mark));
    }
}
