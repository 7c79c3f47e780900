//! Items that are encoded where they end: buffers of threads, and the chunks that come out of them.
//!
//! A thread appends its spans and log records to a buffer of its own, behind a lock that nobody else wants but for a
//! moment now and then. A buffer that is full becomes a [`Chunk`] that waits for the encoder thread, which puts
//! resource and scopes around some chunks and so makes a request of them. Buffers that are not full are
//! collected when their first item has waited for the schedule delay, by a flush, and when their thread ends.
//!
//! Bounded as the queues of the SDK's items are, in items and in bytes: the oldest chunks make room. A buffer holds at
//! most a quarter of its signal's bytes, and a quarter of a batch. An item counts as produced from the moment when
//! it is in its buffer.

pub(crate) mod frame;
mod local;
mod ready;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::ready::{Evicted, Ready};
use super::batch::ENCODED_BYTES;
use super::ledger::{DropReason, Ledger, Tally};
use super::signal::Signal;
use super::worker::Bell;
use crate::config::BatchConfig;

/// The largest item: what is over it would not fit in a request with its resource.
const MAX_ITEM_BYTES: usize = ENCODED_BYTES;
/// What a scope takes in a request besides its name and its items, at most.
const SCOPE_BYTES: usize = 32;
/// How many emptied buffers are kept for the next ones: as many as some requests have. And how large they are: a full chunk
/// with its last item. Much larger ones would hold memory that nobody counts.
const SPARE_BUFFERS: usize = 32;
const SPARE_BYTES: usize = 36 * 1024;

/// Signals whose items come in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunked {
    Traces,
    Logs,
}

impl Chunked {
    pub(crate) const ALL: [Self; 2] = [Self::Traces, Self::Logs];

    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Traces => Signal::Traces,
            Self::Logs => Signal::Logs,
        }
    }
}

/// The name of an instrumentation scope.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Scope {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

/// A scope by its name, which is copied only where it is not the one of the item before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScopeName<'a> {
    Static(&'static str),
    Borrowed(&'a str),
}

impl ScopeName<'_> {
    /// Whether it is that of `scope`.
    #[inline]
    fn is(&self, scope: &Scope) -> bool {
        match (self, scope) {
            // The same constant, mostly.
            (Self::Static(one), Scope::Static(other)) => std::ptr::eq(*one, *other) || one == other,
            _ => self.as_str() == scope.as_str(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Borrowed(name) => name,
        }
    }

    fn to_scope(self) -> Scope {
        match self {
            Self::Static(name) => Scope::Static(name),
            Self::Borrowed(name) => Scope::Shared(name.into()),
        }
    }
}

/// Items of one scope that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) scope: Scope,
    /// Where its bytes end.
    pub(crate) end: usize,
}

/// Encoded items that wait for their request.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Items, each as a field of its scope.
    pub(crate) bytes: Vec<u8>,
    pub(crate) runs: Vec<Run>,
    pub(crate) items: usize,
    /// What its scopes take in a request, at most.
    scope_bytes: usize,
    /// When the first item came.
    since: Option<Instant>,
}

impl Chunk {
    /// Its parts with their scopes.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Scope, &[u8])> {
        let mut start = 0;
        self.runs.iter().map(move |run| {
            let part = &self.bytes[start..run.end];
            start = run.end;
            (&run.scope, part)
        })
    }

    /// What it takes in a request, at most.
    fn framed(&self) -> usize {
        self.bytes.len() + self.scope_bytes
    }

    fn end_item(&mut self, scope: ScopeName<'_>) {
        self.items += 1;
        let end = self.bytes.len();
        match self.runs.last_mut() {
            Some(run) if scope.is(&run.scope) => run.end = end,
            _ => self.begin_run(scope, end),
        }
    }

    #[inline(never)]
    fn begin_run(&mut self, scope: ScopeName<'_>, end: usize) {
        let scope = scope.to_scope();
        self.scope_bytes += scope.as_str().len() + SCOPE_BYTES;
        self.runs.push(Run { scope, end });
    }
}

/// A buffer of a thread for one signal.
#[derive(Debug, Default)]
struct Buffer {
    chunk: Chunk,
    closed: bool,
}

/// The buffers of a thread.
#[derive(Debug, Default)]
struct Buffers {
    buffers: [Mutex<Buffer>; 2],
    tally: Arc<Tally>,
}

impl Buffers {
    fn lock(&self, signal: Chunked) -> MutexGuard<'_, Buffer> {
        lock(&self.buffers[signal as usize])
    }
}

/// The buffers of all threads and the chunks of a pipeline.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// Tells the pipelines of a process apart.
    id: u64,
    ready: [Ready; 2],
    threads: Mutex<Vec<Arc<Buffers>>>,
    /// For threads that are so far gone that they have no memory of their own any more.
    orphanage: Arc<Buffers>,
    /// The encoder will look after the buffers by itself, in time for what was there when it said so.
    armed: [AtomicBool; 2],
    spare: Mutex<Vec<Vec<u8>>>,
    ledger: Arc<Ledger>,
    bell: Arc<Bell>,
}

impl Chunks {
    /// Chunks with the limits of traces and of logs. The encoder answers `bell`.
    pub(crate) fn new(limits: [BatchConfig; 2], ledger: Arc<Ledger>, bell: Arc<Bell>) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let orphanage = Arc::<Buffers>::default();
        ledger.enrol(Arc::clone(&orphanage.tally));
        Arc::new(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            ready: limits.map(Ready::new),
            threads: Mutex::new(vec![Arc::clone(&orphanage)]),
            orphanage,
            armed: Default::default(),
            spare: Mutex::default(),
            ledger,
            bell,
        })
    }

    /// Appends one item of `scope`, which `write` writes as a field of the scope. It must not panic, log, or take
    /// a lock: it runs under the lock of the thread's buffer.
    #[inline(always)]
    pub(crate) fn append(
        self: &Arc<Self>,
        signal: Chunked,
        scope: ScopeName<'_>,
        write: impl Fn(&mut Vec<u8>),
    ) {
        local::with_buffers(self, |buffers| {
            let mut buffer = buffers.lock(signal);
            let before = buffer.chunk.bytes.len();
            if !buffer.closed {
                write(&mut buffer.chunk.bytes);
            }
            // Under the lock, so that nothing hands the item on before it is counted.
            buffers.tally.count(signal.signal());
            self.appended(signal, scope, before, buffer);
        });
    }

    /// Adds the item that was written behind `before` to its chunk.
    #[inline(never)]
    fn appended(
        &self,
        signal: Chunked,
        scope: ScopeName<'_>,
        before: usize,
        mut buffer: MutexGuard<'_, Buffer>,
    ) {
        if buffer.closed || buffer.chunk.bytes.len() - before > MAX_ITEM_BYTES {
            return self.refuse(signal, before, buffer);
        }
        let chunk = &mut buffer.chunk;
        chunk.end_item(scope);
        if chunk.items == 1 || self.ready[signal as usize].is_full(chunk) {
            self.turn(signal, buffer);
        }
    }

    #[cold]
    fn refuse(&self, signal: Chunked, before: usize, mut buffer: MutexGuard<'_, Buffer>) {
        buffer.chunk.bytes.truncate(before);
        let reason = if buffer.closed {
            DropReason::Shutdown
        } else {
            DropReason::TooLarge
        };
        drop(buffer);
        self.lose(signal, reason, 1);
    }

    /// Takes note of a chunk that begins, or hands it over where it is full.
    #[cold]
    fn turn(&self, signal: Chunked, mut buffer: MutexGuard<'_, Buffer>) {
        let chunk = &mut buffer.chunk;
        let begins = chunk.items == 1;
        if begins {
            chunk.since = Some(Instant::now());
        }
        if self.ready[signal as usize].is_full(chunk) {
            let full = std::mem::replace(chunk, self.empty());
            drop(buffer);
            self.hand_over(signal, full, true);
        } else {
            drop(buffer);
            if begins && !self.armed[signal as usize].load(Ordering::Acquire) {
                self.bell.ring();
            }
        }
    }

    /// Has a chunk wait for the encoder, and wakes it when there is enough for a batch.
    fn hand_over(&self, signal: Chunked, chunk: Chunk, wake: bool) {
        if chunk.items == 0 {
            return;
        }
        let Evicted {
            items,
            batch_is_full,
        } = self.ready[signal as usize].push(chunk);
        if items > 0 {
            self.lose(signal, DropReason::QueueFull, items);
        }
        if batch_is_full && wake {
            self.bell.ring();
        }
    }

    /// Moves what is in the buffers of all threads to the chunks that wait: all of it when `force`d, or when
    /// some of it has waited for the schedule delay.
    pub(crate) fn collect(&self, signal: Chunked, force: bool) {
        // Who begins a chunk from here on rings; `due_in` says whether that is needed.
        self.armed[signal as usize].store(false, Ordering::Release);
        let delay = self.ready[signal as usize].delay();
        let is_due = |since: Instant| since.elapsed() >= delay;
        if !force && !self.oldest(signal).is_some_and(is_due) {
            return;
        }
        for buffers in self.threads().iter() {
            let chunk = std::mem::take(&mut buffers.lock(signal).chunk);
            self.hand_over(signal, chunk, false);
        }
    }

    /// The chunks of the next batch, when one is due: full, `force`d, or as old as the schedule delay.
    pub(crate) fn take_batch(&self, signal: Chunked, force: bool) -> Option<Vec<Chunk>> {
        self.ready[signal as usize].take_batch(force)
    }

    /// How long until some items are due; `None` when there are none. The encoder is trusted to come by then.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let due = |signal: Chunked| {
            let ready = &self.ready[signal as usize];
            if ready.has_full_batch() {
                return Some(Duration::ZERO);
            }
            let oldest = self.oldest(signal)?;
            Some(ready.delay().saturating_sub(oldest.elapsed()))
        };
        let due = Chunked::ALL.into_iter().filter_map(due).min();
        if let Some(due) = due {
            // What begins from here on is younger, but a signal may be due sooner than what is there.
            for (armed, ready) in self.armed.iter().zip(&self.ready) {
                armed.store(ready.delay() >= due, Ordering::Release);
            }
        }
        due
    }

    fn oldest(&self, signal: Chunked) -> Option<Instant> {
        let waiting = self.ready[signal as usize].oldest();
        let open = self
            .threads()
            .iter()
            .filter_map(|buffers| buffers.lock(signal).chunk.since)
            .min();
        [waiting, open].into_iter().flatten().min()
    }

    /// Refuses all further items. What is in the buffers can still be collected.
    pub(crate) fn close(&self) {
        for buffers in self.threads().iter() {
            for signal in Chunked::ALL {
                buffers.lock(signal).closed = true;
            }
        }
    }

    /// Gives the memory of a chunk back whose request is sent, or has a copy.
    fn recycle(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut spare = lock(&self.spare);
        if bytes.capacity() > 0 && bytes.capacity() <= SPARE_BYTES && spare.len() < SPARE_BUFFERS {
            spare.push(bytes);
        }
    }

    fn empty(&self) -> Chunk {
        Chunk {
            bytes: lock(&self.spare)
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(SPARE_BYTES)),
            ..Chunk::default()
        }
    }

    /// Buffers for a thread that appends for the first time.
    fn enrol(&self) -> Arc<Buffers> {
        let buffers = Arc::<Buffers>::default();
        self.ledger.enrol(Arc::clone(&buffers.tally));
        let mut threads = self.threads();
        for signal in Chunked::ALL {
            // All threads are closed or none is.
            buffers.lock(signal).closed = self.orphanage.lock(signal).closed;
        }
        threads.push(Arc::clone(&buffers));
        buffers
    }

    /// The thread of `buffers` ends: what is in them goes on without it.
    fn retire(&self, buffers: &Arc<Buffers>) {
        for signal in Chunked::ALL {
            let chunk = std::mem::take(&mut buffers.lock(signal).chunk);
            self.hand_over(signal, chunk, true);
        }
        self.threads().retain(|other| !Arc::ptr_eq(other, buffers));
        self.ledger.retire(&buffers.tally);
    }

    fn lose(&self, signal: Chunked, reason: DropReason, items: u64) {
        self.ledger.dropped(signal.signal(), reason, items);
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<Buffers>>> {
        lock(&self.threads)
    }
}

/// Nothing panics under the locks of this module: only moves of bytes and arithmetic on their counts.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
