//! The layer on an axum router: the route is the template.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use trisignal_instrumentation::correlation::CorrelationId;
use trisignal_instrumentation::http::ServerLayer;

use crate::support::{Telemetry, attribute};

#[tokio::test]
async fn spans_are_named_by_route() {
    let cases = [
        ("/orders/7", "GET /orders/{id}", "/orders/{id}", "200"),
        (
            "/api/items/1/2",
            "GET /api/items/{*rest}",
            "/api/items/{*rest}",
            "200",
        ),
        ("/nowhere", "GET", "", "404"),
    ];
    for (path, name, route, code) in cases {
        let telemetry = Telemetry::new();
        let seen = || async { CorrelationId::current().unwrap().to_string() };
        let nested = Router::new().route("/items/{*rest}", get(seen));
        let app = Router::new()
            .route("/orders/{id}", get(seen))
            .nest("/api", nested)
            .layer(ServerLayer::axum().meter(&telemetry.meter()));
        let request = Request::get(path)
            .header("x-correlation-id", "order-1")
            .body(Body::empty())
            .unwrap();
        let response = telemetry.run(app.oneshot(request)).await.unwrap();
        assert_eq!(response.status().as_str(), code);
        assert_eq!(response.headers()["x-correlation-id"], "order-1");
        let body = telemetry
            .run(response.into_body().collect())
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(body, if code == "200" { "order-1" } else { "" });
        let span = telemetry.span();
        assert_eq!(
            (&*span.name, attribute(&span, "http.route").as_str()),
            (name, route)
        );
        let point = telemetry.duration("server");
        assert_eq!(
            point
                .attributes
                .get("http.route")
                .map_or("", String::as_str),
            route
        );
        assert_eq!(telemetry.active(), Some(0));
    }
}

#[tokio::test]
async fn a_head_request_is_complete_without_its_body() {
    let telemetry = Telemetry::new();
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .layer(ServerLayer::axum().meter(&telemetry.meter()));
    let response = telemetry
        .run(app.oneshot(Request::head("/").body(Body::empty()).unwrap()))
        .await
        .unwrap();
    drop(response);
    let span = telemetry.span();
    assert_eq!(
        (&*span.name, attribute(&span, "error.type").as_str()),
        ("HEAD /", "")
    );
}
