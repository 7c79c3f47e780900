//! Every kind of value and record in OTLP/JSON, against what the specification asks for.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use serde_json::{Value as Json, json};

use super::*;

fn key_value(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn attributes() -> Vec<KeyValue> {
    let any = |value| AnyValue { value: Some(value) };
    vec![
        key_value(
            "text",
            Any::StringValue("a \"b\" \\ \n\r\t\u{1}\u{7f} é 😀 </script>".into()),
        ),
        key_value("empty", Any::StringValue(String::new())),
        key_value("no", Any::BoolValue(false)),
        key_value("least", Any::IntValue(i64::MIN)),
        key_value("zero", Any::IntValue(0)),
        key_value("half", Any::DoubleValue(-0.5)),
        key_value("huge", Any::DoubleValue(1e300)),
        key_value("bytes", Any::BytesValue(vec![0, 255, 7, 62])),
        key_value(
            "array",
            Any::ArrayValue(ArrayValue {
                values: vec![any(Any::IntValue(1)), any(Any::StringValue("two".into()))],
            }),
        ),
        key_value(
            "map",
            Any::KvlistValue(KeyValueList {
                values: vec![key_value("inner", Any::BoolValue(true))],
            }),
        ),
    ]
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: attributes(),
        dropped_attributes_count: u32::MAX,
        ..Resource::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "tests".into(),
        version: "1.0".into(),
        attributes: attributes(),
        dropped_attributes_count: 1,
    })
}

fn traces() -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: (0..16).collect(),
        span_id: vec![0xab; 8],
        trace_state: "a=b".into(),
        parent_span_id: vec![0xff; 8],
        flags: 0x301,
        name: "GET /".into(),
        kind: 2,
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1,
        attributes: attributes(),
        dropped_attributes_count: 3,
        events: vec![Event {
            time_unix_nano: 5,
            name: "happened".into(),
            attributes: attributes(),
            dropped_attributes_count: 4,
        }],
        dropped_events_count: 5,
        links: vec![Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "c=d".into(),
            attributes: attributes(),
            dropped_attributes_count: 6,
            flags: 0x100,
        }],
        dropped_links_count: 7,
        status: Some(Status {
            message: "failed".into(),
            code: 2,
        }),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                scope: scope(),
                spans: vec![span, Span::default()],
                schema_url: "https://example/scope".into(),
            }],
            schema_url: "https://example/resource".into(),
        }],
    }
}

fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(AnyValue {
            value: Some(Any::StringValue("it failed".into())),
        }),
        attributes: attributes(),
        dropped_attributes_count: 1,
        flags: 1,
        trace_id: vec![0x0a; 16],
        span_id: vec![0x0b; 8],
        event_name: "failure".into(),
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records: vec![record, LogRecord::default()],
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn metrics() -> ExportMetricsServiceRequest {
    let exemplars = vec![
        Exemplar {
            filtered_attributes: attributes(),
            time_unix_nano: 1,
            span_id: vec![1; 8],
            trace_id: vec![2; 16],
            value: Some(exemplar::Value::AsInt(-7)),
        },
        Exemplar {
            value: Some(exemplar::Value::AsDouble(0.25)),
            ..Exemplar::default()
        },
    ];
    let number = |value| NumberDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: exemplars.clone(),
        flags: 1,
        value: Some(value),
    };
    let data = [
        Data::Gauge(Gauge {
            data_points: vec![number(number_data_point::Value::AsDouble(1.5))],
        }),
        Data::Sum(Sum {
            data_points: vec![number(number_data_point::Value::AsInt(-3))],
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                attributes: attributes(),
                start_time_unix_nano: 1,
                time_unix_nano: 2,
                count: 6,
                sum: Some(10.0),
                bucket_counts: vec![1, 0, 5],
                explicit_bounds: vec![0.5, 1.0],
                exemplars: exemplars.clone(),
                flags: 0,
                min: Some(0.0),
                max: Some(3.0),
            }],
            aggregation_temporality: 1,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                count: 3,
                sum: Some(0.0),
                scale: -2,
                zero_count: 1,
                positive: Some(Buckets {
                    offset: -5,
                    bucket_counts: vec![0, 300, u64::MAX],
                }),
                negative: Some(Buckets::default()),
                zero_threshold: 1e-9,
                exemplars: exemplars.clone(),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: 2,
        }),
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                count: 2,
                sum: 4.0,
                quantile_values: vec![ValueAtQuantile {
                    quantile: 0.5,
                    value: 2.0,
                }],
                ..SummaryDataPoint::default()
            }],
        }),
    ];
    let metrics = data.into_iter().map(|data| Metric {
        name: "m".into(),
        description: "d".into(),
        unit: "s".into(),
        metadata: attributes(),
        data: Some(data),
    });
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics: vec![ScopeMetrics {
                scope: scope(),
                metrics: metrics.collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn transcoded(signal: Signal, message: &impl prost::Message) -> String {
    let json = encode(signal, &message.encode_to_vec().into()).unwrap();
    assert!(!json.contains('\n'), "one line");
    json
}

/// Another reader of OTLP/JSON, which knows nothing of this writer, finds what was encoded.
#[test]
fn another_reader_finds_the_same() {
    let json = transcoded(Signal::Traces, &traces());
    assert_eq!(
        serde_json::from_str::<ExportTraceServiceRequest>(&json).unwrap(),
        traces()
    );
    let json = transcoded(Signal::Logs, &logs());
    assert_eq!(
        serde_json::from_str::<ExportLogsServiceRequest>(&json).unwrap(),
        logs()
    );
    let json = transcoded(Signal::Metrics, &metrics());
    assert_eq!(
        serde_json::from_str::<ExportMetricsServiceRequest>(&json).unwrap(),
        metrics()
    );
}

/// What the specification says of the form, letter by letter.
#[test]
fn the_form_is_that_of_the_specification() {
    let json: Json = serde_json::from_str(&transcoded(Signal::Traces, &traces())).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "000102030405060708090a0b0c0d0e0f");
    assert_eq!(span["parentSpanId"], "ffffffffffffffff");
    assert_eq!(span["startTimeUnixNano"], "18446744073709551615");
    assert_eq!(span["kind"], 2);
    assert_eq!(span["flags"], 0x301);
    assert_eq!(span["status"], json!({"message": "failed", "code": 2}));
    let value = |index: usize| &span["attributes"][index]["value"];
    assert_eq!(value(3), &json!({"intValue": "-9223372036854775808"}));
    assert_eq!(value(4), &json!({"intValue": "0"}));
    assert_eq!(value(5), &json!({"doubleValue": -0.5}));
    assert_eq!(value(7), &json!({"bytesValue": "AP8HPg=="}));
    assert_eq!(
        value(8),
        &json!({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "two"}]}})
    );
    let json: Json = serde_json::from_str(&transcoded(Signal::Metrics, &metrics())).unwrap();
    let metrics = &json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let point = &metrics[2]["histogram"]["dataPoints"][0];
    assert_eq!(point["bucketCounts"], json!(["1", "0", "5"]));
    assert_eq!(point["explicitBounds"], json!([0.5, 1.0]));
    assert_eq!(point["min"], 0.0);
    let point = &metrics[3]["exponentialHistogram"]["dataPoints"][0];
    assert_eq!(point["scale"], -2);
    assert_eq!(
        point["positive"],
        json!({"offset": -5, "bucketCounts": ["0", "300", "18446744073709551615"]})
    );
}

#[test]
fn numbers_that_json_has_not_are_texts() {
    let cases = [
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
        (1e300, "1e300"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (1.0, "1.0"),
    ];
    for (value, expected) in cases {
        let mut json = String::new();
        double(value, &mut json).unwrap();
        assert_eq!(json, expected);
    }
}

#[test]
fn base64_is_padded() {
    for (bytes, expected) in [
        (&b""[..], ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg=="),
        (&[0xfb, 0xff], "+/8="),
    ] {
        let mut json = String::new();
        base64(bytes, &mut json);
        assert_eq!(json, expected);
    }
}

/// Two requests joined as the outbox joins them: the lists of both, under one name.
#[test]
fn joined_requests_are_one_object() {
    let mut body = traces().encode_to_vec();
    body.extend(traces().encode_to_vec());
    let json = encode(Signal::Traces, &body.into()).unwrap();
    let both: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
    assert_eq!(both.resource_spans.len(), 2);
}

/// Whatever the bytes are, the answer is JSON or an error.
#[test]
fn broken_bytes_are_an_error_or_json() {
    let good = metrics().encode_to_vec();
    for at in (0..good.len()).step_by(7) {
        let mut broken = good.clone();
        broken[at] ^= 0x55;
        for body in [broken, good[..at].to_vec()] {
            if let Ok(json) = encode(Signal::Metrics, &body.into()) {
                serde_json::from_str::<Json>(&json).unwrap();
            }
        }
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| {
        (0..depth).fold(key_value("k", Any::BoolValue(true)), |inner, _| {
            key_value(
                "k",
                Any::KvlistValue(KeyValueList {
                    values: vec![inner],
                }),
            )
        })
    };
    let request = |attribute| ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![attribute],
                ..Resource::default()
            }),
            ..ResourceLogs::default()
        }],
    };
    let shallow = request(nested(20)).encode_to_vec();
    assert!(encode(Signal::Logs, &shallow.into()).is_ok());
    let deep = request(nested(1_000)).encode_to_vec();
    assert_eq!(encode(Signal::Logs, &deep.into()), Err(Malformed));
}
