//! The service that takes orders, by gRPC: it writes them down and puts them on the queue. An order of nothing makes it
//! fail.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use trisignal::Histogram;
use trisignal::grpc::ServerLayer;

use crate::args::Serve;
use crate::database::Database;
use crate::proto::orders_server::{Orders, OrdersServer};
use crate::proto::{Order, Receipt};
use crate::queue::Queue;
use crate::{Result, server};

static ITEMS: Histogram =
    Histogram::new("orders.items", "{item}").with_description("Items of an order.");

/// Runs the service. Answers whether no telemetry was lost.
pub(crate) async fn run(serve: Serve, queue: Option<String>) -> Result<bool> {
    let telemetry = trisignal::init("orders")?;
    let queue = Arc::new(Queue::open(queue.as_deref()).await?);
    let service = Service {
        database: Database::open().await?,
        queue: Arc::clone(&queue),
    };

    let listener = TcpListener::bind(serve.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let end = server::asked_to_end(&telemetry, serve.with_parent);
    Server::builder()
        .layer(ServerLayer::new())
        .add_service(OrdersServer::new(service))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), end)
        .await?;
    queue.close().await;
    Ok(server::finish(telemetry).await)
}

struct Service {
    database: Database,
    queue: Arc<Queue>,
}

#[tonic::async_trait]
impl Orders for Service {
    async fn place(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        let order = request.into_inner();
        let Some(price_cents) = price(&order) else {
            tracing::error!(item = order.item, "an order of nothing has no price");
            return Err(Status::internal("an order of nothing has no price"));
        };
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                "the order was not kept"
            );
            Status::unavailable("the order was not kept")
        };
        let id = self
            .database
            .insert(&order)
            .await
            .map_err(|error| unavailable(error.into()))?;
        self.queue.publish(id).await.map_err(unavailable)?;
        ITEMS.record(f64::from(order.quantity));
        tracing::info!(order = id, item = order.item, price_cents, "order placed");
        Ok(Response::new(Receipt {
            order: id,
            price_cents,
        }))
    }
}

#[tracing::instrument(skip_all, fields(quantity = order.quantity))]
fn price(order: &Order) -> Option<u64> {
    (order.quantity > 0).then(|| u64::from(order.quantity) * 1_250)
}
