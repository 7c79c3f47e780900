//! The bounded queue between the threads that produce items and the one that encodes them.
//!
//! Bounded in items and in bytes. [`Queue::push`] never waits for room: the oldest items make it, and the
//! caller learns how many. What is evicted is freed outside the lock.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::BatchConfig;

/// What [`Queue::push`] did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The item is in; `evicted` older ones had to go.
    Queued {
        /// Items that made room.
        evicted: u64,
        /// The encoder should be woken: a batch is full, or the delay of the first item begins.
        wake: bool,
    },
    /// The item alone is larger than the queue.
    TooLarge,
    /// The pipeline was shut down.
    Closed,
}

/// A queue of items with an estimate of their size in bytes.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    limits: BatchConfig,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// When the oldest item came in, to know when a batch is due.
    since: Option<Instant>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: BatchConfig) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            bytes: 0,
            since: None,
            closed: false,
        };
        Self {
            inner: Mutex::new(inner),
            limits,
        }
    }

    /// Appends an item of about `size` bytes.
    pub(crate) fn push(&self, item: T, size: usize) -> Pushed {
        let max_bytes = self.limits.max_queue_bytes.as_usize();
        let mut evicted = Vec::new();
        let mut inner = self.lock();
        if inner.closed {
            return Pushed::Closed;
        }
        if size > max_bytes {
            return Pushed::TooLarge;
        }
        while inner.items.len() >= self.limits.max_queue_items || inner.bytes + size > max_bytes {
            let Some((item, size)) = inner.items.pop_front() else {
                break;
            };
            inner.bytes -= size;
            evicted.push(item);
        }
        inner.since.get_or_insert_with(Instant::now);
        inner.bytes += size;
        inner.items.push_back((item, size));
        let len = inner.items.len();
        let wake = len == 1 || len == self.limits.max_batch_items;
        drop(inner);
        Pushed::Queued {
            evicted: evicted.len() as u64,
            wake,
        }
    }

    /// The next batch, when one is due: full, or `force`d, or as old as the schedule delay.
    pub(crate) fn take_batch(&self, force: bool, max_bytes: usize) -> Option<Vec<T>> {
        let mut inner = self.lock();
        let full = inner.items.len() >= self.limits.max_batch_items;
        let due = inner
            .since
            .is_some_and(|since| since.elapsed() >= self.limits.delay);
        if inner.items.is_empty() || !(full || due || force) {
            return None;
        }
        let mut batch = Vec::with_capacity(inner.items.len().min(self.limits.max_batch_items));
        let mut bytes = 0;
        while batch.len() < self.limits.max_batch_items {
            let Some((_, size)) = inner.items.front() else {
                break;
            };
            if !batch.is_empty() && bytes + size > max_bytes {
                break;
            }
            let Some((item, size)) = inner.items.pop_front() else {
                break;
            };
            bytes += size;
            inner.bytes -= size;
            batch.push(item);
        }
        // What stays is younger than what went, so its own delay starts now.
        inner.since = (!inner.items.is_empty()).then(Instant::now);
        Some(batch)
    }

    /// How long until the oldest item is due; `None` while the queue is empty.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let inner = self.lock();
        if inner.items.len() >= self.limits.max_batch_items {
            return Some(Duration::ZERO);
        }
        inner
            .since
            .map(|since| self.limits.delay.saturating_sub(since.elapsed()))
    }

    /// Refuses all further items. What is in can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing panics under this lock: only moves of items and arithmetic on their counts.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    fn queue(items: usize, bytes: u64, batch: usize) -> Queue<u32> {
        Queue::new(BatchConfig {
            delay: Duration::from_secs(3600),
            max_queue_items: items,
            max_queue_bytes: ByteSize::from_bytes(bytes),
            max_batch_items: batch,
        })
    }

    fn queued(evicted: u64, wake: bool) -> Pushed {
        Pushed::Queued { evicted, wake }
    }

    #[test]
    fn the_oldest_items_make_room_by_count_and_by_bytes() {
        let by_count = queue(2, 1_000, 10);
        assert_eq!(
            by_count.push(1, 1),
            queued(0, true),
            "the first begins a delay"
        );
        assert_eq!(by_count.push(2, 1), queued(0, false));
        assert_eq!(by_count.push(3, 1), queued(1, false));
        assert_eq!(by_count.take_batch(true, 1_000), Some(vec![2, 3]));

        let by_bytes = queue(10, 100, 10);
        by_bytes.push(1, 40);
        by_bytes.push(2, 40);
        assert_eq!(by_bytes.push(3, 90), queued(2, true));
        assert_eq!(by_bytes.push(4, 101), Pushed::TooLarge);
        assert_eq!(by_bytes.take_batch(true, 1_000), Some(vec![3]));
    }

    #[test]
    fn a_batch_is_taken_when_full_or_forced_and_ends_at_the_byte_limit() {
        let queue = queue(10, 1_000, 2);
        assert_eq!(queue.due_in(), None);
        assert_eq!(queue.push(1, 10), queued(0, true));
        assert_eq!(queue.take_batch(false, 1_000), None, "neither full nor due");
        assert_eq!(queue.push(2, 10), queued(0, true));
        queue.push(3, 10);
        assert_eq!(queue.due_in(), Some(Duration::ZERO));
        assert_eq!(
            queue.take_batch(false, 15),
            Some(vec![1]),
            "two would be over 15 bytes"
        );
        assert_eq!(queue.take_batch(false, 1_000), Some(vec![2, 3]));
        assert_eq!(queue.take_batch(true, 1_000), None);
    }

    #[test]
    fn a_closed_queue_refuses_and_still_gives() {
        let queue = queue(10, 1_000, 2);
        queue.push(1, 1);
        queue.close();
        assert_eq!(queue.push(2, 1), Pushed::Closed);
        assert_eq!(queue.take_batch(true, 1_000), Some(vec![1]));
    }
}
