//! Messages: spans, metrics, propagation and correlation for producers and consumers of any broker.
//!
//! There is no client here: yours is called in a closure or a future, and only the headers of its
//! messages are read and written, by way of a [`Carrier`].
//!
//! | | span name | kind | metrics |
//! |---|---|---|---|
//! | [`Producer::send`], [`Producer::send_batch`] | `send {destination}` | producer, or client | `messaging.client.operation.duration`, `messaging.client.sent.messages` |
//! | [`Outgoing::create`] | `create {destination}` | producer | – |
//! | [`Consumer::receive`], [`Consumer::receive_batch`] | `receive {destination}` | client | `messaging.client.operation.duration`, `messaging.client.consumed.messages` |
//! | [`Consumer::process`], [`Consumer::process_batch`] | `process {destination}` | consumer | `messaging.process.duration`; `messaging.client.consumed.messages` unless received |
//! | [`Consumer::settle`] | `{ack, …} {destination}` | client | `messaging.client.operation.duration` |
//!
//! Names follow the messaging semantic conventions 1.44, which are in development. Spans are
//! `tracing` spans of level `INFO` and target `trisignal::messaging`, so a filter can tell them from
//! others.
//!
//! # What is in a message
//!
//! The context is written by the global propagator (`traceparent`, `tracestate` and `baggage`, say),
//! the correlation ID also as `x-correlation-id`. What you put into the headers yourself stays: a
//! message with a creation context, with baggage or with a correlation ID keeps it.
//!
//! Names of headers are read in any case, and written in lower case.
//!
//! # One story through a queue
//!
//! By default a consumer does not continue the producer's trace: a message may wait for days and have
//! any number of consumers. The traces are linked, and **the correlation ID is the same in both**, on
//! spans, logs, and the messages and calls that follow. It is the one of the message's headers, else
//! of its baggage, else the trace ID of its creator.
//!
//! ```
//! use std::collections::HashMap;
//! use trisignal_instrumentation::correlation::CorrelationId;
//! use trisignal_instrumentation::messaging::{Consumer, Producer};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let (sender, mut receiver) = tokio::sync::mpsc::channel::<HashMap<String, String>>(1);
//! let producer = Producer::new("channel").destination("orders");
//! let consumer = Consumer::new("channel").destination("orders");
//!
//! let mut headers = HashMap::new();
//! headers.insert("x-correlation-id".to_owned(), "order-4711".to_owned());
//! producer.send(headers, |headers| sender.send(headers)).await.unwrap();
//!
//! let message = receiver.recv().await.unwrap();
//! consumer
//!     .process(&message, async {
//!         assert_eq!(CorrelationId::current().unwrap().as_str(), "order-4711");
//!     })
//!     .await;
//! # }
//! ```
//!
//! # NATS
//!
//! With the feature `nats` the headers of `async-nats` are a [`Carrier`], also where a message has
//! none:
//!
#![cfg_attr(feature = "nats", doc = "```no_run")]
#![cfg_attr(not(feature = "nats"), doc = "```ignore")]
//! use async_nats::{Client, HeaderMap, Message, PublishError};
//! use trisignal_instrumentation::messaging::{Consumer, Producer};
//!
//! async fn place(orders: &Producer, nats: &Client) -> Result<(), PublishError> {
//!     orders
//!         .send(HeaderMap::new(), |headers| nats.publish_with_headers("orders", headers, "one coffee".into()))
//!         .await
//! }
//!
//! async fn handle(orders: &Consumer, message: Message) {
//!     orders.process(&message.headers, async { tracing::info!("cooking") }).await;
//! }
//! ```
//!
//! # RabbitMQ
//!
//! With the feature `lapin` the header table of AMQP is one:
//!
#![cfg_attr(feature = "lapin", doc = "```no_run")]
#![cfg_attr(not(feature = "lapin"), doc = "```ignore")]
//! use lapin::message::Delivery;
//! use lapin::options::{BasicAckOptions, BasicPublishOptions};
//! use lapin::types::FieldTable;
//! use lapin::{BasicProperties, Channel, Error};
//! use trisignal_instrumentation::messaging::{Consumer, Producer};
//!
//! async fn place(orders: &Producer, channel: &Channel) -> Result<(), Error> {
//!     let publish = |headers| {
//!         let properties = BasicProperties::default().with_headers(headers);
//!         channel.basic_publish("".into(), "orders".into(), BasicPublishOptions::default(), b"one coffee", properties)
//!     };
//!     orders.send(FieldTable::default(), publish).await?;
//!     Ok(())
//! }
//!
//! async fn handle(orders: &Consumer, delivery: Delivery) -> Result<(), Error> {
//!     let headers = delivery.properties.headers();
//!     orders.process(headers, async { tracing::info!("cooking") }).await;
//!     orders.settle("ack", headers, delivery.ack(BasicAckOptions::default())).await?;
//!     Ok(())
//! }
//! ```
//!
//! All adapters are in the list of the module [`carrier`], the one for Kafka's records too, and so is
//! what `rdkafka` needs.
//!
//! # How an operation ends
//!
//! | end | span status | `error.type` |
//! |---|---|---|
//! | success | unset | – |
//! | an error, as [`Outcome`] tells | error | the type of the error |
//! | panic, which goes on | error | `panic` |
//! | the future was dropped | error | `cancelled` |
//! | the same, when receiving | unset | – |
//!
//! Waiting for messages is given up as a matter of course, at a shutdown say; nothing is lost by it.
//!
//! Where telemetry is suppressed in the current context, as on an exporter's own thread, calls and
//! headers pass through as they are.

pub mod carrier;
mod client;
mod consumer;
mod future;
mod inbound;
mod metrics;
mod operation;
mod outbound;
mod outcome;
mod producer;

pub use self::carrier::{Carrier, CarrierMut};
pub use self::consumer::{Consumer, Incoming, Received};
pub use self::future::Observed;
pub use self::inbound::extract;
pub use self::outcome::Outcome;
pub use self::producer::{Outgoing, Producer};

/// The `tracing` target of the spans of this module.
pub const TARGET: &str = "trisignal::messaging";
