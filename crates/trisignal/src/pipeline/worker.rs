//! The encoder thread: takes batches from the queues, encodes them, hands them to the outbox.
//!
//! It survives panics: the queues and the outbox are outside of what unwinds, and a batch whose encoding panics is
//! counted and left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::oneshot;

use super::batch::{Batch, MAX_REQUEST_BYTES};
use super::chunks::{Chunked, Chunks, frame};
use super::encode::{LogEncoder, SpanEncoder};
use super::ledger::DropReason;
use super::pieces::Pieces;
use super::queue::Queue;
use super::signal::{Destination, Signal};
use super::{Shared, split};
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::limits::cut_span;
use crate::otlp::request::ResourceHead;

/// The longest sleep of the encoder; a batch that is due earlier ends it earlier.
const IDLE: Duration = Duration::from_secs(60);

/// A log record as the SDK hands it over.
pub(crate) type LogItem = (SdkLogRecord, InstrumentationScope);

/// What the encoder reads.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) spans: Queue<SpanData>,
    pub(crate) logs: Queue<LogItem>,
    /// What is encoded already.
    pub(crate) chunks: Arc<Chunks>,
    bell: Arc<Bell>,
}

/// What wakes the encoder.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inbox {
    woken: bool,
    /// Dropped, not answered, when the encoder panics; whoever waits then asks again.
    flushes: Vec<oneshot::Sender<()>>,
    stop: bool,
    #[cfg(test)]
    panic: bool,
}

impl Queues {
    pub(crate) fn new(
        spans: Queue<SpanData>,
        logs: Queue<LogItem>,
        chunks: Arc<Chunks>,
        bell: Arc<Bell>,
    ) -> Self {
        Self {
            spans,
            logs,
            chunks,
            bell,
        }
    }

    /// Tells the encoder that a batch is ready.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    /// Asks for everything that is queued now to be encoded. The receiver fails when the encoder panicked over
    /// it or has ended.
    pub(crate) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, flushed) = oneshot::channel();
        self.bell.tell(|inbox| {
            if !inbox.stop {
                inbox.flushes.push(done);
            }
        });
        flushed
    }

    /// Ends the encoder after it has encoded what is queued.
    pub(crate) fn stop(&self) {
        self.bell.tell(|inbox| inbox.stop = true);
    }

    /// Refuses all further items.
    pub(crate) fn close(&self) {
        self.spans.close();
        self.logs.close();
        self.chunks.close();
    }

    /// Makes the encoder thread panic outside of everything that contains panics of items.
    #[cfg(test)]
    pub(crate) fn kill_encoder(&self) {
        self.bell.tell(|inbox| inbox.panic = true);
    }

    /// Sleeps until something is to be done. Answers the flushes to acknowledge, and whether to end.
    fn wait(&self) -> Wakeup {
        let due = [
            self.spans.due_in(),
            self.logs.due_in(),
            self.chunks.due_in(),
        ];
        self.bell.wait(due.into_iter().flatten().min())
    }
}

impl Bell {
    /// Tells the encoder that there is something to do.
    pub(crate) fn ring(&self) {
        self.tell(|_| ());
    }

    /// Whether it rang since this was last asked.
    #[cfg(test)]
    pub(crate) fn has_rung(&self) -> bool {
        std::mem::take(&mut self.inbox().woken)
    }

    fn tell(&self, note: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.inbox();
        note(&mut inbox);
        // In the same step: woken without it, the encoder could go back to sleep in between.
        inbox.woken = true;
        // Else it would wake only to wait for this lock.
        drop(inbox);
        self.wake.notify_one();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Only flags and a list change under this lock; they are valid after every statement.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the bell rings, or something is `due`.
    fn wait(&self, due: Option<Duration>) -> Wakeup {
        let mut inbox = self.inbox();
        // A flush that an encoder before this one left behind wakes as well.
        if !inbox.woken && !inbox.stop && inbox.flushes.is_empty() {
            let timeout = due.unwrap_or(IDLE).min(IDLE);
            let waited = self
                .wake
                .wait_timeout_while(inbox, timeout, |inbox| !inbox.woken);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inbox.woken = false;
        #[cfg(test)]
        if std::mem::take(&mut inbox.panic) {
            drop(inbox);
            panic!("the encoder was told to panic");
        }
        Wakeup {
            flushes: std::mem::take(&mut inbox.flushes),
            stop: inbox.stop,
        }
    }
}

struct Wakeup {
    flushes: Vec<oneshot::Sender<()>>,
    stop: bool,
}

/// The state of the encoder thread.
struct Worker {
    shared: Arc<Shared>,
    spans: SpanEncoder,
    logs: LogEncoder,
    resource: ResourceHead,
    queue_drops_seen: [u64; 2],
    callback_panics_seen: u64,
}

/// Starts the encoder thread. It ends after [`Queues::stop`].
pub(crate) fn spawn(
    shared: Arc<Shared>,
    spans: SpanEncoder,
    logs: LogEncoder,
    resource: ResourceHead,
) -> Result<JoinHandle<()>, Error> {
    let mut worker = Worker {
        shared,
        spans,
        logs,
        resource,
        queue_drops_seen: [0; 2],
        callback_panics_seen: 0,
    };
    let run = move || {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        while catch_unwind(AssertUnwindSafe(|| worker.run())).is_err() {
            worker.shared.ledger.count_encoder_restart();
            worker.shared.diagnostics.panicked("encoder");
        }
    };
    std::thread::Builder::new()
        .name("trisignal-encode".to_owned())
        .spawn(run)
        .map_err(|error| {
            Error::new(ErrorKind::System, "the encoder thread can't be started").with_source(error)
        })
}

impl Worker {
    fn run(&mut self) {
        loop {
            let wakeup = self.shared.queues.wait();
            self.drain(wakeup.stop || !wakeup.flushes.is_empty());
            self.report();
            for flush in wakeup.flushes {
                // Who asked may have given up waiting.
                let _ = flush.send(());
            }
            if wakeup.stop {
                return;
            }
            // Not before there was something to do, so that short programs don't pay for it.
            clock::learn();
        }
    }

    fn drain(&self, force: bool) {
        let queues = &self.shared.queues;
        let length = self.shared.limits.spans.attribute_value_length;
        while let Some(mut spans) = queues.spans.take_batch(force) {
            let items = spans.len() as u64;
            self.process(Signal::Traces, items, || {
                spans.iter_mut().for_each(|span| cut_span(span, length));
                self.spans.encode(&spans)
            });
        }
        while let Some(logs) = queues.logs.take_batch(force) {
            let items = logs.len() as u64;
            self.process(Signal::Logs, items, || self.logs.encode(&logs));
        }
        for signal in Chunked::ALL {
            // Full batches first: they make room for what the threads still have.
            self.drain_chunks(signal, false);
            queues.chunks.collect(signal, force);
            self.drain_chunks(signal, force);
        }
    }

    fn drain_chunks(&self, signal: Chunked, force: bool) {
        let chunks = &self.shared.queues.chunks;
        while let Some(batch) = chunks.take_batch(signal, force) {
            let items = batch.iter().map(|chunk| chunk.items as u64).sum();
            self.process(signal.signal(), items, || {
                frame::in_pieces(&self.resource, batch, chunks)
            });
        }
    }

    /// Encodes one batch. It is the only thing that a panic in here can cost.
    fn process<B: Into<Pieces>>(&self, signal: Signal, items: u64, encode: impl FnOnce() -> B) {
        match catch_unwind(AssertUnwindSafe(encode)) {
            Ok(body) => self.shared.enqueue(Batch::new(signal, body, items)),
            Err(_) => {
                self.shared
                    .drop_items(signal, DropReason::Panic, items, "the encoder panicked")
            }
        }
    }

    /// Says what producers could not: they must not log while they are being logged.
    fn report(&mut self) {
        for (seen, signal) in self
            .queue_drops_seen
            .iter_mut()
            .zip([Signal::Traces, Signal::Logs])
        {
            let dropped = self
                .shared
                .ledger
                .account(signal)
                .dropped
                .get(DropReason::QueueFull);
            let new = dropped - std::mem::replace(seen, dropped);
            self.shared
                .diagnostics
                .dropped(signal, DropReason::QueueFull, new, "");
        }
        let panics = self.shared.ledger.callback_panics();
        if panics > std::mem::replace(&mut self.callback_panics_seen, panics) {
            self.shared.diagnostics.panicked("callback");
        }
    }
}

impl Shared {
    /// Puts an encoded batch into the outbox, in parts where it is too large for one request.
    pub(crate) fn enqueue(&self, batch: Batch) {
        let (signal, items) = (batch.signal, batch.items);
        let Ok((parts, too_large)) = split::within(batch, MAX_REQUEST_BYTES) else {
            return self.drop_items(signal, DropReason::Encode, items, "");
        };
        for piece in too_large {
            self.drop_items(
                signal,
                DropReason::TooLarge,
                piece.items,
                "a single item over 1 MiB",
            );
        }
        for part in parts {
            self.ledger.submitted(signal, part.items);
            for destination in self.outbox.destinations(signal) {
                for (from, evicted) in self.outbox.push(destination, part.clone()) {
                    self.drop_items_at(from, DropReason::OutboxFull, evicted.items, "");
                }
            }
        }
    }

    /// Counts items that are lost to one destination and says so once in a while. For the pipeline's own threads.
    pub(crate) fn drop_items_at(
        &self,
        destination: Destination,
        reason: DropReason,
        items: u64,
        detail: &str,
    ) {
        self.ledger.dropped_at(destination, reason, items);
        self.diagnostics
            .dropped(destination.signal, reason, items, detail);
    }

    /// Counts items that are lost to all destinations and says so once in a while. For the pipeline's own threads.
    pub(crate) fn drop_items(&self, signal: Signal, reason: DropReason, items: u64, detail: &str) {
        self.ledger.dropped(signal, reason, items);
        self.diagnostics.dropped(signal, reason, items, detail);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test fails by panicking

    use std::collections::BTreeMap;
    use std::time::Instant;

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;
    use trisignal_receiver::{Receiver, Signal as Received};

    use crate::{ConsoleFormat, Telemetry};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn telemetry(receiver: &Receiver) -> Telemetry {
        let builder = crate::builder("checkout").environment(BTreeMap::new());
        builder
            .console(ConsoleFormat::Off)
            .endpoint(receiver.http_endpoint())
            .build()
            .unwrap()
    }

    fn work(telemetry: &Telemetry, numbers: std::ops::Range<i64>) {
        let subscriber = Registry::default().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || {
            for number in numbers {
                tracing::info_span!("work", number).in_scope(|| tracing::info!(number, "worked"));
            }
        });
    }

    fn kill(telemetry: &Telemetry) {
        telemetry
            .inner()
            .pipeline
            .as_ref()
            .unwrap()
            .shared()
            .queues
            .kill_encoder();
    }

    fn await_restarts(telemetry: &Telemetry, restarts: u64) {
        let begin = Instant::now();
        while telemetry.health().encoder_restarts < restarts {
            assert!(begin.elapsed() < PATIENCE, "the encoder did not come back");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A batch whose encoding panics is lost, counted, and nothing else is.
    #[test]
    fn a_batch_that_can_not_be_encoded_is_counted() {
        let receiver = Receiver::start_blocking().unwrap();
        let telemetry = telemetry(&receiver);
        let shared = Arc::clone(telemetry.inner().pipeline.as_ref().unwrap().shared());
        let resource = opentelemetry_sdk::Resource::builder_empty().build();
        let worker = Worker {
            shared: Arc::clone(&shared),
            spans: SpanEncoder::new(&resource),
            logs: LogEncoder::new(&resource, crate::limits::ItemLimits::default()),
            resource: ResourceHead::new(&resource),
            queue_drops_seen: [0; 2],
            callback_panics_seen: 0,
        };
        shared.ledger.produced(Signal::Traces, 3);
        worker.process(Signal::Traces, 3, || -> Pieces {
            panic!("a bug of the encoder")
        });
        let account = telemetry.health().traces;
        assert!(account.balances(), "{account}");
        assert_eq!(account.dropped.get(DropReason::Panic), 3);
        assert_eq!(account.held, 0);
    }

    /// Row 22 of the faults: the encoder dies with work before it, in between and behind it.
    #[test]
    fn an_encoder_that_dies_comes_back_and_loses_nothing() {
        let receiver = Receiver::builder()
            .log_identity("number")
            .start_blocking()
            .unwrap();
        let telemetry = telemetry(&receiver);
        work(&telemetry, 0..1_000);
        kill(&telemetry);
        work(&telemetry, 1_000..2_000);
        await_restarts(&telemetry, 1);
        work(&telemetry, 2_000..3_000);
        assert!(telemetry.flush_blocking(PATIENCE).complete);
        assert_eq!(telemetry.health().encoder_restarts, 1);

        // Dead when it is told to flush: whoever waits asks again.
        work(&telemetry, 3_000..3_100);
        kill(&telemetry);
        let report = telemetry.shutdown_blocking(PATIENCE);
        await_restarts(&telemetry, 2);
        assert!(report.complete && report.lost() == 0, "{report}");
        for (account, signal) in [
            (report.traces, Received::Traces),
            (report.logs, Received::Logs),
        ] {
            let received = receiver.received(signal);
            assert_eq!(
                (account.produced, account.delivered, account.held),
                (3_100, 3_100, 0)
            );
            assert_eq!(
                (received.unique, received.duplicates),
                (3_100, 0),
                "{signal}"
            );
        }
    }
}
