//! Telemetry for one test, and what it saw.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use trisignal_instrumentation::grpc;
use trisignal_instrumentation::http::{ClientLayer, ServerLayer};
use trisignal_instrumentation::propagation::{BaggagePropagator, TraceContextPropagator};

pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT_ID: &str = "b7ad6b7169203331";
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// How long a condition may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Telemetry {
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
    meter_provider: SdkMeterProvider,
    dispatch: Dispatch,
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        install_propagator();
        let spans = InMemorySpanExporter::default();
        let tracer_provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let bridge = tracing_opentelemetry::layer().with_tracer(tracer_provider.tracer("test"));
        // The spans of hyper and h2 are below.
        let dispatch = Dispatch::new(Registry::default().with(LevelFilter::INFO).with(bridge));
        let metrics = InMemoryMetricExporter::default();
        let meter_provider = SdkMeterProvider::builder()
            .with_periodic_exporter(metrics.clone())
            .build();
        Self {
            spans,
            metrics,
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

    pub(crate) fn server(&self) -> ServerLayer {
        ServerLayer::new().meter(&self.meter())
    }

    pub(crate) fn client(&self) -> ClientLayer {
        ClientLayer::new().meter(&self.meter())
    }

    pub(crate) fn grpc_server(&self) -> grpc::ServerLayer {
        grpc::ServerLayer::new().meter(&self.meter())
    }

    pub(crate) fn grpc_client(&self) -> grpc::ClientLayer {
        grpc::ClientLayer::new().meter(&self.meter())
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

    /// The span of the name that has ended.
    #[track_caller]
    pub(crate) fn span_named(&self, name: &str) -> SpanData {
        let spans = self.spans();
        spans
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("no {name} in {spans:?}"))
            .clone()
    }

    /// The points of a histogram: attributes, count and sum.
    pub(crate) fn histogram(&self, name: &str) -> Vec<Point> {
        let mut points = Vec::new();
        self.with_metric(name, |data| {
            points = match data {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    histogram.data_points().map(Point::new).collect()
                }
                AggregatedMetrics::U64(MetricData::Histogram(histogram)) => {
                    histogram.data_points().map(Point::of_sizes).collect()
                }
                _ => Vec::new(),
            };
        });
        points
    }

    /// The only point of the duration of HTTP servers or clients.
    #[track_caller]
    pub(crate) fn duration(&self, side: &str) -> Point {
        self.point(&format!("http.{side}.request.duration"))
    }

    /// The only point of the duration of gRPC servers or clients.
    #[track_caller]
    pub(crate) fn calls(&self, side: &str) -> Point {
        self.point(&format!("rpc.{side}.call.duration"))
    }

    #[track_caller]
    pub(crate) fn point(&self, name: &str) -> Point {
        let mut points = self.histogram(name);
        assert_eq!(points.len(), 1, "{points:?}");
        points.remove(0)
    }

    /// The spans that have ended, as soon as there are so many.
    pub(crate) async fn wait_for_spans(&self, count: usize) -> Vec<SpanData> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            assert!(Instant::now() < deadline, "only these ended: {spans:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The sum of all points of an integer counter, `None` when it was never touched.
    pub(crate) fn sum(&self, name: &str) -> Option<i64> {
        let mut sum = None;
        self.with_metric(name, |data| {
            sum = match data {
                AggregatedMetrics::I64(MetricData::Sum(data)) => {
                    Some(data.data_points().map(|point| point.value()).sum())
                }
                AggregatedMetrics::U64(MetricData::Sum(data)) => Some(
                    data.data_points()
                        .map(|point| i64::try_from(point.value()).unwrap())
                        .sum(),
                ),
                _ => None,
            };
        });
        sum
    }

    pub(crate) fn active(&self) -> Option<i64> {
        self.sum("http.server.active_requests")
    }

    fn with_metric(&self, name: &str, look: impl FnOnce(&AggregatedMetrics)) {
        self.meter_provider.force_flush().unwrap();
        let exported = self.metrics.get_finished_metrics().unwrap();
        let last = exported.last();
        let metric = last
            .iter()
            .flat_map(|last| last.scope_metrics())
            .flat_map(|scope| scope.metrics());
        if let Some(metric) = metric.into_iter().find(|metric| metric.name() == name) {
            look(metric.data());
        }
    }
}

/// A point of a histogram.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) bounds: Vec<f64>,
}

impl Point {
    fn new(point: &HistogramDataPoint<f64>) -> Self {
        Self {
            attributes: texts(point.attributes()),
            count: point.count(),
            sum: point.sum(),
            bounds: point.bounds().collect(),
        }
    }

    fn of_sizes(point: &HistogramDataPoint<u64>) -> Self {
        Self {
            attributes: texts(point.attributes()),
            count: point.count(),
            sum: f64::from(u32::try_from(point.sum()).unwrap()),
            bounds: point.bounds().collect(),
        }
    }

    pub(crate) fn has(&self, expected: &[(&str, &str)]) -> bool {
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        self.attributes == expected
    }
}

fn texts<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    attributes
        .map(|pair| (pair.key.to_string(), pair.value.to_string()))
        .collect()
}

/// The attribute of a span as text, empty when it has none.
pub(crate) fn attribute(span: &SpanData, key: &str) -> String {
    let found: Vec<_> = span
        .attributes
        .iter()
        .filter(|pair| pair.key.as_str() == key)
        .collect();
    assert!(found.len() <= 1, "{key} is there twice: {span:?}");
    found
        .first()
        .map(|pair| pair.value.to_string())
        .unwrap_or_default()
}

/// The status of a span as a word.
pub(crate) fn status(span: &SpanData) -> &'static str {
    match span.status {
        Status::Unset => "unset",
        Status::Ok => "ok",
        Status::Error { .. } => "error",
    }
}

pub(crate) fn install_propagator() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]));
    });
}

/// A body of scripted frames, without a length unless one is given.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) frames: VecDeque<Result<Frame<Bytes>, std::io::Error>>,
    pub(crate) exact: Option<u64>,
}

impl Script {
    pub(crate) fn new(
        frames: impl IntoIterator<Item = Result<Frame<Bytes>, std::io::Error>>,
    ) -> Self {
        Self {
            frames: frames.into_iter().collect(),
            exact: None,
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        self.exact
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

pub(crate) fn data(text: &'static str) -> Result<Frame<Bytes>, std::io::Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}
