//! The service that customers talk to, by HTTP. It passes orders on by gRPC.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tower::Layer;
use trisignal::grpc::{ClientLayer, ClientService};
use trisignal::http::ServerLayer;
use trisignal::{Counter, otel::KeyValue};

use crate::args::Serve;
use crate::proto::orders_client::OrdersClient;
use crate::proto::{Order, Receipt};
use crate::{Result, server};

static REQUESTED: Counter =
    Counter::new("checkout.orders", "{order}").with_description("Orders that customers asked for.");

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
    let receipt = orders.place(order).await;
    let outcome = if receipt.is_ok() { "placed" } else { "failed" };
    REQUESTED.add_with(1, &[KeyValue::new("outcome", outcome)]);
    match receipt {
        Ok(receipt) => Ok(Json(receipt.into_inner())),
        Err(status) => {
            tracing::error!(code = ?status.code(), reason = status.message(), "the order was not taken");
            Err(StatusCode::BAD_GATEWAY)
        }
    }
}
