//! What sends messages.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use opentelemetry::metrics::Meter;
use opentelemetry::{Key, KeyValue, Value};

use super::carrier::CarrierMut;
use super::client::{Client, Message, client_settings, message_settings};
use super::inbound::Inbound;
use super::metrics::Instruments;
use super::operation::{Kind, Operation, Start, within};
use super::outbound::inject;
use super::{Observed, Outcome};

/// Sends messages: each sending is a span, is measured, and puts its context into the message.
///
/// A clone costs little, and one producer may serve any number of tasks and destinations.
///
/// ```
/// use trisignal_instrumentation::messaging::Producer;
///
/// # #[derive(Clone)] struct Client;
/// # impl Client { async fn publish(&self, _: &str, _: http::HeaderMap, _: &str) -> std::io::Result<()> { Ok(()) } }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// # let client = Client;
/// let orders = Producer::new("nats").destination("orders").server("localhost", 4222);
///
/// // The headers come back with all that a consumer needs to know, and your own untouched.
/// let headers = http::HeaderMap::new();
/// orders.send(headers, |headers| client.publish("orders", headers, "one coffee")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Producer {
    client: Arc<Client>,
    operation: Arc<str>,
}

impl Producer {
    /// A producer for the messaging system `system`, by the name that the conventions have for it:
    /// `nats`, `rabbitmq`, `kafka`, …
    pub fn new(system: impl Into<Arc<str>>) -> Self {
        Self {
            client: Arc::new(Client::new(system.into())),
            operation: Arc::from(Kind::Send.as_str()),
        }
    }

    client_settings!();

    /// What the messaging system calls sending, `publish` say. Default: `send`.
    #[must_use]
    pub fn operation(mut self, name: impl Into<Arc<str>>) -> Self {
        self.operation = name.into();
        self
    }

    /// Sends a message with `headers`: `publish` gets them with the context in them, and its future
    /// is the operation.
    ///
    /// The span starts now. It has the kind producer, or client where the headers have a creation
    /// context already; then that is linked, and left as it is.
    pub fn send<C, F, P>(&self, headers: C, publish: P) -> Observed<F>
    where
        C: CarrierMut,
        F: Future<Output: Outcome>,
        P: FnOnce(C) -> F,
    {
        self.message(headers).send(publish)
    }

    /// A message of which more is to be said before it is sent.
    pub fn message<C: CarrierMut>(&self, headers: C) -> Outgoing<C> {
        Outgoing {
            producer: self.clone(),
            headers,
            message: Message::default(),
        }
    }

    /// Sends several messages in one operation. Messages that have a creation context, as after
    /// [`Outgoing::create`], are linked; the others get the context of this operation.
    pub fn send_batch<C, F, P>(&self, mut messages: Vec<C>, publish: P) -> Observed<F>
    where
        C: CarrierMut,
        F: Future<Output: Outcome>,
        P: FnOnce(Vec<C>) -> F,
    {
        let count = Some(messages.len());
        let operation = self.begin(&mut messages, count, &Message::default());
        Observed::start(operation, || publish(messages))
    }

    fn begin<C: CarrierMut>(
        &self,
        messages: &mut [C],
        batch: Option<usize>,
        message: &Message,
    ) -> Option<Operation> {
        let own: Vec<_> = messages
            .iter()
            .map(|headers| Inbound::of_outgoing(headers))
            .collect();
        let links: Vec<_> = own.iter().filter_map(Inbound::span).collect();
        let are_all_created = !own.is_empty() && links.len() == own.len();
        let mut operation = Start {
            client: &self.client,
            kind: Kind::Send,
            name: &self.operation,
            span_kind: if are_all_created {
                "client"
            } else {
                "producer"
            },
            parent: None,
            links,
            batch,
            message,
        }
        .begin()?;
        operation.count(self.client.instruments().sent.clone(), messages.len());
        {
            let _scope = operation.enter();
            for (headers, own) in messages.iter_mut().zip(&own) {
                inject(headers, own);
            }
        }
        Some(operation)
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("system", &self.client.system)
            .field("destination", &self.client.destination)
            .finish_non_exhaustive()
    }
}

/// A message to be sent, with what is known of it. Made by [`Producer::message`].
#[must_use = "it has to be sent or created"]
pub struct Outgoing<C> {
    producer: Producer,
    headers: C,
    message: Message,
}

impl<C: CarrierMut> Outgoing<C> {
    message_settings!();

    /// Sends it; see [`Producer::send`].
    pub fn send<F, P>(mut self, publish: P) -> Observed<F>
    where
        F: Future<Output: Outcome>,
        P: FnOnce(C) -> F,
    {
        let operation = self.begin();
        Observed::start(operation, || publish(self.headers))
    }

    /// Sends it by a call that does not wait, or that blocks.
    pub fn send_blocking<T: Outcome>(mut self, publish: impl FnOnce(C) -> T) -> T {
        let mut operation = self.begin();
        let sent = within(&mut operation, || publish(self.headers));
        if let Some(operation) = operation {
            operation.finish(&sent);
        }
        sent
    }

    /// Creates it without sending it: a span of its own in the message, for messages that go out
    /// in a batch and are to be told apart. A message that has a creation context already stays as
    /// it is, and makes no span.
    pub fn create(mut self) -> C {
        let own = Inbound::of_outgoing(&self.headers);
        if own.span().is_none()
            && let Some(operation) = self.start_create()
        {
            {
                let _scope = operation.enter();
                inject(&mut self.headers, &own);
            }
            operation.complete();
        }
        self.headers
    }

    fn begin(&mut self) -> Option<Operation> {
        let messages = std::slice::from_mut(&mut self.headers);
        self.producer.begin(messages, None, &self.message)
    }

    fn start_create(&self) -> Option<Operation> {
        Start {
            client: &self.producer.client,
            kind: Kind::Create,
            name: Kind::Create.as_str(),
            span_kind: "producer",
            parent: None,
            links: Vec::new(),
            batch: None,
            message: &self.message,
        }
        .begin()
    }
}

impl<C> fmt::Debug for Outgoing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("producer", &self.producer)
            .finish_non_exhaustive()
    }
}
