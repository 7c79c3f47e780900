//! Correlation IDs that are hostile, or another one for each request: replaced, counted, and never
//! the reason for a new time series.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use tower::{Layer, Service, service_fn};
use trisignal_instrumentation::http::ServerLayer;

/// The number of time series, and of rejected IDs.
fn series(provider: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> (usize, u64) {
    provider.force_flush().unwrap();
    let exported = exporter.get_finished_metrics().unwrap();
    let (mut series, mut rejected) = (0, 0);
    for scope in exported.last().iter().flat_map(|last| last.scope_metrics()) {
        for metric in scope.metrics() {
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(data)) => {
                    series += data.data_points().count();
                }
                AggregatedMetrics::I64(MetricData::Sum(data)) => {
                    series += data.data_points().count();
                }
                AggregatedMetrics::U64(MetricData::Sum(data)) => {
                    for point in data.data_points() {
                        assert_eq!(point.attributes().count(), 0, "{}", metric.name());
                        rejected += point.value();
                    }
                }
                _ => {}
            }
        }
    }
    (series, rejected)
}

#[tokio::test]
async fn ids_are_replaced_and_counted_and_make_no_series() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.clone())
        .build();
    let mut server = ServerLayer::new()
        .meter(&provider.meter("test"))
        .layer(service_fn(|_: Request<Empty<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }));
    let mut answered = async |id: &[u8]| {
        let mut request = Request::get("http://a/").body(Empty::new()).unwrap();
        let id = HeaderValue::from_bytes(id).unwrap();
        request.headers_mut().insert("x-correlation-id", id);
        let response = server.call(request).await.unwrap();
        response.headers()["x-correlation-id"].as_bytes().to_vec()
    };

    answered(b"first").await;
    let (before, rejected) = series(&provider, &exporter);
    assert!(before > 0 && rejected == 0);

    for number in 0..20_000 {
        let id = format!("unique-{number}");
        assert_eq!(answered(id.as_bytes()).await, id.as_bytes());
    }
    let huge = "x".repeat(64 * 1024);
    let hostile = [
        "a b".as_bytes(),
        "a\tb".as_bytes(),
        "\u{202e}desrever".as_bytes(),
        "a\u{85}b".as_bytes(),
        b"\xff\xfe",
        b"a;b",
        b"a,b",
        b"%0a",
        b"",
        huge.as_bytes(),
    ];
    for id in hostile {
        let made = answered(id).await;
        assert_eq!(made.len(), 32, "{made:?}");
        assert!(made.iter().all(u8::is_ascii_hexdigit));
    }
    // Line feeds and escapes are no header at all.
    for id in ["a\nb", "\u{1b}[31m", "a\r\nx: y"] {
        assert!(HeaderValue::from_str(id).is_err());
    }
    let after = series(&provider, &exporter);
    assert_eq!(after, (before, hostile.len() as u64));
}
