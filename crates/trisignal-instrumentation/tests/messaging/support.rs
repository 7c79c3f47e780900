//! Telemetry for one test, and what it saw.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Once;
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{Span as _, SpanContext, SpanKind, Status, TracerProvider as _};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::messaging::{Consumer, Producer};
use trisignal_instrumentation::propagation::{BaggagePropagator, TraceContextPropagator};

pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT_ID: &str = "b7ad6b7169203331";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) type Headers = HashMap<String, String>;

pub(crate) fn headers<const N: usize>(pairs: [(&str, &str); N]) -> Headers {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(crate) struct Telemetry {
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
    tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
    dispatch: Dispatch,
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        Self::filtered("trace")
    }

    /// Telemetry of the spans that the directives let through.
    pub(crate) fn filtered(directives: &str) -> Self {
        install_propagator();
        let spans = InMemorySpanExporter::default();
        let tracer_provider = SdkTracerProvider::builder()
            .with_span_processor(Stamp)
            .with_simple_exporter(spans.clone())
            .build();
        let bridge = tracing_opentelemetry::layer()
            .with_tracer(tracer_provider.tracer("test"))
            .with_filter(EnvFilter::new(directives));
        let dispatch = Dispatch::new(Registry::default().with(bridge));
        let metrics = InMemoryMetricExporter::default();
        let meter_provider = SdkMeterProvider::builder()
            .with_periodic_exporter(metrics.clone())
            .build();
        Self {
            spans,
            metrics,
            tracer_provider,
            meter_provider,
            dispatch,
        }
    }

    /// Telemetry without a bridge: metrics only.
    pub(crate) fn without_bridge() -> Self {
        Self {
            dispatch: Dispatch::none(),
            ..Self::new()
        }
    }

    pub(crate) fn meter(&self) -> Meter {
        self.meter_provider.meter("test")
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.tracer_provider.tracer("test")
    }

    pub(crate) fn producer(&self) -> Producer {
        Producer::new("memory")
            .destination("orders")
            .meter(&self.meter())
    }

    pub(crate) fn consumer(&self) -> Consumer {
        Consumer::new("memory")
            .destination("orders")
            .meter(&self.meter())
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// Runs `work` with the bridge of this test.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        work.with_subscriber(self.dispatch()).await
    }

    /// The spans that have ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The only span that has ended.
    #[track_caller]
    pub(crate) fn span(&self) -> SpanData {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// The only span of the name that has ended.
    #[track_caller]
    pub(crate) fn span_named(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let mut named = spans.iter().filter(|span| span.name == name);
        let span = named
            .next()
            .unwrap_or_else(|| panic!("no {name} in {spans:?}"));
        assert!(named.next().is_none(), "{name} is there twice: {spans:?}");
        span.clone()
    }

    /// The points of a metric, attributes as text and the value: the sum of a counter, the count of
    /// a histogram.
    pub(crate) fn points(&self, name: &str) -> Vec<(BTreeMap<String, String>, u64)> {
        self.metric(name, |metric| match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                .data_points()
                .map(|point| (map(point.attributes()), point.value()))
                .collect(),
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
                .data_points()
                .map(|point| (map(point.attributes()), point.count()))
                .collect(),
            other => panic!("{name} is {other:?}"),
        })
        .unwrap_or_default()
    }

    /// The only point of a metric.
    #[track_caller]
    pub(crate) fn point(&self, name: &str) -> (BTreeMap<String, String>, u64) {
        let mut points = self.points(name);
        assert_eq!(points.len(), 1, "{name}: {points:?}");
        points.remove(0)
    }

    pub(crate) fn metric<T>(&self, name: &str, look: impl FnOnce(&Metric) -> T) -> Option<T> {
        self.meter_provider.force_flush().unwrap();
        let exported = self.metrics.get_finished_metrics().unwrap();
        let metric = exported
            .last()?
            .scope_metrics()
            .flat_map(|scope| scope.metrics())
            .find(|metric| metric.name() == name)?;
        Some(look(metric))
    }
}

/// Shows the correlation ID that a span has when it starts, by that of its parent.
#[derive(Debug)]
struct Stamp;

impl SpanProcessor for Stamp {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        if let Some(id) = CorrelationId::from_context(parent) {
            span.set_attribute(KeyValue::new("correlation.id", id.to_string()));
        }
    }

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn map<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes
        .map(|pair| (pair.key.to_string(), pair.value.to_string()))
        .collect()
}

/// The attributes of a span as text, each of them once.
pub(crate) fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let all = map(span.attributes.iter());
    assert_eq!(all.len(), span.attributes.len(), "{span:?}");
    all
}

/// The attribute of a span as text, empty when it has none.
pub(crate) fn attribute(span: &SpanData, key: &str) -> String {
    attributes(span).remove(key).unwrap_or_default()
}

/// The status of a span as a word.
pub(crate) fn status(span: &SpanData) -> &'static str {
    match span.status {
        Status::Unset => "unset",
        Status::Ok => "ok",
        Status::Error { .. } => "error",
    }
}

pub(crate) fn kind(span: &SpanData) -> &'static str {
    match span.span_kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

/// A context of the story `id`.
pub(crate) fn story(id: &str) -> Context {
    let id: CorrelationId = id.parse().unwrap();
    CorrelationId::with_context(&id, &Context::new())
}

/// Trace and span, as `traceparent` has them.
pub(crate) fn ids(span: &SpanContext) -> (String, String) {
    (span.trace_id().to_string(), span.span_id().to_string())
}

/// What a span is linked to.
pub(crate) fn links(span: &SpanData) -> Vec<(String, String)> {
    span.links
        .iter()
        .map(|link| ids(&link.span_context))
        .collect()
}

/// Trace and span of a `traceparent`.
pub(crate) fn parent_in(headers: &Headers) -> (String, String) {
    let parent = &headers["traceparent"];
    (parent[3..35].to_owned(), parent[36..52].to_owned())
}

fn install_propagator() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
    });
}
