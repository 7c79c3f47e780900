//! What a client's span and metrics hold, and what is sent.

use std::convert::Infallible;
use std::future::pending;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use opentelemetry::trace::{SpanId, SpanKind};
use tower::{Layer, ServiceExt, service_fn};
use tracing::Instrument;

use crate::client_sends::{get, remote};
use crate::support::{Telemetry, attribute, status};

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
