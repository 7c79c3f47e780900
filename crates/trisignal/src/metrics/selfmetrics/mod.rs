//! What the pipeline tells of itself in metrics: the ledger, under the names that OpenTelemetry has for SDKs
//! (`otel.sdk.*`, semantic conventions v1.44).
//!
//! The *processor* of a signal is all that is before the outbox: buffers, queue and encoder. Its *exporters* are the
//! outbox and the senders, one for each destination. For each of them `produced = processed + queued`, and
//! `submitted = exported + in flight`: the numbers of one collection are those of one reading of the ledger, so they
//! balance as it does. A failure is counted with its reason as `error.type`, in the words of
//! [`DropReason`](crate::DropReason); what comes after the shutdown is `already_shutdown`, as the conventions want it.

mod component;
mod durations;
mod spans;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use self::component::Component;
pub(crate) use self::durations::{Durations, Ending};
pub(crate) use self::spans::{CountingSampler, ParentOrigin, Sampled, SpanCounts};
use crate::config::Config;
use crate::pipeline::Shared;
use crate::pipeline::ledger::{DropReason, Dropped, ExportStage, Stages};
use crate::pipeline::signal::{Destination, Signal};

/// When a reading is surely not of this collection.
const STALE: Duration = Duration::from_secs(1);

/// Registers the instruments. To be called before any other instrument is made: the time of a collection begins with the
/// first callback.
pub(super) fn register(meter: &Meter, config: &Config, shared: &Arc<Shared>) {
    let state = &Arc::new(State::new(Arc::clone(shared)));
    created(meter, state);
    spans(meter, shared);
    for (signal, kind) in [
        (Signal::Traces, "batching_span_processor"),
        (Signal::Logs, "batching_log_processor"),
    ] {
        let capacity = match signal {
            Signal::Traces => config.span_batch.max_queue_items,
            _ => config.log_batch.max_queue_items,
        };
        processor(meter, state, signal, kind, capacity);
    }
    let exporters = Component::exporters(config);
    for exporter in &exporters {
        self::exporter(meter, state, exporter);
    }
    // There is one of each pipeline.
    let _ = shared.durations.set(Durations::new(meter, &exporters));
}

/// The reading of the ledger that a collection shows.
#[derive(Debug)]
struct State {
    shared: Arc<Shared>,
    read: Mutex<Read>,
}

type Reading = Arc<[Stages; 3]>;

#[derive(Debug)]
struct Read {
    at: Instant,
    stages: Reading,
}

impl State {
    fn new(shared: Arc<Shared>) -> Self {
        let read = Read {
            at: Instant::now(),
            stages: Arc::default(),
        };
        Self {
            shared,
            read: Mutex::new(read),
        }
    }

    /// Takes a new reading.
    fn read(&self) -> Reading {
        let stages = Arc::new(Signal::ALL.map(|signal| self.shared.ledger.stages(signal)));
        let mut read = self.lock();
        read.at = Instant::now();
        read.stages = Arc::clone(&stages);
        stages
    }

    /// The reading of this collection.
    fn now(&self) -> Reading {
        let read = self.lock();
        if read.at.elapsed() < STALE && !read.stages[0].exports.is_empty() {
            return Arc::clone(&read.stages);
        }
        drop(read);
        // A view of the user may have taken the instrument away that begins a collection.
        self.read()
    }

    fn export(&self, destination: Destination) -> ExportStage {
        let now = self.now();
        let stages = &now[destination.signal.index()];
        let mut stage = stages
            .exports
            .get(destination.index)
            .copied()
            .unwrap_or_default();
        if destination.signal == Signal::Metrics {
            // They have no stage before this one.
            stage.inflight += stages.waiting;
            stage.dropped = stage.dropped.with(&stages.dropped);
        }
        stage
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        // Nothing panics under it.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Log records are counted where they are made, and that is where they are produced.
fn created(meter: &Meter, outer: &Arc<State>) {
    let state = Arc::clone(outer);
    meter
        .u64_observable_counter("otel.sdk.log.created")
        .with_unit("{log_record}")
        .with_description("The number of logs submitted to enabled SDK Loggers.")
        .with_callback(move |created| {
            durations::collection_begins();
            state.read();
            let logs = &state.now()[Signal::Logs.index()];
            created.observe(logs.submitted + logs.waiting + logs.dropped.total(), &[]);
        })
        .build();
}

fn spans(meter: &Meter, shared: &Arc<Shared>) {
    let state = Arc::clone(shared);
    let result = |sampled: Sampled| KeyValue::new("otel.span.sampling_result", sampled.as_str());
    meter
        .u64_observable_counter("otel.sdk.span.started")
        .with_unit("{span}")
        .with_description("The number of created spans.")
        .with_callback(move |started| {
            for origin in ParentOrigin::ALL {
                for sampled in Sampled::ALL {
                    let count = state.ledger.spans.started_of(origin, sampled);
                    let origin = KeyValue::new("otel.span.parent.origin", origin.as_str());
                    if count > 0 {
                        started.observe(count, &[origin, result(sampled)]);
                    }
                }
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .i64_observable_up_down_counter("otel.sdk.span.live")
        .with_unit("{span}")
        .with_description(
            "The number of created spans with recording=true for which the end operation has not been called yet.",
        )
        .with_callback(move |live| {
            for sampled in Sampled::RECORDING {
                observe(live, state.ledger.spans.live(sampled), &[result(sampled)]);
            }
        })
        .build();
}

/// The names of the instruments of a signal.
struct Names {
    unit: &'static str,
    items: &'static str,
    processed: &'static str,
    queue_size: &'static str,
    queue_capacity: &'static str,
    exported: &'static str,
    inflight: &'static str,
}

fn names(signal: Signal) -> Names {
    match signal {
        Signal::Traces => Names {
            unit: "{span}",
            items: "spans",
            processed: "otel.sdk.processor.span.processed",
            queue_size: "otel.sdk.processor.span.queue.size",
            queue_capacity: "otel.sdk.processor.span.queue.capacity",
            exported: "otel.sdk.exporter.span.exported",
            inflight: "otel.sdk.exporter.span.inflight",
        },
        Signal::Logs => Names {
            unit: "{log_record}",
            items: "log records",
            processed: "otel.sdk.processor.log.processed",
            queue_size: "otel.sdk.processor.log.queue.size",
            queue_capacity: "otel.sdk.processor.log.queue.capacity",
            exported: "otel.sdk.exporter.log.exported",
            inflight: "otel.sdk.exporter.log.inflight",
        },
        // Metrics have no processor: they are encoded where they are collected.
        Signal::Metrics => Names {
            unit: "{data_point}",
            items: "metric data points",
            processed: "",
            queue_size: "",
            queue_capacity: "",
            exported: "otel.sdk.exporter.metric_data_point.exported",
            inflight: "otel.sdk.exporter.metric_data_point.inflight",
        },
    }
}

fn processor(
    meter: &Meter,
    outer: &Arc<State>,
    signal: Signal,
    kind: &'static str,
    capacity: usize,
) {
    let names = names(signal);
    let part = Component::named(kind);
    let state = Arc::clone(outer);
    let of = part.clone();
    meter
        .u64_observable_counter(names.processed)
        .with_unit(names.unit)
        .with_description(format!(
            "The number of {} for which the processing has finished, either successful or failed.",
            names.items
        ))
        .with_callback(move |processed| {
            let stages = &state.now()[signal.index()];
            processed.observe(stages.submitted, &of.attributes);
            observe_dropped(processed, &stages.dropped, &of, "already_shutdown");
        })
        .build();
    let state = Arc::clone(outer);
    let of = part.clone();
    meter
        .i64_observable_up_down_counter(names.queue_size)
        .with_unit(names.unit)
        .with_description(format!(
            "The number of {} in the queue of a given instance of an SDK processor.",
            names.items
        ))
        .with_callback(move |size| {
            observe(size, state.now()[signal.index()].waiting, &of.attributes);
        })
        .build();
    let of = part.attributes;
    meter
        .i64_observable_up_down_counter(names.queue_capacity)
        .with_unit(names.unit)
        .with_description(format!(
            "The maximum number of {} the queue of a given instance of an SDK processor can hold.",
            names.items
        ))
        .with_callback(move |size| observe(size, capacity as u64, &of))
        .build();
}

fn exporter(meter: &Meter, outer: &Arc<State>, exporter: &Component) {
    let Some(destination) = exporter.destination else {
        return;
    };
    let names = names(destination.signal);
    let state = Arc::clone(outer);
    let of = exporter.clone();
    meter
        .u64_observable_counter(names.exported)
        .with_unit(names.unit)
        .with_description(format!(
            "The number of {} for which the export has finished, either successful or failed.",
            names.items
        ))
        .with_callback(move |exported| {
            let stage = state.export(destination);
            exported.observe(stage.delivered, &of.attributes);
            observe_dropped(exported, &stage.dropped, &of, DropReason::Shutdown.as_str());
        })
        .build();
    let state = Arc::clone(outer);
    let of = exporter.attributes.clone();
    meter
        .i64_observable_up_down_counter(names.inflight)
        .with_unit(names.unit)
        .with_description(format!(
            "The number of {} which were passed to the exporter, but that have not been exported yet (neither successful, \
             nor failed).",
            names.items
        ))
        .with_callback(move |inflight| {
            observe(inflight, state.export(destination).inflight, &of);
        })
        .build();
}

/// One series for each reason that occurred.
fn observe_dropped(
    instrument: &dyn AsyncInstrument<u64>,
    dropped: &Dropped,
    part: &Component,
    shutdown: &'static str,
) {
    for (reason, count) in dropped.iter() {
        let error = match reason {
            DropReason::Shutdown => shutdown,
            reason => reason.as_str(),
        };
        instrument.observe(count, &part.with_error(error));
    }
}

fn observe(instrument: &dyn AsyncInstrument<i64>, value: u64, attributes: &[KeyValue]) {
    instrument.observe(i64::try_from(value).unwrap_or(i64::MAX), attributes);
}
