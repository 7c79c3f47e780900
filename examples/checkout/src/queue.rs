//! The queue between `orders` and `fulfilment`: NATS, or a channel where there is no server.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, HeaderMap};
use tokio::sync::{mpsc, watch};
use trisignal::messaging::{Consumer, Producer};

use crate::{Result, fulfilment};

/// The subject of orders that were taken.
pub(crate) const SUBJECT: &str = "orders";

/// How long closing the connection may take.
const CLOSING: Duration = Duration::from_secs(2);

/// A message in the channel: headers, and the number of the order.
pub(crate) type Local = (HashMap<String, String>, i64);

/// The end of the queue where orders go in.
pub(crate) enum Queue {
    Nats {
        client: Client,
        producer: Producer,
        closed: watch::Receiver<bool>,
    },
    Channel {
        sender: mpsc::Sender<Local>,
        producer: Producer,
    },
}

impl Queue {
    /// Connects to NATS; without a server to connect to, starts the worker in this process.
    pub(crate) async fn open(server: Option<&str>) -> Result<Self> {
        if let Some(server) = server {
            let (ended, closed) = watch::channel(false);
            // The client logs its events by itself, each before it calls back.
            let options = ConnectOptions::new().event_callback(move |event| {
                if event == Event::Closed {
                    ended.send_replace(true);
                }
                async {}
            });
            return Ok(Self::Nats {
                client: options.connect(server).await?,
                producer: Producer::new("nats").destination(SUBJECT),
                closed,
            });
        }
        let (sender, receiver) = mpsc::channel(64);
        let system = "in_process";
        tokio::spawn(fulfilment::from_channel(
            receiver,
            Consumer::new(system).destination(SUBJECT),
        ));
        Ok(Self::Channel {
            sender,
            producer: Producer::new(system).destination(SUBJECT),
        })
    }

    /// Puts an order on the queue, with the context of the request that placed it.
    pub(crate) async fn publish(&self, order: i64) -> Result<()> {
        match self {
            Self::Nats {
                client, producer, ..
            } => {
                let payload = order.to_string();
                let publish =
                    |headers| client.publish_with_headers(SUBJECT, headers, payload.into());
                producer.send(HeaderMap::new(), publish).await?;
            }
            Self::Channel { sender, producer } => {
                producer
                    .send(HashMap::new(), |headers| sender.send((headers, order)))
                    .await?;
            }
        }
        Ok(())
    }

    /// Closes the connection, and waits until its last event is told: after that nothing of it comes too late for
    /// telemetry that is shut down.
    pub(crate) async fn close(&self) {
        let Self::Nats { client, closed, .. } = self else {
            return;
        };
        let mut closed = closed.clone();
        if client.drain().await.is_ok() {
            let end = closed.wait_for(|closed| *closed);
            // A server that is gone is no reason to stay.
            let _ = tokio::time::timeout(CLOSING, end).await;
        }
    }
}
