//! The queue between `orders` and `fulfilment`: NATS, or a channel where there is no server.

use std::collections::HashMap;

use async_nats::{Client, HeaderMap};
use tokio::sync::mpsc;
use trisignal::messaging::{Consumer, Producer};

use crate::{Result, fulfilment};

/// The subject of orders that were taken.
pub(crate) const SUBJECT: &str = "orders";

/// A message in the channel: headers, and the number of the order.
pub(crate) type Local = (HashMap<String, String>, i64);

/// The end of the queue where orders go in.
pub(crate) enum Queue {
    Nats {
        client: Client,
        producer: Producer,
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
            let client = async_nats::connect(server).await?;
            return Ok(Self::Nats {
                client,
                producer: Producer::new("nats").destination(SUBJECT),
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
            Self::Nats { client, producer } => {
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
}
