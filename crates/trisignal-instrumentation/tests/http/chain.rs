//! A server that calls a server: one trace, one correlation ID.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt, service_fn};
use trisignal_instrumentation::correlation::CorrelationId;

use crate::support::{Telemetry, status};

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn one_trace_through_two_services() {
    for inbound in [None, Some("order-1")] {
        // Two processes, as far as telemetry can tell: each has a tracer of its own.
        let (gateway, orders) = (Telemetry::new(), Telemetry::new());
        let orders_dispatch = orders.dispatch();
        let back = orders
            .server()
            .route(|_| Some("/orders".to_owned()))
            .layer(service_fn(|_: Request<Empty<Bytes>>| async {
                let id = CorrelationId::current().unwrap().to_string();
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(id)))
            }));
        // The network: no context of the caller is left on the other side.
        let network = service_fn(move |request: Request<Empty<Bytes>>| {
            use opentelemetry::context::FutureExt;
            use tracing::instrument::WithSubscriber;
            let call = back
                .clone()
                .oneshot(request)
                .with_subscriber(orders_dispatch.clone());
            call.with_context(opentelemetry::Context::new())
        });
        let client = gateway.client().layer(network);
        let front = gateway
            .server()
            .route(|_| Some("/pay".to_owned()))
            .layer(service_fn(move |_: Request<Empty<Bytes>>| {
                let client = client.clone();
                async move { client.oneshot(get("http://orders/orders")).await }
            }));

        let mut request = get("/pay");
        if let Some(id) = inbound {
            request
                .headers_mut()
                .insert("x-correlation-id", id.parse().unwrap());
        }
        let response = gateway.run(front.oneshot(request)).await.unwrap();
        let answered = response.headers()["x-correlation-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = gateway
            .run(response.into_body().collect())
            .await
            .unwrap()
            .to_bytes();

        let (pay, call, order) = (
            gateway.span_named("GET /pay"),
            gateway.span_named("GET"),
            orders.span(),
        );
        assert_eq!(order.name, "GET /orders");
        assert_eq!(order.span_context.trace_id(), pay.span_context.trace_id());
        assert_eq!(call.parent_span_id, pay.span_context.span_id());
        assert_eq!(order.parent_span_id, call.span_context.span_id());
        assert!(order.parent_span_is_remote);
        assert!(
            [&pay, &call, &order]
                .into_iter()
                .all(|span| status(span) == "unset")
        );
        let expected =
            inbound.map_or_else(|| pay.span_context.trace_id().to_string(), str::to_owned);
        assert_eq!((answered, body), (expected.clone(), Bytes::from(expected)));
        // The answer of the inner service is the body of the outer one: nothing ends before what it
        // holds.
        assert!(call.end_time <= pay.end_time);
    }
}
