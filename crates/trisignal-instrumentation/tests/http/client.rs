//! What a client's span and metrics hold, and what is sent.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{SpanId, SpanKind};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::Instrument;
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::propagation;

use crate::support::{Telemetry, attribute, status};

type Sent = Arc<Mutex<Option<HeaderMap>>>;

/// A remote service that notes the headers it got.
fn remote(
    code: u16,
) -> (
    Sent,
    impl Service<
        Request<Empty<Bytes>>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send,
    > + Clone,
) {
    let sent = Sent::default();
    let notes = Arc::clone(&sent);
    let service = service_fn(move |request: Request<Empty<Bytes>>| {
        *notes.lock().unwrap() = Some(request.headers().clone());
        async move {
            let response = Response::builder().status(code).version(Version::HTTP_11);
            Ok::<_, Infallible>(response.body(Full::from("answer")).unwrap())
        }
    });
    (sent, service)
}

/// `with_context` of the API's extension trait is also found for a correlation ID, before its own:
/// so under another name.
trait WithCurrent: Sized {
    fn with_current(self, cx: &Context) -> opentelemetry::context::WithContext<Self> {
        opentelemetry::context::FutureExt::with_context(self, cx.clone())
    }
}

impl<F: Future> WithCurrent for F {}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_call_becomes_a_span_and_a_measurement() {
    let telemetry = Telemetry::new();
    let (sent, service) = remote(200);
    let client = telemetry.client().layer(service);
    let uri = "https://user:secret@shop.example/orders/7?a=1&sig=secret";
    let call = async {
        client
            .oneshot(get(uri))
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
    };
    telemetry.run(call.instrument(tracing::Span::none())).await;

    let span = telemetry.span();
    assert_eq!(span.name, "GET");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(status(&span), "unset");
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "shop.example"),
        ("server.port", "443"),
        (
            "url.full",
            "https://REDACTED:REDACTED@shop.example/orders/7?a=1&sig=REDACTED",
        ),
        ("network.protocol.version", "1.1"),
        ("error.type", ""),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key), value, "{key}");
    }
    let point = telemetry.duration("client");
    assert_eq!((point.count, point.bounds.len()), (1, 14));
    assert!(
        point.has(&[
            ("http.request.method", "GET"),
            ("server.address", "shop.example"),
            ("server.port", "443"),
            ("network.protocol.version", "1.1"),
            ("http.response.status_code", "200"),
        ]),
        "{point:?}"
    );

    let sent = sent.lock().unwrap().take().unwrap();
    let (trace_id, span_id) = (span.span_context.trace_id(), span.span_context.span_id());
    let flags = span.span_context.trace_flags();
    assert_eq!(
        sent["traceparent"],
        format!("00-{trace_id}-{span_id}-{flags:02x}")
    );
    assert_eq!(sent["x-correlation-id"], trace_id.to_string());
    assert_eq!(
        sent["baggage"],
        format!("correlation.id={trace_id}"),
        "explicit, although it is the trace ID"
    );
    assert!(!sent.contains_key("tracestate"));
}

#[tokio::test]
async fn statuses() {
    for (code, span_status, error_type) in [
        (200, "unset", ""),
        (302, "unset", ""),
        (404, "error", "404"),
        (500, "error", "500"),
    ] {
        let telemetry = Telemetry::new();
        let client = telemetry.client().layer(remote(code).1);
        telemetry
            .run(async {
                client
                    .oneshot(get("http://a/"))
                    .await
                    .unwrap()
                    .into_body()
                    .collect()
                    .await
                    .unwrap()
            })
            .await;
        let span = telemetry.span();
        assert_eq!(
            (status(&span), attribute(&span, "error.type").as_str()),
            (span_status, error_type),
            "{code}"
        );
        let point = telemetry.duration("client");
        assert_eq!(
            point
                .attributes
                .get("error.type")
                .map_or("", String::as_str),
            error_type
        );
    }
}

#[tokio::test]
async fn the_span_ends_with_the_body() {
    let telemetry = Telemetry::new();
    let client = telemetry.client().layer(remote(200).1);
    let response = telemetry
        .run(client.oneshot(get("http://a/")))
        .await
        .unwrap();
    assert!(telemetry.spans().is_empty());
    telemetry.run(response.into_body().collect()).await.unwrap();
    assert_eq!(telemetry.spans().len(), 1);
}

#[tokio::test]
async fn giving_up_is_no_error() {
    // Before the response, and in the middle of its body.
    let telemetry = Telemetry::new();
    let hangs = service_fn(|_: Request<Empty<Bytes>>| async {
        pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let call = tokio::time::timeout(
        std::time::Duration::from_millis(1),
        telemetry.client().layer(hangs).oneshot(get("http://a/")),
    );
    assert!(telemetry.run(call).await.is_err());
    let span = telemetry.span();
    assert_eq!(
        (status(&span), attribute(&span, "error.type").as_str()),
        ("unset", "")
    );
    let point = telemetry.duration("client");
    assert_eq!(point.count, 1);
    assert!(!point.attributes.contains_key("error.type"));

    let telemetry = Telemetry::new();
    let client = telemetry.client().layer(remote(200).1);
    drop(
        telemetry
            .run(client.oneshot(get("http://a/")))
            .await
            .unwrap(),
    );
    let span = telemetry.span();
    assert_eq!(
        (
            status(&span),
            attribute(&span, "http.response.status_code").as_str()
        ),
        ("unset", "200")
    );
}

#[tokio::test]
async fn a_failed_attempt_names_its_error() {
    let telemetry = Telemetry::new();
    let fails = service_fn(|_: Request<Empty<Bytes>>| async {
        Err::<Response<Empty<Bytes>>, _>(std::io::Error::from(
            std::io::ErrorKind::ConnectionRefused,
        ))
    });
    let error = telemetry
        .run(telemetry.client().layer(fails).oneshot(get("http://a/")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let span = telemetry.span();
    assert_eq!(
        (status(&span), attribute(&span, "error.type").as_str()),
        ("error", "std::io::error::Error")
    );
    assert_eq!(
        telemetry.duration("client").attributes["error.type"],
        "std::io::error::Error"
    );
}

#[tokio::test]
async fn each_attempt_is_a_span() {
    let telemetry = Telemetry::new();
    let client = telemetry.client().layer(remote(503).1);
    let attempts = async {
        for _ in 0..3 {
            client
                .clone()
                .oneshot(get("http://a/"))
                .await
                .unwrap()
                .into_body()
                .collect()
                .await
                .unwrap();
        }
    };
    telemetry
        .run(attempts.instrument(tracing::dispatcher::with_default(
            &telemetry.dispatch(),
            || tracing::info_span!("call"),
        )))
        .await;
    let call = telemetry.span_named("call");
    let attempts: Vec<_> = telemetry
        .spans()
        .into_iter()
        .filter(|span| span.name == "GET")
        .collect();
    assert_eq!(attempts.len(), 3);
    assert!(
        attempts
            .iter()
            .all(|span| span.parent_span_id == call.span_context.span_id())
    );
    let ids: std::collections::HashSet<_> = attempts
        .iter()
        .map(|span| span.span_context.span_id())
        .collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_request_for_one_connection_has_its_host_in_a_header() {
    let telemetry = Telemetry::new();
    let client = telemetry.client().layer(remote(200).1);
    let mut request = get("/orders?sig=secret");
    request
        .headers_mut()
        .insert("host", "[::1]:8080".parse().unwrap());
    telemetry
        .run(async {
            client
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
        ("server.address", "::1"),
        ("server.port", "8080"),
        ("url.full", "http://[::1]:8080/orders?sig=REDACTED"),
    ] {
        assert_eq!(attribute(&span, key), value);
    }
}

#[tokio::test]
async fn the_correlation_id_of_the_context_or_of_the_caller_is_sent() {
    let mut baggage = Baggage::new();
    baggage.insert("tenant", "a");
    let tenant = Context::new().with_baggage(baggage);
    let order = CorrelationId::parse("order-1")
        .unwrap()
        .with_context(&tenant);
    // Context, header of the request, header and baggage that are sent.
    let cases = [
        (&order, None, "order-1", "correlation.id=order-1,tenant=a"),
        (
            &order,
            Some("own-1"),
            "own-1",
            "correlation.id=own-1,tenant=a",
        ),
        (
            &order,
            Some("no good"),
            "order-1",
            "correlation.id=order-1,tenant=a",
        ),
    ];
    for (cx, own, header, baggage) in cases {
        let telemetry = Telemetry::new();
        let (sent, service) = remote(200);
        let mut request = get("http://a/");
        if let Some(own) = own {
            request
                .headers_mut()
                .insert("x-correlation-id", own.parse().unwrap());
        }
        let call = telemetry
            .client()
            .layer(service)
            .oneshot(request)
            .with_current(cx);
        telemetry.run(call).await.unwrap();
        let sent = sent.lock().unwrap().take().unwrap();
        assert_eq!(
            (&sent["x-correlation-id"], &sent["baggage"]),
            (&header.parse().unwrap(), &baggage.parse().unwrap())
        );
    }
}

#[tokio::test]
async fn copied_headers_of_another_trace_are_replaced() {
    let telemetry = Telemetry::new();
    let (sent, service) = remote(200);
    let mut request = get("http://a/");
    for (name, value) in [
        ("traceparent", crate::support::TRACEPARENT),
        ("tracestate", "stale=1"),
        ("baggage", "stale=1"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    telemetry
        .run(telemetry.client().layer(service).oneshot(request))
        .await
        .unwrap();
    let sent = sent.lock().unwrap().take().unwrap();
    let cx = propagation::extract(&Context::new(), &sent);
    let id = CorrelationId::from_context(&cx).unwrap().to_string();
    assert_eq!(id, telemetry.span().span_context.trace_id().to_string());
    assert!(!sent.contains_key("tracestate"));
    assert!(cx.baggage().get("stale").is_none());
}

#[tokio::test]
async fn without_anything_nothing_is_added() {
    let telemetry = Telemetry::without_bridge();
    let (sent, service) = remote(200);
    let call = telemetry
        .client()
        .layer(service.clone())
        .oneshot(get("http://a/"));
    telemetry.run(call).await.unwrap();
    assert_eq!(sent.lock().unwrap().take(), Some(HeaderMap::new()));
    assert_eq!(telemetry.duration("client").count, 1);

    let telemetry = Telemetry::new();
    let suppressed = Context::new().with_telemetry_suppressed();
    telemetry
        .run(
            telemetry
                .client()
                .layer(service)
                .oneshot(get("http://a/"))
                .with_current(&suppressed),
        )
        .await
        .unwrap();
    assert_eq!(sent.lock().unwrap().take(), Some(HeaderMap::new()));
    assert!(telemetry.spans().is_empty());
    assert!(
        telemetry
            .histogram("http.client.request.duration")
            .is_empty()
    );
}
