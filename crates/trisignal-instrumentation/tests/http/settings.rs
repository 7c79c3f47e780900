//! What can be set on the layers, and what a request can say about itself.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Array, Context, Value};
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_semantic_conventions::{attribute as names, metric};
use tower::{Layer, Service, ServiceExt, service_fn};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::http::{ClientLayer, Resend, ServerLayer, Trust, UrlTemplate};

use crate::support::{Script, TRACE_ID, TRACEPARENT, Telemetry, attribute, data, status};

type Call = Request<Empty<Bytes>>;

fn get(uri: &str) -> Call {
    Request::get(uri).body(Empty::new()).unwrap()
}

/// Answers with headers that could be captured, and with the correlation ID and the trace it sees.
async fn answer(_: Call) -> Result<Response<Full<Bytes>>, Infallible> {
    let trace = Context::current().span().span_context().trace_id();
    let id = CorrelationId::current().map(|id| id.to_string());
    let response = Response::builder()
        .header("x-seen", id.unwrap_or_default())
        .header("x-trace", trace.to_string())
        .header("x-shown", "one")
        .header("x-shown", "two")
        .header("set-cookie", "canary");
    Ok(response.body(Full::from("answer")).unwrap())
}

async fn exchange(
    telemetry: &Telemetry,
    service: impl Service<Call, Response = Response<impl Body>, Error = Infallible>,
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

async fn send(telemetry: &Telemetry, layer: ClientLayer, request: Call) -> http::HeaderMap {
    exchange(telemetry, layer.layer(service_fn(answer)), request).await
}

fn texts(span: &SpanData, key: &str) -> Vec<String> {
    let mut found = span
        .attributes
        .iter()
        .filter(|pair| pair.key.as_str() == key);
    let Some(Value::Array(Array::String(values))) = found.next().map(|pair| &pair.value) else {
        panic!("no {key} in {span:?}");
    };
    assert!(found.next().is_none(), "{key} is there twice");
    values.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn headers_are_captured_by_an_allow_list() {
    let keys = || [HeaderName::from_static("x-shown")];
    let request = || {
        let mut request = get("http://a/");
        let headers = request.headers_mut();
        headers.append("x-shown", HeaderValue::from_static("a"));
        headers.append("x-shown", HeaderValue::from_static("b"));
        let mut secret = HeaderValue::from_static("canary");
        secret.set_sensitive(true);
        headers.append("x-shown", secret);
        headers.append("authorization", HeaderValue::from_static("canary"));
        request
    };
    let (server, client, neither) = (Telemetry::new(), Telemetry::new(), Telemetry::new());
    let layer = server.server();
    let layer = layer
        .capture_request_headers(keys())
        .capture_response_headers(keys());
    serve(&server, layer, request()).await;
    let layer = client.client();
    let layer = layer
        .capture_request_headers(keys())
        .capture_response_headers(keys());
    send(&client, layer, request()).await;
    for telemetry in [&server, &client] {
        let span = telemetry.span();
        let key = |prefix| format!("{prefix}.x-shown");
        assert_eq!(
            texts(&span, &key(names::HTTP_REQUEST_HEADER)),
            ["a", "b", "REDACTED"]
        );
        assert_eq!(
            texts(&span, &key(names::HTTP_RESPONSE_HEADER)),
            ["one", "two"]
        );
        assert!(!format!("{span:?}").contains("canary"));
    }
    serve(&neither, neither.server(), request()).await;
    assert!(!format!("{:?}", neither.span()).contains("x-shown"));
}

#[tokio::test]
async fn captured_headers_never_go_to_the_span_of_somebody_else() {
    use opentelemetry::context::FutureExt;
    use opentelemetry::trace::{Tracer, TracerProvider};

    // No bridge, but a span of the OpenTelemetry API around the call.
    let spans = opentelemetry_sdk::trace::InMemorySpanExporter::default();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_simple_exporter(spans.clone())
        .build();
    let around = Context::new().with_span(provider.tracer("test").start("around"));
    let telemetry = Telemetry::without_bridge();
    let keys = || [HeaderName::from_static("x-shown")];
    let client = telemetry.client().capture_response_headers(keys());
    let server = telemetry.server().capture_response_headers(keys());
    let call = send(&telemetry, client, get("http://a/"));
    call.with_context(around.clone()).await;
    let call = serve(&telemetry, server, get("/"));
    call.with_context(around.clone()).await;
    around.span().end();
    let around = spans.get_finished_spans().unwrap().remove(0);
    assert!(around.attributes.is_empty(), "{around:?}");
}

#[tokio::test]
async fn sizes_of_bodies() {
    // The announced length of the request, the body of the response, how much of it is read, and
    // what is shown of both.
    let cases = [
        (Some("12"), vec![data("one"), data("three")], 3, "12", "8"),
        (Some("12"), vec![data("one"), data("three")], 1, "12", "3"),
        (None, vec![], 1, "", "0"),
        (Some("nonsense"), vec![data("one")], 0, "", "0"),
    ];
    for (length, frames, reads, request_size, response_size) in cases {
        let telemetry = Telemetry::new();
        let mut script = Some(Script::new(frames));
        let answer = service_fn(move |_: Call| {
            let script = script.take().unwrap();
            async { Ok::<_, Infallible>(Response::new(script)) }
        });
        let mut request = get("http://a/");
        if let Some(length) = length {
            let headers = request.headers_mut();
            headers.insert("content-length", length.parse().unwrap());
        }
        let service = telemetry.server().body_sizes(true).layer(answer);
        let client = telemetry.client().body_sizes(true).layer(service);
        let response = telemetry.run(client.oneshot(request)).await.unwrap();
        let mut body = response.into_body();
        for _ in 0..reads {
            let _ = telemetry.run(body.frame()).await;
        }
        telemetry.run(async { drop(body) }).await;
        for span in telemetry.spans() {
            for (key, value) in [
                (names::HTTP_REQUEST_BODY_SIZE, request_size),
                (names::HTTP_RESPONSE_BODY_SIZE, response_size),
            ] {
                assert_eq!(attribute(&span, key), value, "{key}");
            }
        }
        for (name, size) in [
            (metric::HTTP_SERVER_REQUEST_BODY_SIZE, request_size),
            (metric::HTTP_CLIENT_REQUEST_BODY_SIZE, request_size),
            (metric::HTTP_SERVER_RESPONSE_BODY_SIZE, response_size),
            (metric::HTTP_CLIENT_RESPONSE_BODY_SIZE, response_size),
        ] {
            let points = telemetry.histogram(name);
            let sums: Vec<_> = points.iter().map(|point| point.sum.to_string()).collect();
            let expected = Some(size.to_owned()).filter(|size| !size.is_empty());
            assert_eq!(sums, Vec::from_iter(expected), "{name}");
        }
        let sizes = telemetry.point(metric::HTTP_SERVER_RESPONSE_BODY_SIZE);
        assert_eq!(sizes.attributes, telemetry.duration("server").attributes);
    }
    let telemetry = Telemetry::new();
    serve(&telemetry, telemetry.server(), get("/")).await;
    let name = metric::HTTP_SERVER_RESPONSE_BODY_SIZE;
    assert!(telemetry.histogram(name).is_empty(), "only who asks for it");
    assert_eq!(
        attribute(&telemetry.span(), names::HTTP_RESPONSE_BODY_SIZE),
        ""
    );
}

#[tokio::test]
async fn methods_and_redaction_can_be_replaced() {
    let request = |method: &str| {
        let mut request = get("http://a/?token=canary&sig=shown");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        request
    };
    for (method, name, shown) in [("PURGE", "PURGE", "PURGE"), ("GET", "HTTP", "_OTHER")] {
        let telemetry = Telemetry::new();
        let layer = telemetry.server().known_methods(["PURGE"]);
        let layer = layer.redacted_query_parameters(["token"]);
        serve(&telemetry, layer, request(method)).await;
        let layer = telemetry.client().known_methods(["PURGE"]);
        let layer = layer.redacted_query_parameters(["token"]);
        send(&telemetry, layer, request(method)).await;
        let spans = telemetry.spans();
        assert_eq!(spans.len(), 2);
        for span in &spans {
            assert_eq!(span.name, name);
            assert_eq!(attribute(span, names::HTTP_REQUEST_METHOD), shown);
        }
        let query = attribute(&spans[0], names::URL_QUERY);
        assert_eq!(query, "token=REDACTED&sig=shown");
        let url = attribute(&spans[1], names::URL_FULL);
        assert_eq!(url, "http://a/?token=REDACTED&sig=shown");
        for side in ["server", "client"] {
            let point = telemetry.duration(side);
            assert_eq!(point.attributes[names::HTTP_REQUEST_METHOD], shown);
        }
    }
}

#[tokio::test]
async fn requests_can_be_left_out() {
    let rules: [fn(ServerLayer) -> ServerLayer; 3] = [
        |layer| layer.exclude_paths(["/metrics", "/health"]),
        |layer| {
            layer
                .exclude(|_| panic!("a bug"))
                .exclude_paths(["/health"])
        },
        |layer| layer.exclude(|parts| parts.headers.contains_key("traceparent")),
    ];
    for rule in rules {
        for inbound in [true, false] {
            let telemetry = Telemetry::new();
            let mut request = get("/health?full");
            if inbound {
                let headers = request.headers_mut();
                headers.insert("traceparent", TRACEPARENT.parse().unwrap());
                headers.insert("x-correlation-id", "order-1".parse().unwrap());
            }
            let layer = rule(telemetry.server()).body_sizes(true);
            let layer = layer.capture_response_headers([HeaderName::from_static("x-shown")]);
            let answered = serve(&telemetry, layer, request).await;
            assert_eq!(answered["x-seen"], answered["x-correlation-id"]);
            let seen = telemetry.spans().len();
            if inbound {
                assert_eq!(answered["x-correlation-id"], "order-1");
                assert_eq!(answered["x-trace"], TRACE_ID);
                assert_eq!(seen, 0);
            }
            if seen == 0 {
                assert!(
                    telemetry
                        .histogram("http.server.request.duration")
                        .is_empty()
                );
                assert_eq!(telemetry.active(), None);
            }
        }
    }
    let telemetry = Telemetry::new();
    let layer = telemetry.server().exclude_paths(["/health"]);
    serve(&telemetry, layer, get("/healthy")).await;
    assert_eq!(telemetry.spans().len(), 1, "only exactly these");
}

#[tokio::test]
async fn forwarding_headers_have_a_switch_of_their_own() {
    let cases = [
        (Trust::Internal, None, true),
        (Trust::Internal, Some(false), false),
        (Trust::Edge, None, false),
        (Trust::Edge, Some(true), true),
    ];
    for (trust, forwarded, believed) in cases {
        let telemetry = Telemetry::new();
        let mut request = get("/");
        let headers = request.headers_mut();
        headers.insert("host", HeaderValue::from_static("inner"));
        let told = "for=192.0.2.7;host=shop.example;proto=https";
        headers.insert("forwarded", HeaderValue::from_static(told));
        headers.insert("traceparent", TRACEPARENT.parse().unwrap());
        let mut layer = telemetry.server().trust(trust);
        if let Some(forwarded) = forwarded {
            layer = layer.forwarded(forwarded);
        }
        serve(&telemetry, layer, request).await;
        let span = telemetry.span();
        let expected = if believed {
            ["192.0.2.7", "shop.example", "https"]
        } else {
            ["", "inner", "http"]
        };
        let keys = [
            names::CLIENT_ADDRESS,
            names::SERVER_ADDRESS,
            names::URL_SCHEME,
        ];
        assert_eq!(keys.map(|key| attribute(&span, key)), expected);
        let continued = span.span_context.trace_id().to_string() == TRACE_ID;
        assert_eq!(continued, trust == Trust::Internal, "the trust is the rest");
    }
}

#[tokio::test]
async fn attempts_say_which_they_are() {
    let telemetry = Telemetry::new();
    for attempt in 0..3 {
        let mut request = get("http://a/");
        // The first may say so or say nothing.
        request.extensions_mut().insert(Resend(attempt));
        send(&telemetry, telemetry.client(), request).await;
    }
    let counts: Vec<_> = telemetry
        .spans()
        .iter()
        .map(|span| attribute(span, names::HTTP_REQUEST_RESEND_COUNT))
        .collect();
    assert_eq!(counts, ["", "1", "2"]);
}

#[tokio::test]
async fn a_template_names_the_client_span() {
    let telemetry = Telemetry::new();
    let mut request = get("http://a/orders/7");
    let template = UrlTemplate::from("/orders/{id}");
    request.extensions_mut().insert(template);
    send(&telemetry, telemetry.client(), request).await;
    let span = telemetry.span();
    assert_eq!((&*span.name, status(&span)), ("GET /orders/{id}", "unset"));
    assert_eq!(attribute(&span, names::URL_TEMPLATE), "/orders/{id}");
    let point = telemetry.duration("client");
    assert_eq!(point.attributes[names::URL_TEMPLATE], "/orders/{id}");
}

#[tokio::test]
async fn callbacks_that_panic_cost_their_answer_only() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .server()
        .peer(|_| panic!("a bug"))
        .route(|_| panic!("a bug"));
    let answered = serve(&telemetry, layer, get("/")).await;
    assert!(answered.contains_key("x-correlation-id"));
    let span = telemetry.span();
    assert_eq!((&*span.name, status(&span)), ("GET", "unset"));
}
