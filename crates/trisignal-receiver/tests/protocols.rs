//! The three protocols over real sockets: what is sent is what is stored, and what is wrong is answered honestly.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValueList, any_value::Value as Any,
};
use opentelemetry_proto::tonic::metrics::v1 as m;
use opentelemetry_proto::tonic::trace::v1::{Status, span};
use prost::Message;
use trisignal_receiver::{
    Attributes, MetricKind, Outcome, PointValue, Protocol, Receiver, ServerLimits, Signal,
    SpanKind, SpanStatus, Temporality, Value,
};

/// A span with everything set.
fn full_span() -> ExportTraceServiceRequest {
    let mut one = span(0xab, 0xc0de, 0xcafe, "POST /pay");
    one.trace_state = "a=1".to_owned();
    one.flags = 0x301;
    one.kind = 2;
    one.attributes = vec![
        text("s", "ünï"),
        any("b", Any::BoolValue(true)),
        any("i", Any::IntValue(i64::MIN)),
        any("d", Any::DoubleValue(0.5)),
        any("bytes", Any::BytesValue(vec![0, 255])),
        any(
            "list",
            Any::ArrayValue(ArrayValue {
                values: vec![AnyValue {
                    value: Some(Any::IntValue(1)),
                }],
            }),
        ),
        any(
            "map",
            Any::KvlistValue(KeyValueList {
                values: vec![text("k", "v")],
            }),
        ),
    ];
    one.dropped_attributes_count = 1;
    one.events = vec![span::Event {
        time_unix_nano: 5,
        name: "ev".to_owned(),
        attributes: vec![text("e", "1")],
        dropped_attributes_count: 2,
    }];
    one.dropped_events_count = 3;
    one.links = vec![span::Link {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        trace_state: "l=1".to_owned(),
        attributes: vec![text("l", "1")],
        dropped_attributes_count: 4,
        flags: 1,
    }];
    one.dropped_links_count = 5;
    one.status = Some(Status {
        message: "no money".to_owned(),
        code: 2,
    });
    traces("gateway", vec![one])
}

fn assert_full_span(receiver: &Receiver) {
    let span = receiver.spans().one().unwrap();
    assert_eq!(span.service, "gateway");
    assert_eq!(
        (span.scope.name.as_str(), span.scope.version.as_str()),
        ("tests", "1.2")
    );
    assert_eq!(span.trace_id, "ab".repeat(16));
    assert_eq!(
        (&*span.span_id, &*span.parent_span_id),
        ("000000000000c0de", "000000000000cafe")
    );
    assert_eq!((&*span.trace_state, span.flags), ("a=1", 0x301));
    assert_eq!(span.parent_is_remote(), Some(true));
    assert_eq!((&*span.name, span.kind), ("POST /pay", SpanKind::Server));
    assert_eq!(
        (span.start_unix_nano, span.duration().as_millis()),
        (0xc0de * 1_000_000, 2)
    );
    let expected = Attributes::from_iter([
        ("s", Value::from("ünï")),
        ("b", Value::from(true)),
        ("i", Value::from(i64::MIN)),
        ("d", Value::from(0.5)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("list", Value::from(vec![1])),
        ("map", Value::Map(Attributes::from_iter([("k", "v")]))),
    ]);
    assert_eq!(span.attributes, expected);
    assert_eq!(
        (span.dropped_attributes_count, span.dropped_events_count),
        (1, 3)
    );
    let event = &span.events[0];
    assert_eq!(
        (
            &*event.name,
            event.time_unix_nano,
            event.dropped_attributes_count
        ),
        ("ev", 5, 2)
    );
    assert_eq!(event.attributes.str("e"), Some("1"));
    let link = &span.links[0];
    assert_eq!(
        (link.trace_id.clone(), link.span_id.clone()),
        ("01".repeat(16), "02".repeat(8))
    );
    assert_eq!(
        (
            &*link.trace_state,
            link.flags,
            link.dropped_attributes_count
        ),
        ("l=1", 1, 4)
    );
    assert_eq!(span.dropped_links_count, 5);
    assert_eq!(span.status, SpanStatus::Error("no money".to_owned()));
}

#[tokio::test]
async fn a_span_arrives_whole_by_every_protocol() {
    let protobuf = full_span().encode_to_vec();
    let json = serde_json::to_vec(&full_span()).unwrap();
    for (protocol, content_type, plain) in [
        (Protocol::HttpProtobuf, PROTOBUF, &protobuf),
        (Protocol::HttpJson, JSON, &json),
    ] {
        for compressed in [false, true] {
            let receiver = Receiver::start().await.unwrap();
            let mut headers = vec![("content-type", content_type), ("x-token", "t")];
            let mut body = plain.clone();
            if compressed {
                headers.push(("content-encoding", "gzip"));
                body = gzip(&body);
            }
            let url = format!("{}/v1/traces", receiver.http_endpoint());
            let sent = body.len();
            let answer = send(&http_client(), "POST", &url, &headers, body)
                .await
                .unwrap();
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(content_type))
            );
            assert_eq!(
                &answer.body[..],
                if content_type == JSON {
                    &b"{}"[..]
                } else {
                    b""
                }
            );
            assert_full_span(&receiver);
            let request = &receiver.requests()[0];
            assert_eq!(
                (request.protocol, request.signal),
                (protocol, Some(Signal::Traces))
            );
            assert_eq!(
                (request.encoded_bytes, request.decompressed_bytes),
                (sent, plain.len())
            );
            assert_eq!((request.items, request.accepted), (1, 1));
            assert_eq!(
                (request.outcome, request.header("x-token")),
                (Outcome::Http(200), Some("t"))
            );
        }
    }
    for compressed in [false, true] {
        let receiver = Receiver::start().await.unwrap();
        let answer = grpc_spans(&receiver.grpc_endpoint(), full_span(), compressed)
            .await
            .unwrap();
        assert_eq!(answer.partial_success, None);
        assert_full_span(&receiver);
        let request = &receiver.requests()[0];
        assert_eq!(
            (request.protocol, request.outcome),
            (Protocol::Grpc, Outcome::Grpc(0))
        );
        assert_eq!(request.decompressed_bytes, protobuf.len());
        let plain_frame = protobuf.len() + 5;
        assert_eq!(request.encoded_bytes == plain_frame, !compressed);
    }
}

#[tokio::test]
async fn log_records_arrive_by_every_protocol() {
    let receiver = Receiver::start().await.unwrap();
    let record = |body: &str| {
        let mut record = log(body, 11);
        record.observed_time_unix_nano = 12;
        record.severity_number = 17;
        record.severity_text = "ERROR".to_owned();
        record.attributes = vec![text("correlation.id", "c-1")];
        record.dropped_attributes_count = 1;
        record.flags = 1;
        record.trace_id = vec![3; 16];
        record.span_id = vec![4; 8];
        record.event_name = "pay.failed".to_owned();
        logs("orders", vec![record])
    };
    let http = receiver.http_endpoint();
    post(&http, "logs", PROTOBUF, record("protobuf").encode_to_vec())
        .await
        .unwrap();
    post(
        &http,
        "logs",
        JSON,
        serde_json::to_vec(&record("json")).unwrap(),
    )
    .await
    .unwrap();
    grpc_logs(&receiver.grpc_endpoint(), record("grpc"))
        .await
        .unwrap();
    for body in ["protobuf", "json", "grpc"] {
        let log = receiver.logs().body(body).one().unwrap();
        assert_eq!((&*log.service, log.target()), ("orders", "app::pay"));
        assert_eq!((log.time_unix_nano, log.observed_unix_nano), (11, 12));
        assert_eq!((log.severity_number, &*log.severity_text), (17, "ERROR"));
        assert_eq!(
            (log.correlation_id(), log.dropped_attributes_count),
            (Some("c-1"), 1)
        );
        assert_eq!((log.flags, log.trace_id.clone()), (1, "03".repeat(16)));
        assert_eq!(
            (log.span_id.clone(), &*log.event_name),
            ("04".repeat(8), "pay.failed")
        );
    }
}

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

#[tokio::test]
async fn json_takes_hex_ids_in_any_case_and_unknown_fields() {
    let receiver = Receiver::start().await.unwrap();
    let body = r#"{"resourceSpans":[{"future":1,"scopeSpans":[{"spans":[{
        "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eEe19b7ec3c1b174","name":"x",
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
        "attributes":[{"key":"n","value":{"intValue":"9007199254740993"}}]}]}]}]}"#;
    let answer = post(
        &receiver.http_endpoint(),
        "traces",
        "application/json; charset=utf-8",
        body,
    )
    .await;
    assert_eq!(answer.unwrap().status, 200);
    let span = receiver
        .spans()
        .trace("5b8EFFF798038103d269b633813fc60c")
        .one()
        .unwrap();
    assert_eq!(
        (&*span.span_id, span.duration().as_secs()),
        ("eee19b7ec3c1b174", 1)
    );
    assert_eq!(
        span.attr("n").and_then(Value::as_i64),
        Some(9_007_199_254_740_993)
    );
}

#[tokio::test]
async fn what_http_does_not_understand_is_answered_honestly() {
    let receiver = Receiver::start().await.unwrap();
    let good = spans(1..2).encode_to_vec();
    let wrong_id = {
        let mut request = spans(1..2);
        request.resource_spans[0].scope_spans[0].spans[0].trace_id = vec![1; 5];
        request.encode_to_vec()
    };
    // JSON nested deeper than any decoder of it should follow.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let type_ = |value| ("content-type", value);
    /// Method, path, headers, body, expected status.
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, Vec<u8>, u16);
    let cases: Vec<Case<'_>> = vec![
        ("POST", "/", vec![type_(PROTOBUF)], good.clone(), 404),
        (
            "POST",
            "/v1/traces/",
            vec![type_(PROTOBUF)],
            good.clone(),
            404,
        ),
        (
            "POST",
            "/v1/profiles",
            vec![type_(PROTOBUF)],
            good.clone(),
            404,
        ),
        ("GET", "/v1/traces", vec![], vec![], 405),
        ("PUT", "/v1/logs", vec![type_(PROTOBUF)], good.clone(), 405),
        ("POST", "/v1/traces", vec![], good.clone(), 415),
        (
            "POST",
            "/v1/traces",
            vec![type_("text/plain")],
            good.clone(),
            415,
        ),
        (
            "POST",
            "/v1/traces",
            vec![type_(PROTOBUF), ("content-encoding", "br")],
            good.clone(),
            415,
        ),
        (
            "POST",
            "/v1/traces",
            vec![type_(PROTOBUF), ("content-encoding", "gzip")],
            good.clone(),
            400,
        ),
        (
            "POST",
            "/v1/traces",
            vec![type_(PROTOBUF)],
            gzip(&good),
            400,
        ),
        (
            "POST",
            "/v1/traces",
            vec![type_(PROTOBUF)],
            good[..good.len() - 1].to_vec(),
            400,
        ),
        ("POST", "/v1/traces", vec![type_(PROTOBUF)], wrong_id, 400),
        (
            "POST",
            "/v1/logs",
            vec![type_(JSON)],
            b"{\"resourceLogs\":[{".to_vec(),
            400,
        ),
        ("POST", "/v1/logs", vec![type_(JSON)], b"".to_vec(), 400),
        ("POST", "/v1/metrics", vec![type_(JSON)], deep, 400),
        ("POST", "/v1/traces", vec![type_(PROTOBUF)], vec![], 200),
    ];
    let count = cases.len();
    for (method, path, headers, body, expected) in cases {
        let url = format!("{}{path}", receiver.http_endpoint());
        let answer = send(&http_client(), method, &url, &headers, body)
            .await
            .unwrap();
        let what = format!("{method} {path} {headers:?}");
        assert_eq!(answer.status, expected, "{what}");
        assert_eq!(
            answer.header("allow"),
            (expected == 405).then_some("POST"),
            "{what}"
        );
        let json = headers.contains(&type_(JSON));
        assert_eq!(
            answer.header("content-type"),
            Some(if json { JSON } else { PROTOBUF }),
            "{what}"
        );
        if json {
            assert_eq!(answer.json()["code"], 3, "{what}");
            assert!(
                answer.json()["message"]
                    .as_str()
                    .unwrap()
                    .contains("decoded"),
                "{what}"
            );
        }
    }
    assert_eq!(receiver.requests().len(), count);
    assert!(receiver.spans().is_empty());
}

#[tokio::test]
async fn bodies_are_bounded_before_and_after_decompression() {
    let limits = ServerLimits {
        body: 10_000,
        decompressed: 100_000,
        ..Default::default()
    };
    let receiver = Receiver::builder()
        .server_limits(limits)
        .start()
        .await
        .unwrap();
    let url = format!("{}/v1/logs", receiver.http_endpoint());
    let bomb = gzip(&vec![0; 50_000_000]);
    let bomb_of_bombs = gzip(&vec![b' '; 100_001]);
    for (body, encoding) in [
        (vec![0; 10_001], "identity"),
        (bomb, "gzip"),
        (bomb_of_bombs, "gzip"),
    ] {
        let headers = [("content-type", JSON), ("content-encoding", encoding)];
        let answer = send(&http_client(), "POST", &url, &headers, body)
            .await
            .unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(answer.json()["code"], 8);
    }
    // Exactly full is not too large: here the JSON is what is wrong.
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    let full = gzip(&vec![b' '; 100_000]);
    assert_eq!(
        send(&http_client(), "POST", &url, &headers, full)
            .await
            .unwrap()
            .status,
        400
    );
    let status = grpc_logs(
        &receiver.grpc_endpoint(),
        logs("s", vec![log(&"x".repeat(20_000), 1)]),
    )
    .await;
    assert_eq!(status.unwrap_err().code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn what_grpc_does_not_understand_is_answered_honestly() {
    let receiver = Receiver::start().await.unwrap();
    let good = spans(1..2).encode_to_vec();
    let frame = |flag: u8, length: usize, message: &[u8]| {
        let mut framed = vec![flag];
        framed.extend((length as u32).to_be_bytes());
        framed.extend(message);
        framed
    };
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let grpc = ("content-type", "application/grpc+proto");
    let gzip_call = ("grpc-encoding", "gzip");
    let whole = frame(0, good.len(), &good);
    /// Path, headers, body, expected HTTP status and gRPC code.
    type Case<'a> = (
        &'a str,
        Vec<(&'a str, &'a str)>,
        Vec<u8>,
        u16,
        Option<&'a str>,
    );
    let cases: Vec<Case<'_>> = vec![
        (export, vec![grpc], whole.clone(), 200, None),
        (export, vec![grpc, gzip_call], whole.clone(), 200, None),
        ("/a.B/C", vec![grpc], whole.clone(), 200, Some("12")),
        (
            export,
            vec![grpc, ("grpc-encoding", "zstd")],
            whole.clone(),
            200,
            Some("12"),
        ),
        (export, vec![grpc], vec![0, 0], 200, Some("3")),
        (
            export,
            vec![grpc],
            frame(0, good.len() + 1, &good),
            200,
            Some("3"),
        ),
        (
            export,
            vec![grpc],
            frame(9, good.len(), &good),
            200,
            Some("3"),
        ),
        (
            export,
            vec![grpc],
            frame(1, good.len(), &good),
            200,
            Some("3"),
        ),
        (
            export,
            vec![grpc, gzip_call],
            frame(1, good.len(), &good),
            200,
            Some("3"),
        ),
        (
            export,
            vec![grpc],
            frame(0, 3, b"\xff\xff\xff"),
            200,
            Some("3"),
        ),
        (
            export,
            vec![("content-type", PROTOBUF)],
            good.clone(),
            415,
            None,
        ),
    ];
    let client: HttpClient =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .http2_only(true)
            .build_http();
    for (path, headers, body, status, code) in cases {
        let url = format!("{}{path}", receiver.grpc_endpoint());
        let answer = send(&client, "POST", &url, &headers, body).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("grpc-status")),
            (status, code),
            "{path} {headers:?}"
        );
    }
    // The same span twice: the two calls that were right.
    let received = receiver.received(Signal::Traces);
    assert_eq!(
        (received.items, received.unique, received.duplicates),
        (2, 1, 1)
    );
}
