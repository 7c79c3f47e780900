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
    /// A batch is full when it has as many bytes, too.
    batch_bytes: usize,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<Entry<T>>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    size: usize,
    /// When it came in, to know when its batch is due.
    since: Instant,
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: BatchConfig, batch_bytes: usize) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            bytes: 0,
            closed: false,
        };
        Self {
            inner: Mutex::new(inner),
            limits,
            batch_bytes,
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
            let Some(oldest) = inner.items.pop_front() else {
                break;
            };
            inner.bytes -= oldest.size;
            evicted.push(oldest.item);
        }
        let was_full = self.has_full_batch(&inner);
        let since = Instant::now();
        inner.bytes += size;
        inner.items.push_back(Entry { item, size, since });
        let wake = inner.items.len() == 1 || (!was_full && self.has_full_batch(&inner));
        drop(inner);
        Pushed::Queued {
            evicted: evicted.len() as u64,
            wake,
        }
    }

    /// The next batch, when one is due: full, or `force`d, or as old as the schedule delay.
    pub(crate) fn take_batch(&self, force: bool) -> Option<Vec<T>> {
        let mut inner = self.lock();
        let due = inner.items.front()?.since.elapsed() >= self.limits.delay;
        if !(self.has_full_batch(&inner) || due || force) {
            return None;
        }
        let mut batch = Vec::with_capacity(inner.items.len().min(self.limits.max_batch_items));
        let mut bytes = 0;
        while batch.len() < self.limits.max_batch_items {
            let fits = |next: &Entry<T>| batch.is_empty() || bytes + next.size <= self.batch_bytes;
            if !inner.items.front().is_some_and(fits) {
                break;
            }
            let Some(next) = inner.items.pop_front() else {
                break;
            };
            bytes += next.size;
            inner.bytes -= next.size;
            batch.push(next.item);
        }
        Some(batch)
    }

    /// How long until the oldest item is due; `None` while the queue is empty.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let inner = self.lock();
        let oldest = inner.items.front()?;
        if self.has_full_batch(&inner) {
            return Some(Duration::ZERO);
        }
        Some(self.limits.delay.saturating_sub(oldest.since.elapsed()))
    }

    fn has_full_batch(&self, inner: &Inner<T>) -> bool {
        inner.items.len() >= self.limits.max_batch_items || inner.bytes >= self.batch_bytes
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

    /// Far more than any test waits.
    const HOUR: Duration = Duration::from_secs(3600);

    fn queue(items: usize, bytes: u64, batch: usize, batch_bytes: usize) -> Queue<u32> {
        let limits = BatchConfig {
            delay: HOUR,
            max_queue_items: items,
            max_queue_bytes: ByteSize::from_bytes(bytes),
            max_batch_items: batch,
        };
        Queue::new(limits, batch_bytes)
    }

    fn queued(evicted: u64, wake: bool) -> Pushed {
        Pushed::Queued { evicted, wake }
    }

    #[test]
    fn the_oldest_items_make_room_by_count_and_by_bytes() {
        let by_count = queue(2, 1_000, 10, 1_000);
        assert_eq!(
            by_count.push(1, 1),
            queued(0, true),
            "the first begins a delay"
        );
        assert_eq!(by_count.push(2, 1), queued(0, false));
        assert_eq!(by_count.push(3, 1), queued(1, false));
        assert_eq!(by_count.take_batch(true), Some(vec![2, 3]));

        let by_bytes = queue(10, 100, 10, 1_000);
        by_bytes.push(1, 40);
        by_bytes.push(2, 40);
        assert_eq!(by_bytes.push(3, 90), queued(2, true));
        assert_eq!(by_bytes.push(4, 101), Pushed::TooLarge);
        assert_eq!(by_bytes.take_batch(true), Some(vec![3]));
    }

    #[test]
    fn a_batch_is_taken_when_it_is_full_by_count_or_forced() {
        let queue = queue(10, 1_000, 2, 1_000);
        assert_eq!(queue.due_in(), None);
        assert_eq!(queue.push(1, 10), queued(0, true));
        assert_eq!(queue.take_batch(false), None, "neither full nor due");
        assert_eq!(queue.push(2, 10), queued(0, true));
        assert_eq!(queue.push(3, 10), queued(0, false));
        assert_eq!(queue.due_in(), Some(Duration::ZERO));
        assert_eq!(queue.take_batch(false), Some(vec![1, 2]));
        assert_eq!(queue.take_batch(false), None);
        assert_eq!(queue.take_batch(true), Some(vec![3]));
        assert_eq!(queue.take_batch(true), None);
    }

    #[test]
    fn a_batch_is_full_by_bytes_and_ends_there() {
        let queue = queue(10, 1_000, 10, 15);
        assert_eq!(queue.push(1, 10), queued(0, true));
        assert_eq!(
            queue.push(2, 10),
            queued(0, true),
            "large items must not wait"
        );
        assert_eq!(queue.push(3, 30), queued(0, false), "it was said before");
        assert_eq!(queue.due_in(), Some(Duration::ZERO));
        assert_eq!(queue.take_batch(false), Some(vec![1]));
        assert_eq!(queue.take_batch(false), Some(vec![2]));
        assert_eq!(
            queue.take_batch(false),
            Some(vec![3]),
            "at least one, however large"
        );
    }

    #[test]
    fn what_a_full_batch_leaves_is_as_old_as_it_is() {
        let queue = queue(10, 1_000, 2, 1_000);
        for item in 1..=3 {
            queue.push(item, 1);
        }
        let before = queue.lock().items[2].since;
        assert_eq!(queue.take_batch(false), Some(vec![1, 2]));
        assert_eq!(queue.lock().items[0].since, before);
        assert!(queue.due_in().is_some_and(|due| due <= HOUR));
    }

    #[test]
    fn a_closed_queue_refuses_and_still_gives() {
        let queue = queue(10, 1_000, 2, 1_000);
        queue.push(1, 1);
        queue.close();
        assert_eq!(queue.push(2, 1), Pushed::Closed);
        assert_eq!(queue.take_batch(true), Some(vec![1]));
    }
}
