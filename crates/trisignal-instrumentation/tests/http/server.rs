//! What a server's span and metrics hold.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, Value};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{PARENT_ID, TRACE_ID, TRACEPARENT, Telemetry, attribute, status};

type Reply = Result<Response<Full<Bytes>>, Infallible>;

async fn hello(_: Request<Empty<Bytes>>) -> Reply {
    Ok(Response::new(Full::from("hello")))
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_request_becomes_a_span_and_a_measurement() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .route(|_| Some("/orders/{id}".to_owned()))
        .layer(service_fn(hello));
    let mut request = get("/orders/7?a=1&sig=secret");
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert("host", "shop.example:8443".parse().unwrap());
    headers.insert("user-agent", "test/1".parse().unwrap());
    headers.insert("traceparent", TRACEPARENT.parse().unwrap());
    headers.insert("tracestate", "vendor=1".parse().unwrap());
    headers.insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    headers.insert("x-forwarded-proto", "https".parse().unwrap());

    telemetry
        .run(async {
            service
                .oneshot(request)
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
        })
        .await;

    let span = telemetry.span();
    assert_eq!(span.name, "GET /orders/{id}");
    assert_eq!(span.span_kind, SpanKind::Server);
    assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(span.parent_span_id.to_string(), PARENT_ID);
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().get("vendor"), Some("1"));
    assert_eq!(status(&span), "unset");
    let expected = [
        ("http.request.method", "GET"),
        ("http.request.method_original", ""),
        ("http.route", "/orders/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/orders/7"),
        ("url.query", "a=1&sig=REDACTED"),
        ("url.scheme", "https"),
        ("server.address", "shop.example"),
        ("server.port", "8443"),
        ("client.address", "192.0.2.7"),
        ("network.protocol.version", "2"),
        ("user_agent.original", "test/1"),
        ("error.type", ""),
        ("otel.kind", ""),
        ("otel.name", ""),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key), value, "{key}");
    }
    for key in ["http.response.status_code", "server.port"] {
        let pair = span
            .attributes
            .iter()
            .find(|pair| pair.key.as_str() == key)
            .unwrap();
        assert!(matches!(pair.value, Value::I64(_)), "{pair:?}");
    }

    let point = telemetry.duration("server");
    assert_eq!(point.count, 1);
    assert!(point.sum > 0.0 && point.sum < 30.0);
    let seconds = span
        .end_time
        .duration_since(span.start_time)
        .unwrap()
        .as_secs_f64();
    assert!(
        (point.sum - seconds).abs() < 1.0,
        "{} is not about {seconds}",
        point.sum
    );
    assert_eq!(
        point.bounds,
        [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
        ]
    );
    assert!(
        point.has(&[
            ("http.request.method", "GET"),
            ("url.scheme", "https"),
            ("http.route", "/orders/{id}"),
            ("network.protocol.version", "2"),
            ("http.response.status_code", "200"),
        ]),
        "{point:?}"
    );
    assert_eq!(telemetry.active(), Some(0));
}

#[tokio::test]
async fn statuses() {
    let cases = [
        (200_u16, "unset", ""),
        (302, "unset", ""),
        (404, "unset", ""),
        (499, "unset", ""),
        (500, "error", "500"),
        (503, "error", "503"),
    ];
    for (code, span_status, error_type) in cases {
        let telemetry = Telemetry::new();
        let service =
            telemetry
                .server()
                .layer(service_fn(move |_: Request<Empty<Bytes>>| async move {
                    let body = Full::<Bytes>::from("body");
                    Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
                }));
        telemetry
            .run(async {
                service
                    .oneshot(get("/"))
                    .await
                    .unwrap()
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
            })
            .await;
        let span = telemetry.span();
        assert_eq!(status(&span), span_status, "{code}");
        assert_eq!(attribute(&span, "error.type"), error_type, "{code}");
        assert_eq!(
            attribute(&span, "http.response.status_code"),
            code.to_string()
        );
        let point = telemetry.duration("server");
        assert_eq!(
            point
                .attributes
                .get("error.type")
                .map_or("", String::as_str),
            error_type,
            "{code}"
        );
        assert_eq!(
            point.attributes["http.response.status_code"],
            code.to_string()
        );
    }
}

#[tokio::test]
async fn methods_and_names() {
    let cases = [
        ("GET", "GET", "GET", ""),
        ("QUERY", "QUERY", "QUERY", ""),
        ("get", "HTTP", "_OTHER", "get"),
        ("BREW", "HTTP", "_OTHER", "BREW"),
    ];
    for (method, name, shown, original) in cases {
        let telemetry = Telemetry::new();
        let service = telemetry.server().layer(service_fn(hello));
        let request = Request::builder()
            .method(method)
            .uri("/very/long/path")
            .body(Empty::new())
            .unwrap();
        telemetry
            .run(async {
                service
                    .oneshot(request)
                    .await
                    .unwrap()
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
            })
            .await;
        let span = telemetry.span();
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "http.request.method"), shown);
        assert_eq!(attribute(&span, "http.request.method_original"), original);
        assert_eq!(attribute(&span, "http.route"), "");
        assert_eq!(
            telemetry.duration("server").attributes["http.request.method"],
            shown
        );
    }
}

#[tokio::test]
async fn the_handler_runs_inside_its_span_across_awaits() {
    let telemetry = Telemetry::new();
    let service =
        telemetry
            .server()
            .layer(service_fn(|request: Request<Empty<Bytes>>| async move {
                let path = request.uri().path().to_owned();
                let before = Context::current().span().span_context().span_id();
                tokio::task::yield_now().await;
                assert_eq!(Context::current().span().span_context().span_id(), before);
                tracing::info_span!("work").in_scope(|| {});
                tokio::task::yield_now().await;
                assert_eq!(
                    Context::current().span().span_context().span_id(),
                    before,
                    "{path}"
                );
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(before.to_string())))
            }));
    // Many at once on one thread: contexts must not leak from one into another.
    let calls = (0..20).map(|number| {
        let service = service.clone();
        async move {
            service
                .oneshot(get(&format!("/{number}")))
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
        }
    });
    let tasks: Vec<_> = calls
        .map(|call| {
            tokio::spawn(tracing::instrument::WithSubscriber::with_subscriber(
                call,
                telemetry.dispatch(),
            ))
        })
        .collect();
    let mut ids = std::collections::HashSet::new();
    for task in tasks {
        ids.insert(String::from_utf8(task.await.unwrap().to_vec()).unwrap());
    }
    assert_eq!(ids.len(), 20);
    let spans = telemetry.spans();
    let work: Vec<_> = spans.iter().filter(|span| span.name == "work").collect();
    assert_eq!(work.len(), 20);
    assert!(
        work.iter()
            .all(|span| ids.contains(&span.parent_span_id.to_string()))
    );
    assert!(
        !Context::current().has_active_span(),
        "a context was left behind"
    );
    assert_eq!(telemetry.active(), Some(0));
}

#[tokio::test]
async fn requests_are_active_while_they_last() {
    let telemetry = Telemetry::new();
    let service = telemetry.server().layer(service_fn(hello));
    let response = telemetry.run(service.oneshot(get("/"))).await.unwrap();
    assert_eq!(telemetry.active(), Some(1));
    assert!(telemetry.spans().is_empty(), "the body has not been read");
    telemetry.run(response.into_body().collect()).await.unwrap();
    assert_eq!(telemetry.active(), Some(0));
    assert_eq!(telemetry.spans().len(), 1);
}

#[tokio::test]
async fn a_panic_in_the_route_callback_costs_the_route_only() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .route(|_| panic!("a bug in the callback"))
        .layer(service_fn(hello));
    let response = telemetry.run(service.oneshot(get("/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    telemetry.run(response.into_body().collect()).await.unwrap();
    assert_eq!(telemetry.span().name, "GET");
}

#[tokio::test]
async fn suppressed_telemetry_passes_through() {
    let telemetry = Telemetry::new();
    let service = telemetry.server().layer(service_fn(hello));
    let call = service
        .oneshot(get("/"))
        .with_context(Context::new().with_telemetry_suppressed());
    let response = telemetry.run(call).await.unwrap();
    assert!(!response.headers().contains_key("x-correlation-id"));
    telemetry.run(response.into_body().collect()).await.unwrap();
    assert!(telemetry.spans().is_empty());
    assert_eq!(telemetry.active(), None);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_peer_is_the_client_unless_a_proxy_says_more() {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    let telemetry = Telemetry::new();
    let layer = trisignal_instrumentation::http::ServerLayer::axum().meter(&telemetry.meter());
    let service = layer.layer(service_fn(hello));
    let mut request = get("/");
    request
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
    telemetry
        .run(async {
            service
                .oneshot(request)
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap()
        })
        .await;
    let span = telemetry.span();
    for (key, value) in [
        ("client.address", "192.0.2.1"),
        ("network.peer.address", "192.0.2.1"),
        ("network.peer.port", "4711"),
    ] {
        assert_eq!(attribute(&span, key), value);
    }
}
