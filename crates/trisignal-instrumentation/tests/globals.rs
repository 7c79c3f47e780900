//! What depends on the global meter provider and the global propagator, which are set late here: this test binary has the
//! process for itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed expectation is the failure of the test"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, global};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::http::{ClientLayer, ServerLayer};
use trisignal_instrumentation::propagation::{self, Format};

/// The number of measurements by metric, and for rejections by header.
fn counts(provider: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> BTreeMap<String, u64> {
    provider.force_flush().unwrap();
    let exported = exporter.get_finished_metrics().unwrap();
    let mut counts = BTreeMap::new();
    for scope in exported.last().iter().flat_map(|last| last.scope_metrics()) {
        assert_eq!(scope.scope().name(), "trisignal-instrumentation");
        for metric in scope.metrics() {
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(data)) => {
                    counts.insert(
                        metric.name().to_owned(),
                        data.data_points().map(|point| point.count()).sum(),
                    );
                }
                AggregatedMetrics::U64(MetricData::Sum(data)) => {
                    for point in data.data_points() {
                        let header = point
                            .attributes()
                            .next()
                            .map(|pair| pair.value.to_string())
                            .unwrap_or_default();
                        counts.insert(format!("{} {header}", metric.name()), point.value());
                    }
                }
                _ => {}
            }
        }
    }
    counts
}

fn install() -> (SdkMeterProvider, InMemoryMetricExporter) {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.clone())
        .build();
    global::set_meter_provider(provider.clone());
    (provider, exporter)
}

#[tokio::test]
async fn layers_and_counters_follow_the_global_provider() {
    let answer = service_fn(|_: Request<Empty<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let server = ServerLayer::new().layer(answer);
    let client = ClientLayer::new().layer(answer);
    let exchange = async || {
        let request = || {
            Request::get("http://a/")
                .header("x-correlation-id", "no good")
                .body(Empty::new())
                .unwrap()
        };
        // More than once: where binding instruments does nothing, as here, they are not bound.
        for _ in 0..3 {
            server.clone().oneshot(request()).await.unwrap();
            client.clone().oneshot(request()).await.unwrap();
        }
    };
    let reject = || {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("nonsense"));
        headers.insert(
            "baggage",
            HeaderValue::from_static("nonsense,a=1,more nonsense"),
        );
        propagation::extract(&Context::new(), &headers);
        headers.insert(
            "traceparent",
            HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        );
        headers.insert("tracestate", HeaderValue::from_static("nonsense"));
        headers.remove("baggage");
        propagation::extract(&Context::new(), &headers);
    };
    let expected = [
        ("http.client.request.duration", 3),
        ("http.server.request.duration", 3),
        ("trisignal.correlation.rejected ", 3),
        ("trisignal.propagation.rejected baggage", 1),
        ("trisignal.propagation.rejected traceparent", 1),
        ("trisignal.propagation.rejected tracestate", 1),
    ];
    let expected: BTreeMap<String, u64> = expected
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect();

    // Before anything is installed all is counted nowhere, and binds nothing for ever.
    exchange().await;
    reject();
    for _ in 0..2 {
        // The second time the provider is replaced, as in a program that sets telemetry up twice.
        let (provider, exporter) = install();
        exchange().await;
        reject();
        assert_eq!(counts(&provider, &exporter), expected);
    }
}

/// A propagator of nobody here: the header `x-trace` is a trace ID.
#[derive(Debug)]
struct Foreign;

impl TextMapPropagator for Foreign {
    fn inject_context(&self, _: &Context, _: &mut dyn Injector) {}

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(trace_id) = extractor.get("x-trace") else {
            return cx.clone();
        };
        cx.with_remote_span_context(SpanContext::new(
            TraceId::from_hex(trace_id).unwrap(),
            SpanId::from(1),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        ))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&[])
    }
}

#[tokio::test]
async fn server_layers_ask_the_propagator_in_force() {
    let answer = service_fn(|_: Request<Empty<Bytes>>| async {
        let trace_id = Context::current().span().span_context().trace_id();
        let trace_id = HeaderValue::try_from(trace_id.to_string()).unwrap();
        let mut response = Response::new(Empty::<Bytes>::new());
        response.headers_mut().insert("trace", trace_id);
        Ok::<_, Infallible>(response)
    });
    // The global instruments are the other test's.
    let meter = SdkMeterProvider::default().meter("none");
    let server = ServerLayer::new().meter(&meter).layer(answer);
    let seen = async |headers: &[(&'static str, &str)]| {
        let mut request = Request::get("http://a/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        response.headers()["trace"].to_str().unwrap().to_owned()
    };
    let none = TraceId::INVALID.to_string();
    let (w3c, zipkin, foreign) = ("1".repeat(32), "2".repeat(32), "3".repeat(32));
    let traceparent = format!("00-{w3c}-00f067aa0ba902b7-01");
    let b3 = format!("{zipkin}-00f067aa0ba902b7-1");
    let all: [(&str, &str); 3] = [
        ("traceparent", &traceparent),
        ("b3", &b3),
        ("x-trace", &foreign),
    ];

    // What is installed, and whose trace goes on by it.
    let others: [(&dyn Fn(), Option<&str>); 6] = [
        (&|| {}, None),
        (&|| propagation::set_global(&Format::DEFAULT), Some(&w3c)),
        (&|| global::set_text_map_propagator(Foreign), Some(&foreign)),
        (&|| propagation::set_global(&[Format::B3]), Some(&zipkin)),
        (&|| propagation::set_global(&[]), None),
        (
            &|| {
                propagation::set_global(&Format::DEFAULT);
                global::set_text_map_propagator(Foreign);
            },
            Some(&foreign),
        ),
    ];
    for (install, expected) in others {
        install();
        let expected = expected.unwrap_or(&none);
        assert_eq!(seen(&[]).await, none);
        assert_eq!(seen(&all).await, expected);
        for header in all {
            let is_it = header.1.contains(expected);
            let expected = if is_it { expected } else { &none };
            assert_eq!(seen(&[header]).await, *expected, "{header:?}");
        }
    }
}
