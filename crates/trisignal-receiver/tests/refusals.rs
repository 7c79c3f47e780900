//! What is wrong, too large or hostile is answered honestly, and harms nobody.

// Tests may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::*;
use prost::Message;
use trisignal_receiver::{Receiver, ServerLimits, Signal};

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
            vec![type_(PROTOBUF), ("content-encoding", "zstd")],
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
        (zstd(&vec![0; 50_000_000]), "zstd"),
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
            vec![grpc, ("grpc-encoding", "br")],
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

#[tokio::test]
async fn no_damaged_byte_breaks_the_server() {
    let receiver = Receiver::start().await.unwrap();
    let mut one = span(1, 2, 3, "name");
    one.attributes = vec![text("key", "value")];
    let request = traces("svc", vec![one]);
    let protobuf = request.encode_to_vec();
    let json = serde_json::to_vec(&request).unwrap();
    let packed = gzip(&protobuf);
    let client = http_client();
    let url = format!("{}/v1/traces", receiver.http_endpoint());
    for (content_type, encoding, whole) in [
        (PROTOBUF, "identity", &protobuf),
        (JSON, "identity", &json),
        (PROTOBUF, "gzip", &packed),
    ] {
        let headers = [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        let mut refused = 0;
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x55;
            let cut = whole[..position].to_vec();
            for body in [damaged, cut] {
                // A panic would cut the connection, and this would not be an answer.
                let answer = send(&client, "POST", &url, &headers, body).await.unwrap();
                assert!(matches!(answer.status, 200 | 400), "{encoding} {position}");
                refused += usize::from(answer.status == 400);
            }
        }
        assert!(
            refused > whole.len() / 2,
            "{content_type} {encoding}: {refused}"
        );
    }
}
