//! What depends on the global meter provider, which is set late here: this test binary has the
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
use opentelemetry::{Context, global};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::http::{ClientLayer, ServerLayer};
use trisignal_instrumentation::propagation;

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
