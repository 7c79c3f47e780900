//! The service that customers talk to, by HTTP. It passes orders on by gRPC.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tower::Layer;
use trisignal::grpc::{ClientLayer, ClientService};
use trisignal::http::ServerLayer;
use trisignal::{Counter, Gauge, Histogram, otel::KeyValue};

use crate::args::Serve;
use crate::proto::orders_client::OrdersClient;
use crate::proto::{Order, Receipt};
use crate::{Result, server};

static REQUESTED: Counter =
    Counter::new("checkout.orders", "{order}").with_description("Orders that customers asked for.");

// What operators know by these names from elsewhere, beside the standard `http.server.request.duration`. Prometheus
// shows them as `request_count_total`, `request_latency_seconds` and `cpu_load`.
static REQUEST_COUNT: Counter = Counter::new("request_count", "{request}");
static REQUEST_LATENCY: Histogram =
    Histogram::new("request_latency_seconds", "s").with_boundaries(&[0.01, 0.05, 0.25, 1.0, 5.0]);
static CPU_LOAD: Gauge = Gauge::new("cpu_load", "");

type Orders = OrdersClient<ClientService<Channel>>;

/// Runs the service. Answers whether no telemetry was lost.
pub(crate) async fn run(serve: Serve, orders: String) -> Result<bool> {
    let telemetry = trisignal::init("gateway")?;
    let endpoint = Endpoint::from_shared(orders)?;
    let channel = ClientLayer::new()
        .target(endpoint.uri())
        .layer(endpoint.connect_lazy());
    let app = Router::new()
        .route("/checkout", post(checkout))
        .with_state(OrdersClient::new(channel))
        .layer(ServerLayer::axum());

    let listener = TcpListener::bind(serve.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let end = server::asked_to_end(&telemetry, serve.with_parent);
    axum::serve(listener, app)
        .with_graceful_shutdown(end)
        .await?;
    Ok(server::finish(telemetry).await)
}

#[tracing::instrument(skip_all, fields(item = order.item))]
async fn checkout(
    State(mut orders): State<Orders>,
    Json(order): Json<Order>,
) -> Result<Json<Receipt>, StatusCode> {
    tracing::info!(quantity = order.quantity, "checking out");
    let begin = Instant::now();
    let receipt = orders.place(order).await;
    let outcome = if receipt.is_ok() { "placed" } else { "failed" };
    REQUESTED.add_with(1, &[KeyValue::new("outcome", outcome)]);
    REQUEST_COUNT.add(1);
    REQUEST_LATENCY.record(begin.elapsed().as_secs_f64());
    if let Some(load) = cpu_load() {
        CPU_LOAD.record(load);
    }
    match receipt {
        Ok(receipt) => Ok(Json(receipt.into_inner())),
        Err(status) => {
            tracing::error!(code = ?status.code(), reason = status.message(), "the order was not taken");
            Err(StatusCode::BAD_GATEWAY)
        }
    }
}

/// The work that waited for each CPU of the machine in the last minute, on average; more than 1 is too much.
fn cpu_load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let waiting: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(waiting / std::thread::available_parallelism().ok()?.get() as f64)
}
