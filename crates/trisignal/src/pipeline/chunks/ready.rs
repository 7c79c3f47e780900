//! Chunks of one signal that wait for the encoder, bounded in items and in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{Chunk, lock};
use crate::config::BatchConfig;
use crate::pipeline::batch::ENCODED_BYTES;

/// About how large a buffer grows before it becomes a chunk.
const CHUNK_BYTES: usize = 32 * 1024;
/// How many chunks of small items make a batch. Chunks are not divided, so a batch may lack nearly one of being full.
const CHUNKS_IN_BATCH: usize = 4;

#[derive(Debug)]
pub(super) struct Ready {
    limits: BatchConfig,
    /// A buffer of as many items, or of as many bytes, is full.
    chunk_items: usize,
    chunk_bytes: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    items: usize,
    bytes: usize,
    /// As they are in requests.
    framed: usize,
}

/// What a push cost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Evicted {
    /// Items that had to make room.
    pub(super) items: u64,
    /// A batch became full by it.
    pub(super) batch_is_full: bool,
}

impl Ready {
    pub(super) fn new(limits: BatchConfig) -> Self {
        Self {
            chunk_items: (limits.max_batch_items / CHUNKS_IN_BATCH).max(1),
            chunk_bytes: CHUNK_BYTES.min(limits.max_queue_bytes.as_usize() / 4),
            limits,
            queue: Mutex::default(),
        }
    }

    pub(super) fn delay(&self) -> Duration {
        self.limits.delay
    }

    /// Whether a buffer is to become a chunk.
    pub(super) fn is_full(&self, chunk: &Chunk) -> bool {
        chunk.items >= self.chunk_items || chunk.framed() >= self.chunk_bytes
    }

    pub(super) fn push(&self, chunk: Chunk) -> Evicted {
        let mut queue = self.lock();
        let was_full = self.is_full_batch(&queue);
        let mut evicted = Vec::new();
        queue.items += chunk.items;
        queue.bytes += chunk.bytes.len();
        queue.framed += chunk.framed();
        queue.chunks.push_back(chunk);
        while queue.items > self.limits.max_queue_items
            || queue.bytes > self.limits.max_queue_bytes.as_usize()
        {
            let Some(oldest) = queue.pop() else { break };
            evicted.push(oldest);
        }
        let batch_is_full = !was_full && self.is_full_batch(&queue);
        drop(queue);
        Evicted {
            items: evicted.iter().map(|chunk| chunk.items as u64).sum(),
            batch_is_full,
        }
    }

    pub(super) fn take_batch(&self, force: bool) -> Option<Vec<Chunk>> {
        let mut queue = self.lock();
        let since = queue.chunks.front()?.since;
        let due = since.is_some_and(|since| since.elapsed() >= self.limits.delay);
        if !(due || force || self.is_full_batch(&queue)) {
            return None;
        }
        let (mut batch, mut items, mut framed) = (Vec::new(), 0, 0);
        while let Some(next) = queue.chunks.front() {
            let fits = items + next.items <= self.limits.max_batch_items
                && framed + next.framed() <= ENCODED_BYTES;
            if !(fits || batch.is_empty()) {
                break;
            }
            let Some(taken) = queue.pop() else { break };
            items += taken.items;
            framed += taken.framed();
            batch.push(taken);
        }
        Some(batch)
    }

    pub(super) fn has_full_batch(&self) -> bool {
        self.is_full_batch(&self.lock())
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock()
            .chunks
            .iter()
            .filter_map(|chunk| chunk.since)
            .min()
    }

    fn is_full_batch(&self, queue: &Queue) -> bool {
        queue.items >= self.limits.max_batch_items || queue.framed >= ENCODED_BYTES
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.items -= chunk.items;
        self.bytes -= chunk.bytes.len();
        self.framed -= chunk.framed();
        Some(chunk)
    }
}
