//! What a client sends along.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{Empty, Full};
use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use tower::{Layer, Service, ServiceExt, service_fn};
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::propagation;

use crate::support::{TRACEPARENT, Telemetry};

pub(crate) type Sent = Arc<Mutex<Option<HeaderMap>>>;

/// A remote service that notes the headers it got.
pub(crate) fn remote(
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

pub(crate) fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

/// `with_context` of the API's extension trait is also found for a correlation ID, before its own:
/// so under another name.
pub(crate) trait WithCurrent: Sized {
    fn with_current(self, cx: &Context) -> opentelemetry::context::WithContext<Self> {
        opentelemetry::context::FutureExt::with_context(self, cx.clone())
    }
}

impl<F: Future> WithCurrent for F {}

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
        ("traceparent", TRACEPARENT),
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
