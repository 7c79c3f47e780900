//! The service that customers talk to. It passes orders on, and knows nothing of telemetry but the lines that name it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use trisignal::http::{Client, ServerLayer};
use trisignal::{Counter, otel::KeyValue};

use crate::Result;
use crate::args::Serve;

static REQUESTED: Counter =
    Counter::new("checkout.orders", "{order}").with_description("Orders that customers asked for.");

/// Runs the service. Answers whether no telemetry was lost.
pub(crate) async fn run(serve: Serve, orders: String) -> Result<bool> {
    let telemetry = trisignal::init("gateway")?;
    let client = trisignal::http::client(reqwest::Client::new());
    let state = Gateway { client, orders };
    let app = Router::new().route("/checkout", post(checkout)).with_state(state).layer(ServerLayer::axum());
    crate::server::run(serve, app, telemetry).await
}

#[derive(Clone, Debug)]
struct Gateway {
    client: Client,
    orders: String,
}

#[tracing::instrument(skip_all, fields(item = order["item"].as_str()))]
async fn checkout(
    State(gateway): State<Gateway>,
    Json(order): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    tracing::info!(quantity = order["quantity"].as_u64(), "checking out");
    let url = format!("{}/orders", gateway.orders);
    let answer = gateway.client.post(url).json(&order).send().await;
    let receipt = match answer.and_then(reqwest::Response::error_for_status) {
        Ok(answer) => answer.json().await,
        Err(error) => Err(error),
    };
    let outcome = if receipt.is_ok() { "placed" } else { "failed" };
    REQUESTED.add_with(1, &[KeyValue::new("outcome", outcome)]);
    receipt.map(Json).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the order was not taken");
        StatusCode::BAD_GATEWAY
    })
}
