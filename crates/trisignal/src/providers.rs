//! The SDK's part of telemetry: one provider for each signal that is exported, and what users hook into them.

use std::sync::Arc;

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::logs::{LogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample, SpanProcessor};

use tracing::Subscriber;
use tracing_subscriber::Layer;
#[cfg(not(feature = "tracing-opentelemetry"))]
use tracing_subscriber::layer::Identity;
use tracing_subscriber::registry::LookupSpan;

use crate::bridge::callsite::Callsites;
use crate::bridge::events::otlp::LogExport;
use crate::bridge::ids::Ids;
use crate::bridge::layer::ContextOf;
#[cfg(feature = "tracing-opentelemetry")]
use crate::bridge::other;
use crate::bridge::spans::SpanExport;
use crate::config::Config;
use crate::error::Error;
use crate::filter::Filter;
use crate::guard::{Guard, GuardedLogProcessor, GuardedSpanProcessor, OnPanic};
use crate::metrics::guard::GuardedMeterProvider;
use crate::metrics::prometheus::Bound;
use crate::metrics::provider::{Meters, Pages};
use crate::metrics::selfmetrics::CountingSampler;
use crate::pipeline::processors::{
    BaggageProcessor, CorrelationProcessor, PipelineLogProcessor, PipelineSpanProcessor,
};
use crate::pipeline::signal::Signal;
use crate::pipeline::{Collect, Shared};
use crate::sampling::{self, Chosen};
use crate::scopes::TRACING;

/// The SDK's part, as far as signals are exported.
#[derive(Default)]
pub(crate) struct Providers {
    pub(crate) tracer: Option<SdkTracerProvider>,
    pub(crate) meter: Option<(SdkMeterProvider, GuardedMeterProvider)>,
    /// What shows metrics to Prometheus.
    pub(crate) pages: Option<Pages>,
    pub(crate) logger: Option<SdkLoggerProvider>,
    /// What the tracer asks; `None` only without a pipeline.
    pub(crate) sampling: Option<Chosen>,
    /// Those of the user, once more: the providers go on after a shutdown, to have what comes late counted.
    span_processors: Vec<GuardedSpanProcessor>,
    log_processors: Vec<GuardedLogProcessor>,
    /// Whether `tracing-opentelemetry` makes the spans.
    other_bridge: bool,
}

/// What the user gave the SDK to call.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) sampler: Option<Arc<dyn ShouldSample>>,
    pub(crate) span_processors: Vec<Box<dyn SpanProcessor>>,
    pub(crate) log_processors: Vec<Box<dyn LogProcessor>>,
    pub(crate) other_bridge: bool,
}

impl Providers {
    /// A provider for each signal that is exported, with the hooks of the user before the pipeline's.
    ///
    /// # Errors
    ///
    /// When the system gives no thread for the page of metrics.
    pub(crate) fn build(
        config: &Config,
        shared: &Arc<Shared>,
        hooks: Hooks,
        page: Option<Bound>,
    ) -> Result<Self, Error> {
        let counted = Arc::clone(shared);
        let on_panic: OnPanic = Arc::new(move || counted.ledger.count_callback_panic());
        let guard = Guard::new(Arc::clone(&on_panic));
        let Hooks {
            sampler,
            span_processors,
            log_processors,
            other_bridge,
        } = hooks;
        let sampling = sampling::configured(&config.sampler, sampler, &guard);
        let guarded = |inner| GuardedSpanProcessor::new(inner, &config.resource, guard.clone());
        let span_processors: Vec<_> = span_processors.into_iter().map(guarded).collect();
        let guarded = |inner| GuardedLogProcessor::new(inner, &config.resource, guard.clone());
        let log_processors: Vec<_> = log_processors.into_iter().map(guarded).collect();
        let traces = config.traces.is_exported().then_some(());
        let logs = config.logs.takes_batches(Signal::Logs).then_some(());
        let meters = config
            .collects_metrics()
            .then(|| Meters::build(config, shared, on_panic, page));
        let (meter, pages) = match meters.transpose()? {
            Some(Meters {
                provider,
                guarded,
                pages,
            }) => (Some((provider, guarded)), pages),
            None => (None, None),
        };
        Ok(Self {
            tracer: traces
                .map(|_| tracer_provider(config, shared, sampling.clone(), &span_processors)),
            logger: logs.map(|_| logger_provider(config, shared, &log_processors)),
            sampling: Some(sampling),
            meter,
            pages,
            span_processors,
            log_processors,
            other_bridge,
        })
    }

    /// Where spans of `tracing` go; `None` when they are not exported, or not by our bridge.
    pub(crate) fn span_export(&self, config: &Config, shared: &Shared) -> Option<SpanExport> {
        let provider = self.tracer.as_ref().filter(|_| !self.other_bridge)?;
        let processors_want_them = !self.span_processors.is_empty();
        Some(SpanExport {
            chunks: Arc::clone(&shared.queues.chunks),
            ledger: Arc::clone(&shared.ledger),
            sampling: self.sampling.clone()?,
            limits: config.limits,
            callsites: Callsites::new(config.redaction.clone()),
            redactor: config.redaction.clone(),
            baggage: config.baggage_attributes.clone(),
            events: config.span_events.into_level(),
            activates: config.context_activation,
            tracer: processors_want_them.then(|| provider.tracer(TRACING)),
        })
    }

    /// Where log records of `tracing` and of the `log` crate go.
    pub(crate) fn log_export(&self, config: &Config, shared: &Shared) -> Option<LogExport> {
        let provider = self.logger.as_ref()?;
        Some(if self.log_processors.is_empty() {
            LogExport::Encoded {
                chunks: Arc::clone(&shared.queues.chunks),
                limits: config.limits.logs,
            }
        } else {
            LogExport::Sdk(provider.logger(TRACING))
        })
    }

    /// How the other bridge says which context a span has, where it makes the spans.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) fn other_bridge(&self) -> Option<ContextOf> {
        self.other_bridge.then_some(other::context_of)
    }

    /// The layer of the other bridge, where it makes the spans.
    #[cfg(feature = "tracing-opentelemetry")]
    pub(crate) fn other_layer<S>(
        &self,
        filter: impl FnOnce() -> Filter,
    ) -> Option<impl Layer<S> + Send + Sync + 'static>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let provider = self.tracer.as_ref().filter(|_| self.other_bridge)?;
        Some(other::span_layer(provider.tracer(TRACING), filter()))
    }

    /// There is no other bridge.
    #[cfg(not(feature = "tracing-opentelemetry"))]
    pub(crate) fn other_bridge(&self) -> Option<ContextOf> {
        None
    }

    /// There is no other bridge.
    #[cfg(not(feature = "tracing-opentelemetry"))]
    pub(crate) fn other_layer<S>(
        &self,
        _: impl FnOnce() -> Filter,
    ) -> Option<impl Layer<S> + Send + Sync + 'static>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        None::<Identity>
    }

    /// Has the SDK hand over what it still has: metrics, and what processors of the user keep back.
    pub(crate) fn flush(&self) -> Collect {
        let meter = self.meter();
        let processors = self.flush_processors();
        Box::new(move || {
            let _ = meter.map(|provider| provider.force_flush());
            processors();
        })
    }

    /// [`flush`](Self::flush), after which no metrics come any more and processors of the user are shut down. Spans and
    /// logs may come, to be counted as dropped.
    pub(crate) fn finish(&self) -> Collect {
        let meter = self.meter();
        let processors = self.flush_processors();
        let (spans, logs) = (self.span_processors.clone(), self.log_processors.clone());
        let pages = self.pages.clone();
        Box::new(move || {
            // The reader collects a last time and ends its thread.
            let _ = meter.map(|provider| provider.shutdown());
            if let Some(pages) = pages {
                pages.close();
            }
            processors();
            for processor in spans {
                let _ = processor.shutdown();
            }
            for processor in logs {
                let _ = processor.shutdown();
            }
        })
    }

    fn meter(&self) -> Option<SdkMeterProvider> {
        self.meter.as_ref().map(|(provider, _)| provider.clone())
    }

    /// Errors in it are those of processors of the user; ours count what they lose.
    fn flush_processors(&self) -> Collect {
        let (tracer, logger) = (self.tracer.clone(), self.logger.clone());
        Box::new(move || {
            let _ = tracer.map(|provider| provider.force_flush());
            let _ = logger.map(|provider| provider.force_flush());
        })
    }
}

fn tracer_provider(
    config: &Config,
    shared: &Arc<Shared>,
    sampling: Chosen,
    processors: &[GuardedSpanProcessor],
) -> SdkTracerProvider {
    let mut builder = SdkTracerProvider::builder()
        .with_resource(config.resource.clone())
        .with_span_limits(config.limits.for_sdk())
        .with_sampler(CountingSampler {
            inner: sampling,
            shared: Arc::clone(shared),
        })
        .with_id_generator(Ids)
        .with_span_processor(CorrelationProcessor);
    if !config.baggage_attributes.is_empty() {
        builder = builder.with_span_processor(BaggageProcessor {
            keys: config.baggage_attributes.clone(),
        });
    }
    for processor in processors {
        builder = builder.with_span_processor(processor.clone());
    }
    builder
        .with_span_processor(PipelineSpanProcessor {
            shared: Arc::clone(shared),
            redactor: config.redaction.clone(),
        })
        .build()
}

fn logger_provider(
    config: &Config,
    shared: &Arc<Shared>,
    processors: &[GuardedLogProcessor],
) -> SdkLoggerProvider {
    let mut builder = SdkLoggerProvider::builder().with_resource(config.resource.clone());
    for processor in processors {
        builder = builder.with_log_processor(processor.clone());
    }
    builder
        .with_log_processor(PipelineLogProcessor {
            shared: Arc::clone(shared),
            trace_based: config.logs_trace_based,
        })
        .build()
}
