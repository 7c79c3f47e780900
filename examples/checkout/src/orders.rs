//! The service that takes orders. An order of nothing makes it fail.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use trisignal::http::ServerLayer;
use trisignal::{Counter, Histogram};

use crate::Result;
use crate::args::Serve;

static PLACED: Counter = Counter::new("orders.placed", "{order}").with_description("Orders taken.");
static ITEMS: Histogram =
    Histogram::new("orders.items", "{item}").with_description("Items of an order.");

#[derive(Debug, Deserialize)]
struct Order {
    item: String,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct Receipt {
    item: String,
    price_cents: u64,
}

/// Runs the service. Answers whether no telemetry was lost.
pub(crate) async fn run(serve: Serve) -> Result<bool> {
    let telemetry = trisignal::init("orders")?;
    let app = Router::new().route("/orders", post(place)).layer(ServerLayer::axum());
    crate::server::run(serve, app, telemetry).await
}

async fn place(Json(order): Json<Order>) -> Result<Json<Receipt>, StatusCode> {
    let Some(price_cents) = price(&order) else {
        tracing::error!(item = order.item, "an order of nothing has no price");
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    };
    PLACED.add(1);
    ITEMS.record(f64::from(order.quantity));
    tracing::info!(item = order.item, price_cents, "order placed");
    Ok(Json(Receipt { item: order.item, price_cents }))
}

#[tracing::instrument(skip_all, fields(quantity = order.quantity))]
fn price(order: &Order) -> Option<u64> {
    (order.quantity > 0).then(|| u64::from(order.quantity) * 1_250)
}
