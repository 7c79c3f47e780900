//! An edge does not believe its callers.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::SpanId;
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::http::Trust;

use crate::support::{PARENT_ID, TRACE_ID, TRACEPARENT, Telemetry, attribute};

async fn hello(_: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello")))
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn an_edge_links_instead_of_continuing() {
    let telemetry = Telemetry::new();
    let service =
        telemetry
            .server()
            .trust(Trust::Edge)
            .layer(service_fn(|_: Request<Empty<Bytes>>| async {
                let cx = Context::current();
                assert!(cx.baggage().get("tenant").is_none());
                hello(get("/")).await
            }));
    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", TRACEPARENT.parse().unwrap());
    request.headers_mut().insert(
        "baggage",
        "tenant=evil,correlation.id=evil".parse().unwrap(),
    );
    request
        .headers_mut()
        .insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    let response = telemetry
        .run(async { service.oneshot(request).await.unwrap() })
        .await;
    let answered = response.headers()["x-correlation-id"]
        .to_str()
        .unwrap()
        .to_owned();
    telemetry.run(response.into_body().collect()).await.unwrap();

    let span = telemetry.span();
    assert_ne!(span.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(answered, span.span_context.trace_id().to_string());
    assert_eq!(attribute(&span, "client.address"), "");
    let links: Vec<_> = span
        .links
        .iter()
        .map(|link| link.span_context.clone())
        .collect();
    assert_eq!(links.len(), 1);
    assert_eq!(
        (
            links[0].trace_id().to_string(),
            links[0].span_id().to_string()
        ),
        (TRACE_ID.to_owned(), PARENT_ID.to_owned())
    );
}

#[tokio::test]
async fn an_edge_without_a_caller_links_nothing() {
    let telemetry = Telemetry::new();
    let service = telemetry
        .server()
        .trust(Trust::Edge)
        .layer(service_fn(hello));
    let outer = async {
        service
            .oneshot(get("/"))
            .await
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
    };
    telemetry.run(outer).await;
    assert!(telemetry.span().links.is_empty());
}
