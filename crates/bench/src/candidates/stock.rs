//! What the OpenTelemetry project offers, put together by hand as its documentation says.

use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Running;
use super::null::Null;
use crate::Result;
use crate::job::{Candidate, Export, Job, Mode};

/// The three providers, and the runtime that tonic needs.
pub(super) struct Providers {
    pub(super) tracer: SdkTracerProvider,
    pub(super) logger: SdkLoggerProvider,
    pub(super) meter: SdkMeterProvider,
    _runtime: Option<Runtime>,
}

pub(super) fn start(job: &Job) -> Result<Box<dyn Running>> {
    let providers = Providers::new(job)?;
    match job.candidate {
        Candidate::Otel => subscribe_logs(job, &providers),
        _ => subscribe(job, &providers),
    }
    Ok(Box::new(providers))
}

/// For candidates whose spans are not those of `tracing`.
pub(super) fn subscribe_logs(job: &Job, providers: &Providers) {
    if job.has_logs() {
        let logs =
            OpenTelemetryTracingBridge::new(&providers.logger).with_filter(filter_fn(is_wanted));
        tracing_subscriber::registry().with(logs).init();
    }
}

/// With log records, events are no span events as well: nobody wants them twice.
fn subscribe(job: &Job, providers: &Providers) {
    let has_logs = job.has_logs();
    let lean = job.candidate == Candidate::StockLean;
    let spans = tracing_opentelemetry::layer()
        .with_location(!lean)
        .with_threads(!lean)
        .with_tracked_inactivity(!lean)
        .with_tracer(providers.tracer.tracer("bench"))
        .with_filter(filter_fn(move |metadata| {
            is_wanted(metadata) && (metadata.is_span() || !has_logs)
        }));
    let logs = has_logs.then(|| {
        OpenTelemetryTracingBridge::new(&providers.logger).with_filter(filter_fn(is_wanted))
    });
    tracing_subscriber::registry().with(spans).with(logs).init();
}

/// What the exporters themselves say would be exported again, and again. Decided once for each call site.
fn is_wanted(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_own = |prefix: &&str| target.starts_with(*prefix);
    *metadata.level() <= Level::INFO
        && !["h2", "hyper", "opentelemetry", "reqwest", "tonic", "tower"]
            .iter()
            .any(is_own)
}

impl Providers {
    /// Makes them the global ones.
    pub(super) fn new(job: &Job) -> Result<Self> {
        let runtime = (job.export == Export::Grpc).then(|| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(1).enable_all().build()
        });
        let runtime = runtime.transpose()?;
        let _inside = runtime.as_ref().map(Runtime::enter);
        let mut tracer = SdkTracerProvider::builder();
        let mut logger = SdkLoggerProvider::builder();
        let mut meter = SdkMeterProvider::builder();
        // Disabling is left to whoever puts the parts together; this is what disabling by an exporter `none` does.
        if job.mode != Mode::Disabled {
            (tracer, logger) = match job.export {
                Export::Null => (
                    tracer.with_batch_exporter(Null),
                    logger.with_batch_exporter(Null),
                ),
                Export::Http => (
                    tracer.with_batch_exporter(SpanExporter::builder().with_http().build()?),
                    logger.with_batch_exporter(LogExporter::builder().with_http().build()?),
                ),
                Export::Grpc => (
                    tracer.with_batch_exporter(SpanExporter::builder().with_tonic().build()?),
                    logger.with_batch_exporter(LogExporter::builder().with_tonic().build()?),
                ),
            };
            meter = match job.export {
                Export::Null | Export::Http => {
                    meter.with_periodic_exporter(MetricExporter::builder().with_http().build()?)
                }
                Export::Grpc => {
                    meter.with_periodic_exporter(MetricExporter::builder().with_tonic().build()?)
                }
            };
        }
        let providers = Self {
            tracer: tracer.build(),
            logger: logger.build(),
            meter: meter.build(),
            _runtime: runtime,
        };
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(providers.tracer.clone());
        global::set_meter_provider(providers.meter.clone());
        Ok(providers)
    }
}

impl Running for Providers {
    fn flush(&self) {
        let flushed = [
            self.tracer.force_flush(),
            self.logger.force_flush(),
            self.meter.force_flush(),
        ];
        for error in flushed.into_iter().filter_map(std::result::Result::err) {
            eprintln!("opentelemetry_sdk: {error}");
        }
    }
}
