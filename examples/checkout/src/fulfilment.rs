//! The worker that fulfils orders. It does not continue the trace of the request: its trace is linked to it, and has the
//! same correlation ID.

use async_nats::Client;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use trisignal::Counter;
use trisignal::messaging::Consumer;

use crate::queue::{Local, SUBJECT};
use crate::{Result, server};

static FULFILLED: Counter =
    Counter::new("orders.fulfilled", "{order}").with_description("Orders that were packed.");

/// Runs the worker on orders from NATS. Answers whether no telemetry was lost.
pub(crate) async fn run(queue: &str, with_parent: bool) -> Result<bool> {
    let telemetry = trisignal::init("fulfilment")?;
    let client = async_nats::connect(queue).await?;
    let mut messages = client
        .queue_subscribe(SUBJECT, "fulfilment".to_owned())
        .await?;
    subscribed(&client).await?;
    eprintln!("listening on {queue}");

    let consumer = Consumer::new("nats")
        .destination(SUBJECT)
        .group("fulfilment");
    let mut end = std::pin::pin!(server::asked_to_end(&telemetry, with_parent));
    loop {
        tokio::select! {
            () = &mut end => break,
            message = messages.next() => {
                let Some(message) = message else { break };
                let order = String::from_utf8_lossy(&message.payload).parse().unwrap_or_default();
                consumer.process(&message.headers, fulfil(order)).await;
            }
        }
    }
    Ok(server::finish(telemetry).await)
}

/// Resolves when the server has the subscriptions of `client`: it works off a connection in order, so a message to
/// ourselves comes after them. A flush only says that they were written.
async fn subscribed(client: &Client) -> Result<()> {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await?;
    client.publish(inbox, "".into()).await?;
    echo.next()
        .await
        .ok_or("the NATS server closed the connection")?;
    Ok(())
}

/// Runs the worker on orders from a channel, inside of the service that takes them.
pub(crate) async fn from_channel(mut orders: mpsc::Receiver<Local>, consumer: Consumer) {
    while let Some((headers, order)) = orders.recv().await {
        consumer.process(&headers, fulfil(order)).await;
    }
}

#[tracing::instrument]
async fn fulfil(order: i64) {
    FULFILLED.add(1);
    tracing::info!(order, "order packed");
}
