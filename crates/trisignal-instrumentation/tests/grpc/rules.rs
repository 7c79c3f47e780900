//! What can be set: trust, captured metadata, what is left out, where the call goes.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use opentelemetry::trace::{SpanId, TraceContextExt};
use opentelemetry::{Array, Context, Value};
use opentelemetry_semantic_conventions::attribute as names;
use tower::{Layer, Service, ServiceExt, service_fn};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::grpc::{ClientLayer, ServerLayer, Trust};

use crate::support::{PARENT_ID, Script, TRACE_ID, TRACEPARENT, Telemetry, attribute};

type Call = Request<Empty<Bytes>>;

fn call(headers: &[(&'static str, &'static str)]) -> Call {
    let mut request = Request::post("http://orders.example:50051/shop.Orders/Place");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

/// Answers with `OK`, and with the correlation ID and the trace that it sees.
async fn answer(_: Call) -> Result<Response<Script>, Infallible> {
    let trace = Context::current().span().span_context().trace_id();
    let id = CorrelationId::current().map(|id| id.to_string());
    let response = Response::builder()
        .header("grpc-status", "0")
        .header("x-seen", id.unwrap_or_default())
        .header("x-trace", trace.to_string())
        .header("x-shown", "one")
        .header("x-shown", "two");
    Ok(response.body(Script::default()).unwrap())
}

async fn exchange(
    telemetry: &Telemetry,
    service: impl Service<Call, Response = Response<impl http_body::Body>, Error = Infallible>,
    request: Call,
) -> http::HeaderMap {
    let response = telemetry.run(service.oneshot(request)).await.unwrap();
    let (parts, body) = response.into_parts();
    let _ = telemetry.run(body.collect()).await;
    parts.headers
}

async fn serve(telemetry: &Telemetry, layer: ServerLayer, request: Call) -> http::HeaderMap {
    exchange(telemetry, layer.layer(service_fn(answer)), request).await
}

#[tokio::test]
async fn callers_are_believed_as_told() {
    let headers = [
        ("traceparent", TRACEPARENT),
        ("baggage", "tenant=a,correlation.id=theirs"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-host", "shop.example"),
    ];
    // Trust, forwarded; then whether the trace goes on, and what the forwarding headers did.
    let cases = [
        (Trust::Internal, None, true, true),
        (Trust::Internal, Some(false), true, false),
        (Trust::Edge, None, false, false),
        (Trust::Edge, Some(true), false, true),
    ];
    for (trust, forwarded, goes_on, proxied) in cases {
        let telemetry = Telemetry::new();
        let mut layer = telemetry.grpc_server().trust(trust);
        if let Some(forwarded) = forwarded {
            layer = layer.forwarded(forwarded);
        }
        let answered = serve(&telemetry, layer, call(&headers)).await;
        let span = telemetry.span();
        let trace = span.span_context.trace_id().to_string();
        assert_eq!(trace == TRACE_ID, goes_on);
        assert_eq!(span.parent_span_id.to_string() == PARENT_ID, goes_on);
        assert_eq!(span.parent_span_id == SpanId::INVALID, !goes_on);
        assert_eq!(span.links.iter().count(), usize::from(!goes_on));
        assert_eq!(
            answered["x-correlation-id"],
            if goes_on { "theirs" } else { &trace }
        );
        assert_eq!(answered["x-seen"], answered["x-correlation-id"]);
        let (client, server) = if proxied {
            ("192.0.2.7", "shop.example")
        } else {
            ("", "orders.example")
        };
        assert_eq!(attribute(&span, names::CLIENT_ADDRESS), client);
        assert_eq!(attribute(&span, names::SERVER_ADDRESS), server);
    }
}

#[tokio::test]
async fn metadata_is_captured_by_an_allow_list() {
    let keys = || [HeaderName::from_static("x-shown")];
    let request = || {
        let mut request = call(&[
            ("x-shown", "a"),
            ("x-shown", "b"),
            ("authorization", "canary"),
        ]);
        let mut secret = http::HeaderValue::from_static("canary");
        secret.set_sensitive(true);
        request.headers_mut().append("x-shown", secret);
        request
    };
    let expected = [
        (
            format!("{}.x-shown", names::RPC_REQUEST_METADATA),
            vec!["a", "b", "REDACTED"],
        ),
        (
            format!("{}.x-shown", names::RPC_RESPONSE_METADATA),
            vec!["one", "two"],
        ),
    ];
    let (server, client, neither) = (Telemetry::new(), Telemetry::new(), Telemetry::new());
    let layer = server.grpc_server();
    let layer = layer
        .capture_request_metadata(keys())
        .capture_response_metadata(keys());
    serve(&server, layer, request()).await;
    let layer: ClientLayer = client.grpc_client();
    let layer = layer
        .capture_request_metadata(keys())
        .capture_response_metadata(keys());
    exchange(&client, layer.layer(service_fn(answer)), request()).await;
    serve(&neither, neither.grpc_server(), request()).await;
    for telemetry in [&server, &client] {
        let span = telemetry.span();
        for (key, values) in &expected {
            let mut found = span
                .attributes
                .iter()
                .filter(|pair| pair.key.as_str() == key);
            let Some(Value::Array(Array::String(shown))) = found.next().map(|pair| &pair.value)
            else {
                panic!("no {key} in {span:?}");
            };
            let shown: Vec<_> = shown
                .iter()
                .map(opentelemetry::StringValue::as_str)
                .collect();
            assert_eq!(&shown, values);
            assert!(found.next().is_none());
        }
        assert!(!format!("{span:?}").contains("canary"));
    }
    assert!(!format!("{:?}", neither.span()).contains("x-shown"));
}

#[tokio::test]
async fn calls_can_be_left_out() {
    let rules: [fn(ServerLayer) -> ServerLayer; 3] = [
        |layer| layer.exclude_methods(["shop.Orders/Place"]),
        |layer| layer.exclude_methods(["/shop.Orders/Place", "a.B/C"]),
        |layer| layer.exclude(|parts| parts.headers.contains_key("traceparent")),
    ];
    for rule in rules {
        let telemetry = Telemetry::new();
        let headers = [
            ("traceparent", TRACEPARENT),
            ("x-correlation-id", "order-1"),
        ];
        let layer = rule(telemetry.grpc_server());
        let answered = serve(&telemetry, layer, call(&headers)).await;
        assert!(telemetry.spans().is_empty());
        assert!(telemetry.histogram("rpc.server.call.duration").is_empty());
        assert_eq!(answered["x-correlation-id"], "order-1");
        assert_eq!(answered["x-seen"], "order-1");
        assert_eq!(answered["x-trace"], TRACE_ID);
    }
    let telemetry = Telemetry::new();
    let layer = telemetry.grpc_server().exclude(|_| panic!("a bug"));
    serve(&telemetry, layer.exclude_methods(["a.B/C"]), call(&[])).await;
    assert_eq!(telemetry.spans().len(), 1, "a panic is no yes");
}

#[tokio::test]
async fn targets() {
    // The target of the layer, the URI of the request, address and port.
    let cases = [
        (Some("http://orders:50051"), "/a.B/C", "orders", "50051"),
        (Some("https://orders"), "/a.B/C", "orders", "443"),
        (Some("http://[::1]:1"), "http://other:2/a.B/C", "::1", "1"),
        (Some("/nowhere"), "http://other:2/a.B/C", "other", "2"),
        (None, "http://other/a.B/C", "other", "80"),
        (None, "/a.B/C", "", ""),
    ];
    for (target, uri, address, port) in cases {
        let telemetry = Telemetry::new();
        let mut layer = telemetry.grpc_client();
        if let Some(target) = target {
            layer = layer.target(&target.parse::<Uri>().unwrap());
        }
        let request = Request::post(uri).body(Empty::new()).unwrap();
        exchange(&telemetry, layer.layer(service_fn(answer)), request).await;
        let span = telemetry.span();
        assert_eq!(span.name, "a.B/C");
        let point = telemetry.calls("client");
        for (key, value) in [(names::SERVER_ADDRESS, address), (names::SERVER_PORT, port)] {
            assert_eq!(attribute(&span, key), value, "{target:?} {uri}");
            assert_eq!(point.attributes.get(key).map_or("", String::as_str), value);
        }
    }
}

#[tokio::test]
async fn suppressed_telemetry_passes_through() {
    use opentelemetry::context::FutureExt;
    let telemetry = Telemetry::new();
    let suppressed = || Context::new().with_telemetry_suppressed();
    let service = telemetry.grpc_server().layer(service_fn(answer));
    let response = telemetry
        .run(service.oneshot(call(&[])).with_context(suppressed()))
        .await;
    assert!(!response.unwrap().headers().contains_key("x-correlation-id"));
    let client = telemetry
        .grpc_client()
        .layer(service_fn(|request: Call| async move {
            assert!(request.headers().is_empty());
            answer(request).await
        }));
    telemetry
        .run(client.oneshot(call(&[])).with_context(suppressed()))
        .await
        .unwrap();
    assert!(telemetry.spans().is_empty());
    assert!(telemetry.histogram("rpc.client.call.duration").is_empty());
}
