//! Names that a caller made up become no names.

use bytes::Bytes;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use tonic::{Code, Request};
use trisignal_instrumentation::grpc::ServerLayer;

use super::service::{Echo, Raw, client, path, serve, unary};
use crate::support::{Telemetry, attribute};

/// What the server's span and metric say about the last call: name, method, original, and method
/// on the metric.
async fn served(telemetry: &Telemetry, calls: usize) -> (SpanData, Vec<String>) {
    let deadline = std::time::Instant::now() + crate::support::DEADLINE;
    let span = loop {
        let spans = telemetry.spans();
        let mut served: Vec<_> = spans
            .into_iter()
            .filter(|span| span.span_kind == SpanKind::Server)
            .collect();
        if served.len() == calls {
            break served.remove(calls - 1);
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    };
    let points = telemetry.histogram("rpc.server.call.duration");
    let mut methods: Vec<_> = points
        .iter()
        .map(|point| point.attributes["rpc.method"].clone())
        .collect();
    methods.sort();
    methods.dedup();
    (span, methods)
}

fn shown(span: &SpanData) -> (String, String, String) {
    (
        span.name.to_string(),
        attribute(span, "rpc.method"),
        attribute(span, "rpc.method_original"),
    )
}

fn texts(name: &str, method: &str, original: &str) -> (String, String, String) {
    (name.to_owned(), method.to_owned(), original.to_owned())
}

async fn call_nothing(telemetry: &Telemetry, layer: ServerLayer) {
    let address = serve(layer, Echo::default()).await;
    let mut client = client(telemetry, address).await;
    let status = client
        .unary(Request::new(Bytes::new()), path("Nothing"), Raw)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    unary(&mut client, "hello").await.unwrap();
}

#[tokio::test]
async fn methods_that_there_are_not() {
    for listed in [false, true] {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let layer = telemetry.grpc_server();
        let layer = if listed {
            layer.known_methods(["test.Echo/Unary"])
        } else {
            layer
        };
        call_nothing(&telemetry, layer).await;
        let (second, methods) = served(&telemetry, 2).await;
        assert_eq!(methods, ["_OTHER", "test.Echo/Unary"]);
        let spans = telemetry.spans();
        let is_first = |span: &&SpanData| span.span_kind == SpanKind::Server;
        let first = spans.iter().find(is_first).unwrap();
        assert_eq!(shown(first), texts("grpc", "_OTHER", "test.Echo/Nothing"));
        assert_eq!(
            shown(&second),
            texts("test.Echo/Unary", "test.Echo/Unary", "")
        );
        // The program's own calls are what it says they are.
        let called = telemetry.span_named("test.Echo/Nothing");
        assert_eq!(called.span_kind, SpanKind::Client);
        assert_eq!(attribute(&called, "rpc.method"), "test.Echo/Nothing");
    }
}

#[tokio::test]
async fn methods_are_learned_from_answers() {
    // What is answered first, and what the metrics show then.
    let cases = [
        ("hello", "test.Echo/Unary"),
        ("fail 5", "test.Echo/Unary"),
        ("fail 13", "test.Echo/Unary"),
        // A gate says the same to any path.
        ("fail 16", "_OTHER"),
        ("fail 7", "_OTHER"),
        ("fail 12", "_OTHER"),
    ];
    for (first, method) in cases {
        let telemetry = Telemetry::new();
        let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
        let address = serve(telemetry.grpc_server(), Echo::default()).await;
        let mut client = client(&telemetry, address).await;
        let _ = unary(&mut client, first).await;
        let (span, methods) = served(&telemetry, 1).await;
        assert_eq!(methods, [method], "{first}");
        assert_eq!(attribute(&span, "rpc.method"), method);
        // Once it has been seen to be there, it is known whatever it says.
        unary(&mut client, "hello").await.unwrap();
        let _ = unary(&mut client, "fail 12").await;
        let (span, _) = served(&telemetry, 3).await;
        assert_eq!(
            shown(&span),
            texts("test.Echo/Unary", "test.Echo/Unary", "")
        );
    }
}
