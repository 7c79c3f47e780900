//! The sender thread: takes batches from the outbox and keeps trying until a backend has taken them.
//!
//! It has a runtime of its own, so it neither needs nor loads the host's, and telemetry is suppressed on it, so that
//! exporting makes no telemetry. Each destination of a signal is a lane: one request at a time, in order.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::{Batch, MAX_REQUEST_BYTES};
use super::bisect;
use super::ledger::DropReason;
use super::outbox::Lease;
use super::retry::{Backoff, Verdict};
use super::signal::{Destination, Signal};
use super::stdout::{Form, Stdout};
use super::{Phase, Shared};
use crate::config::{Config, ExporterConfig};
use crate::console::ConsoleWriter;
use crate::error::{Error, ErrorKind};
use crate::metrics::selfmetrics::Ending;
use crate::transport::{Answer, Connections, Failure, FailureKind, Transport};

/// How long a lane that drains goes on trying to reach a backend that refuses connections. Shorter than a second,
/// so that a service whose backend is down still ends in a second.
const UNREACHABLE_PATIENCE: Duration = Duration::from_millis(500);
/// The longest wait between two tries while draining.
const DRAINING_BACKOFF: Duration = Duration::from_millis(250);

/// Threads for what blocks: one collects for a flush, one looks up names. They end soon after, because a host has
/// better use for threads.
const BLOCKING_THREADS: usize = 2;
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_millis(100);

/// The thread that sends, by the handle of its runtime.
#[derive(Debug)]
pub(crate) struct Sender {
    runtime: Handle,
}

/// What one destination of a signal needs to be reached.
#[derive(Debug)]
pub(crate) struct Lane {
    destination: Destination,
    sink: Sink,
    /// The endpoint or the name of the exporter, fit for a log line.
    name: String,
}

/// What takes batches.
#[derive(Debug)]
enum Sink {
    Backend(Transport),
    Stdout(Stdout),
}

impl Sink {
    /// Takes what `signal` has for `exporter`, with its name; `None` for those that take no batches.
    fn new(
        signal: Signal,
        exporter: &ExporterConfig,
        connections: &mut Connections,
        console: &ConsoleWriter,
    ) -> Result<Option<(Self, String)>, Error> {
        let form = match (exporter, signal) {
            (ExporterConfig::Otlp(otlp), _) => {
                let transport = Transport::new(signal, otlp, connections)?;
                return Ok(Some((Self::Backend(transport), otlp.endpoint_for_people())));
            }
            (ExporterConfig::OtlpStdout, _) => Form::Json,
            (ExporterConfig::Console, Signal::Traces | Signal::Metrics) => Form::People,
            // The lines of the console come from where events happen, and pages are asked for.
            (ExporterConfig::Console, Signal::Logs) | (ExporterConfig::Prometheus, _) => {
                return Ok(None);
            }
        };
        let stdout = Stdout::new(console.clone(), form);
        let name = stdout.name().to_owned();
        Ok(Some((Self::Stdout(stdout), name)))
    }

    async fn send(&self, batch: &Batch) -> Answer {
        match self {
            Self::Backend(transport) => transport.send(batch).await,
            Self::Stdout(stdout) => stdout.send(batch).await,
        }
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken by the backend, and counted.
    Delivered,
    /// Dropped, and counted.
    Dropped,
    /// The backend refuses some of its items; not counted yet.
    Refused,
    /// The sender ends; the batch stays held, for the last entry of the ledger.
    Abandoned,
}

impl Sender {
    /// Starts the thread. It ends with [`Phase::Ended`].
    pub(crate) fn spawn(shared: Arc<Shared>, lanes: Vec<Lane>) -> Result<Self, Error> {
        let failed = |error| {
            Error::new(ErrorKind::System, "the sender thread can't be started").with_source(error)
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().thread_name("trisignal-blocking");
        let blocking = lanes.iter().filter(|lane| lane.blocks()).count();
        let builder = builder.max_blocking_threads(BLOCKING_THREADS + blocking);
        let runtime = builder
            .thread_keep_alive(BLOCKING_KEEP_ALIVE)
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let run = move || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            for lane in lanes {
                runtime.spawn(lane.supervise(Arc::clone(&shared)));
            }
            let mut phase = shared.phase.subscribe();
            let ended = async move {
                // Fails when the pipeline is gone, which is the end as well.
                let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
            };
            runtime.block_on(ended);
            // Not waited for: a callback of the user may hang in there.
            runtime.shutdown_background();
        };
        std::thread::Builder::new()
            .name("trisignal-send".to_owned())
            .spawn(run)
            .map_err(failed)?;
        Ok(Self { runtime: handle })
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Lane {
    /// A lane for each destination of each signal. Those of OTLP are first, so that reports speak of them.
    pub(crate) fn for_config(config: &Config, console: &ConsoleWriter) -> Result<Vec<Self>, Error> {
        let targets = [
            (Signal::Traces, &config.traces),
            (Signal::Metrics, &config.metrics),
            (Signal::Logs, &config.logs),
        ];
        let mut connections = Connections::default();
        let mut lanes = Vec::new();
        for (signal, target) in targets {
            let mut sinks = Vec::new();
            for exporter in target.exporters_otlp_first() {
                sinks.extend(Sink::new(signal, exporter, &mut connections, console)?);
            }
            for (index, (sink, name)) in sinks.into_iter().enumerate() {
                lanes.push(Self {
                    destination: Destination { signal, index },
                    sink,
                    name,
                });
            }
        }
        Ok(lanes)
    }

    pub(crate) fn destination(&self) -> Destination {
        self.destination
    }

    /// Whether it keeps a thread while nobody reads what it writes.
    fn blocks(&self) -> bool {
        matches!(self.sink, Sink::Stdout(_))
    }

    /// Fit for people.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the lane, again after a panic. What it had leased stays held by the ledger and is given up.
    async fn supervise(self, shared: Arc<Shared>) {
        let lane = Arc::new(self);
        loop {
            let run = tokio::spawn(Arc::clone(&lane).run(Arc::clone(&shared)));
            match run.await {
                Err(error) if error.is_panic() => shared.diagnostics.panicked("sender"),
                _ => return shared.outbox.close(lane.destination),
            }
        }
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut changes = shared.outbox.changes();
        loop {
            changes.mark_unchanged();
            match shared.outbox.lease(self.destination, MAX_REQUEST_BYTES) {
                Some(lease) => {
                    let guard = Settle {
                        shared: &shared,
                        lease: &lease,
                    };
                    if self.deliver(&shared, &lease).await == Fate::Abandoned {
                        return;
                    }
                    drop(guard);
                }
                None if changes.changed().await.is_err() => return,
                None => {}
            }
        }
    }

    /// Brings all batches of a lease to their end.
    async fn deliver(&self, shared: &Shared, lease: &Lease) -> Fate {
        let (young, old): (Vec<_>, Vec<_>) = lease
            .batches
            .iter()
            .cloned()
            .partition(|batch| batch.created.elapsed() < shared.max_age);
        for batch in old {
            shared.drop_items_at(self.destination, DropReason::Expired, batch.items, "");
        }
        let Some(request) = Batch::concat(&young) else {
            return Fate::Dropped;
        };
        match self.send(shared, &request).await {
            Fate::Refused => bisect::deliver_the_good(self, shared, &request).await,
            fate => fate,
        }
    }

    /// Sends one request until the backend has taken or refused it.
    pub(super) async fn send(&self, shared: &Shared, request: &Batch) -> Fate {
        let begin = Instant::now();
        let mut ending = Ending::default();
        let fate = self.attempts(shared, request, &mut ending).await;
        if let Some(durations) = shared.durations.get() {
            if fate == Fate::Abandoned {
                ending.error = Some(DropReason::Shutdown.as_str().to_owned());
            }
            durations.exported(self.destination, begin.elapsed(), &ending);
        }
        fate
    }

    /// Tries until the backend has taken or refused `request`, and tells how the last try ended.
    async fn attempts(&self, shared: &Shared, request: &Batch, ending: &mut Ending) -> Fate {
        let mut backoff = Backoff::new(shared.retry);
        let mut unreachable_since = None;
        loop {
            let mut phase = shared.phase.subscribe();
            let answer = tokio::select! {
                answer = self.sink.send(request) => answer,
                _ = phase.wait_for(|phase| *phase == Phase::Ended) => return Fate::Abandoned,
            };
            *ending = answer.ending();
            let Answer {
                verdict,
                rejected,
                failure,
                ..
            } = answer;
            let unreachable = failure
                .as_ref()
                .is_some_and(|failure| failure.kind == FailureKind::Unreachable);
            let wait = match verdict {
                Verdict::Accepted => {
                    self.count_accepted(shared, request, rejected, failure.as_ref());
                    return Fate::Delivered;
                }
                Verdict::RejectedItems => return Fate::Refused,
                Verdict::RejectedRequest => {
                    let detail = failure.map(|failure| failure.detail).unwrap_or_default();
                    shared.drop_items_at(
                        self.destination,
                        DropReason::Rejected,
                        request.items,
                        &detail,
                    );
                    return Fate::Dropped;
                }
                Verdict::Retry(Some(asked)) => Wait::Asked(backoff.next(Some(asked))),
                Verdict::Retry(None) if unreachable => Wait::Unreachable(backoff.next(None)),
                Verdict::Retry(None) => Wait::Passing(backoff.next(None)),
                Verdict::Hold => Wait::Hold(backoff.hold()),
            };
            if let Some(failure) = &failure {
                shared
                    .diagnostics
                    .attempt_failed(self.destination, &self.name, failure);
            }
            if request.created.elapsed() >= shared.max_age {
                shared.drop_items_at(self.destination, DropReason::Expired, request.items, "");
                return Fate::Dropped;
            }
            if pause(shared, wait, &mut unreachable_since).await.is_err() {
                return Fate::Abandoned;
            }
        }
    }

    fn count_accepted(
        &self,
        shared: &Shared,
        request: &Batch,
        rejected: u64,
        remark: Option<&Failure>,
    ) {
        let rejected = rejected.min(request.items);
        shared
            .ledger
            .delivered(self.destination, request.items - rejected);
        let detail = remark.map_or("", |remark| remark.detail.as_str());
        shared.drop_items_at(self.destination, DropReason::Partial, rejected, detail);
        if let (0, Some(remark)) = (rejected, remark) {
            shared
                .diagnostics
                .remarked(self.destination.signal, &self.name, remark);
        }
        shared.diagnostics.delivered(self.destination);
    }
}

/// How long to wait before the next try, and why.
#[derive(Clone, Copy, Debug)]
enum Wait {
    /// The backend named the time.
    Asked(Duration),
    /// The backend is not there.
    Unreachable(Duration),
    /// The backend is there and can't take the request now.
    Passing(Duration),
    /// The deployment has to be mended first.
    Hold(Duration),
}

/// There is nothing more to try.
#[derive(Debug)]
struct Ended;

/// Waits before the next try. Fails when there is to be none.
async fn pause(
    shared: &Shared,
    wait: Wait,
    unreachable_since: &mut Option<Instant>,
) -> Result<(), Ended> {
    let mut phase = shared.phase.subscribe();
    let mut kick = shared.kick.subscribe();
    let current = *phase.borrow_and_update();
    let time = match (current, wait) {
        // What a backend asks for is kept, whoever is in a hurry.
        (Phase::Running | Phase::Draining, Wait::Asked(time)) => {
            return tokio::select! {
                () = tokio::time::sleep(time) => Ok(()),
                _ = phase.wait_for(|phase| *phase == Phase::Ended) => Err(Ended),
            };
        }
        (Phase::Ended, _) | (Phase::Draining, Wait::Hold(_)) => return Err(Ended),
        (Phase::Running, Wait::Unreachable(time) | Wait::Passing(time) | Wait::Hold(time)) => time,
        (Phase::Draining, Wait::Passing(time)) => time.min(DRAINING_BACKOFF),
        (Phase::Draining, Wait::Unreachable(time)) => {
            if unreachable_since.get_or_insert_with(Instant::now).elapsed() >= UNREACHABLE_PATIENCE
            {
                return Err(Ended);
            }
            time.min(DRAINING_BACKOFF)
        }
    };
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        // A flush wants to know now.
        _ = kick.changed() => Ok(()),
        changed = phase_change(&mut phase, current) => changed,
    }
}

/// Resolves when the phase is no longer `current`.
async fn phase_change(phase: &mut watch::Receiver<Phase>, current: Phase) -> Result<(), Ended> {
    match phase
        .wait_for(|phase| *phase != current)
        .await
        .map(|phase| *phase)
    {
        Ok(Phase::Ended) | Err(_) => Err(Ended),
        Ok(_) => Ok(()),
    }
}

/// Settles a lease also when the lane panics over it.
struct Settle<'a> {
    shared: &'a Shared,
    lease: &'a Lease,
}

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        self.shared.outbox.settle(self.lease);
    }
}
