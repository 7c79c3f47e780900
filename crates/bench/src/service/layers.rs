//! The same service for every candidate: what it has of its own, and by hand what it has not.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_http::HeaderExtractor;
use tracing::Instrument as _;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::job::Candidate;

/// The boundaries that the semantic conventions advise.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const NAME: &str = "http.server.request.duration";

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let meter = global::meter("bench");
    let histogram = meter.f64_histogram(NAME).with_unit("s");
    histogram.with_boundaries(SECONDS.to_vec()).build()
});
static LOGFIRE_DURATION: LazyLock<opentelemetry_032::metrics::Histogram<f64>> =
    LazyLock::new(|| {
        let histogram = logfire::f64_histogram(NAME).with_unit("s");
        histogram.with_boundaries(SECONDS.to_vec()).build()
    });

/// The router of a candidate, which counts what it answers.
pub(super) fn app(candidate: Candidate, served: &'static AtomicU64) -> Router {
    let handler = match candidate {
        Candidate::Fastrace => get(fastrace_item),
        Candidate::Otel => get(otel_item),
        _ => get(item),
    };
    let router = Router::new().route("/items/{id}", handler);
    let router = match candidate {
        Candidate::Trisignal => router.layer(trisignal::http::ServerLayer::axum()),
        Candidate::Stock | Candidate::StockLean => router.layer(from_fn(by_hand)),
        Candidate::Init => router.layer(OtelAxumLayer::default()).layer(from_fn(timed)),
        Candidate::Logfire => router
            .layer(OtelAxumLayer::default())
            .layer(from_fn(logfire_timed)),
        Candidate::Fastrace => router
            .layer(fastrace_axum::FastraceLayer::default())
            .layer(from_fn(timed)),
        Candidate::Otel => {
            router.layer(opentelemetry_instrumentation_tower::http::server::Layer::new())
        }
        _ => router,
    };
    router.layer(axum::middleware::map_response(move |response: Response| {
        served.fetch_add(1, Ordering::Relaxed);
        std::future::ready(response)
    }))
}

async fn item(Path(id): Path<u64>) -> String {
    tracing::info!(item.id = id, customer = "c-42", "item requested");
    let item = load(id).await;
    tracing::info!(item.id = id, bytes = item.len(), "item sent");
    item
}

#[tracing::instrument(name = "load item", fields(db.system.name = "none"))]
async fn load(id: u64) -> String {
    format!("{{\"id\":{id},\"name\":\"a thing\",\"price\":17.5}}")
}

async fn fastrace_item(Path(id): Path<u64>) -> String {
    tracing::info!(item.id = id, customer = "c-42", "item requested");
    let item = fastrace_load(id).await;
    tracing::info!(item.id = id, bytes = item.len(), "item sent");
    item
}

#[fastrace::trace(name = "load item", properties = { "id": "{id}", "db.system.name": "none" })]
async fn fastrace_load(id: u64) -> String {
    format!("{{\"id\":{id},\"name\":\"a thing\",\"price\":17.5}}")
}

async fn otel_item(Path(id): Path<u64>) -> String {
    tracing::info!(item.id = id, customer = "c-42", "item requested");
    let tracer = global::tracer("bench");
    let builder = tracer.span_builder("load item").with_attributes([
        KeyValue::new("id", i64::try_from(id).unwrap_or(i64::MAX)),
        KeyValue::new("db.system.name", "none"),
    ]);
    let mut span = builder.start_with_context(&tracer, &Context::current());
    let item = format!("{{\"id\":{id},\"name\":\"a thing\",\"price\":17.5}}");
    span.end();
    tracing::info!(item.id = id, bytes = item.len(), "item sent");
    item
}

/// The span and the metric of a request as one writes them by hand.
async fn by_hand(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route
        .map(|route| route.as_str().to_owned())
        .unwrap_or_default();
    let span = tracing::info_span!(
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        url.path = request.uri().path(),
        url.scheme = "http",
        http.response.status_code = Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderExtractor(request.headers()))
    });
    // It fails only without the layer.
    let _ = span.set_parent(parent);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    DURATION.record(
        begin.elapsed().as_secs_f64(),
        &attributes(method, route, status),
    );
    response
}

/// The metric alone, for candidates whose layer makes the span but no metric.
async fn timed(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route
        .map(|route| route.as_str().to_owned())
        .unwrap_or_default();
    let response = next.run(request).await;
    let attributes = attributes(method, route, response.status().as_u16());
    DURATION.record(begin.elapsed().as_secs_f64(), &attributes);
    response
}

fn attributes(method: String, route: String, status: u16) -> [KeyValue; 4] {
    [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", i64::from(status)),
        KeyValue::new("url.scheme", "http"),
    ]
}

async fn logfire_timed(request: Request, next: Next) -> Response {
    use opentelemetry_032::KeyValue;
    let begin = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route
        .map(|route| route.as_str().to_owned())
        .unwrap_or_default();
    let response = next.run(request).await;
    let attributes = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new(
            "http.response.status_code",
            i64::from(response.status().as_u16()),
        ),
        KeyValue::new("url.scheme", "http"),
    ];
    LOGFIRE_DURATION.record(begin.elapsed().as_secs_f64(), &attributes);
    response
}
