//! All kinds of metrics, by all protocols.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as m;
use prost::Message;
use trisignal_receiver::{MetricKind, PointValue, Protocol, Receiver, Signal, Temporality};

fn all_kinds_of_metrics() -> ExportMetricsServiceRequest {
    let number = |value| m::NumberDataPoint {
        attributes: vec![text("route", "/pay")],
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        value: Some(value),
        exemplars: vec![m::Exemplar {
            time_unix_nano: 3,
            span_id: vec![5; 8],
            trace_id: vec![6; 16],
            value: Some(m::exemplar::Value::AsDouble(1.5)),
            filtered_attributes: vec![text("user", "u")],
        }],
        ..Default::default()
    };
    let histogram = m::HistogramDataPoint {
        count: 3,
        sum: Some(6.0),
        min: Some(1.0),
        max: Some(3.0),
        explicit_bounds: vec![1.0, 2.0],
        bucket_counts: vec![1, 1, 1],
        ..Default::default()
    };
    let exponential = m::ExponentialHistogramDataPoint {
        count: 4,
        sum: Some(8.0),
        scale: 2,
        zero_count: 1,
        positive: Some(m::exponential_histogram_data_point::Buckets {
            offset: -1,
            bucket_counts: vec![1, 2],
        }),
        ..Default::default()
    };
    let summary = m::SummaryDataPoint {
        count: 5,
        sum: 9.0,
        quantile_values: vec![m::summary_data_point::ValueAtQuantile {
            quantile: 0.5,
            value: 2.0,
        }],
        ..Default::default()
    };
    let data = [
        (
            "sum",
            m::metric::Data::Sum(m::Sum {
                data_points: vec![number(m::number_data_point::Value::AsInt(42))],
                aggregation_temporality: 2,
                is_monotonic: true,
            }),
        ),
        (
            "gauge",
            m::metric::Data::Gauge(m::Gauge {
                data_points: vec![number(m::number_data_point::Value::AsDouble(0.25))],
            }),
        ),
        (
            "histogram",
            m::metric::Data::Histogram(m::Histogram {
                data_points: vec![histogram],
                aggregation_temporality: 1,
            }),
        ),
        (
            "exponential",
            m::metric::Data::ExponentialHistogram(m::ExponentialHistogram {
                data_points: vec![exponential],
                aggregation_temporality: 2,
            }),
        ),
        (
            "summary",
            m::metric::Data::Summary(m::Summary {
                data_points: vec![summary],
            }),
        ),
    ];
    let metrics = data.map(|(name, data)| m::Metric {
        name: name.to_owned(),
        unit: "s".to_owned(),
        description: "d".to_owned(),
        data: Some(data),
        ..Default::default()
    });
    let scope_metrics = vec![m::ScopeMetrics {
        scope: scope("tests"),
        metrics: metrics.to_vec(),
        ..Default::default()
    }];
    let block = m::ResourceMetrics {
        resource: resource("svc"),
        scope_metrics,
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![block],
    }
}

#[tokio::test]
async fn every_kind_of_metric_arrives_by_every_protocol() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
        let receiver = Receiver::start().await.unwrap();
        let request = all_kinds_of_metrics();
        let http = receiver.http_endpoint();
        let json = serde_json::to_vec(&request).unwrap();
        match protocol {
            Protocol::Grpc => drop(
                grpc_metrics(&receiver.grpc_endpoint(), request)
                    .await
                    .unwrap(),
            ),
            Protocol::HttpJson => drop(post(&http, "metrics", JSON, json).await.unwrap()),
            _ => drop(
                post(&http, "metrics", PROTOBUF, request.encode_to_vec())
                    .await
                    .unwrap(),
            ),
        }
        assert_eq!(receiver.received(Signal::Metrics).items, 5, "{protocol:?}");

        let sum = receiver.metrics().name("sum").one().unwrap();
        let cumulative = Temporality::Cumulative;
        assert_eq!(
            sum.kind,
            MetricKind::Sum {
                monotonic: true,
                temporality: cumulative
            }
        );
        assert_eq!(
            (&*sum.unit, &*sum.description, &*sum.service),
            ("s", "d", "svc")
        );
        let point = sum.point("route", "/pay").unwrap();
        assert_eq!(
            (point.as_i64(), point.start_unix_nano, point.time_unix_nano),
            (Some(42), 1, 2)
        );
        let exemplar = &point.exemplars[0];
        assert_eq!(
            (exemplar.value, exemplar.trace_id.clone()),
            (1.5, "06".repeat(16))
        );
        assert_eq!(exemplar.attributes.str("user"), Some("u"));
        assert_eq!(
            receiver.metrics().trace(&"06".repeat(16)).names(),
            ["sum", "gauge"]
        );

        let gauge = receiver
            .metrics()
            .name("gauge")
            .attr("route", "/pay")
            .point()
            .unwrap();
        assert_eq!((gauge.as_f64(), gauge.as_i64()), (Some(0.25), None));

        let histogram = receiver.metrics().name("histogram").one().unwrap();
        assert_eq!(
            histogram.kind,
            MetricKind::Histogram {
                temporality: Temporality::Delta
            }
        );
        let expected = PointValue::Histogram {
            count: 3,
            sum: Some(6.0),
            min: Some(1.0),
            max: Some(3.0),
            bounds: vec![1.0, 2.0],
            buckets: vec![1, 1, 1],
        };
        assert_eq!(histogram.points[0].value, expected);

        let exponential = receiver.metrics().name("exponential").point().unwrap();
        let expected = PointValue::ExponentialHistogram {
            count: 4,
            sum: Some(8.0),
            min: None,
            max: None,
            scale: 2,
            zero_count: 1,
            positive: (-1, vec![1, 2]),
            negative: (0, vec![]),
        };
        assert_eq!(exponential.value, expected);

        let summary = receiver.metrics().name("summary").point().unwrap();
        assert_eq!((summary.count(), summary.sum()), (Some(5), Some(9.0)));
    }
}
