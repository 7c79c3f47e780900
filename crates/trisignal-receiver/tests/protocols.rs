//! The three protocols over real sockets: what is sent is what is stored.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValueList, any_value::Value as Any,
};
use opentelemetry_proto::tonic::trace::v1::{Status, span};
use prost::Message;
use trisignal_receiver::{
    Attributes, Outcome, Protocol, Receiver, Signal, SpanKind, SpanStatus, Value,
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
        for (encoding, body) in [
            ("identity", plain.clone()),
            ("gzip", gzip(plain)),
            ("zstd", zstd(plain)),
        ] {
            let receiver = Receiver::start().await.unwrap();
            let headers = [
                ("content-type", content_type),
                ("x-token", "t"),
                ("content-encoding", encoding),
            ];
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
