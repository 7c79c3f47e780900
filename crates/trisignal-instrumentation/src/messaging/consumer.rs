//! What receives messages, works on them and settles them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, Key, KeyValue, Value};

use super::carrier::Carrier;
use super::client::{Client, Message, client_settings, message_settings};
use super::future::Watched;
use super::inbound::Inbound;
use super::metrics::Instruments;
use super::operation::{Kind, Operation, Start, within};
use super::{Observed, Outcome};
use crate::context;
use crate::correlation::CorrelationId;

/// Works on messages: each piece of work is a span, is measured, and has the correlation ID of its
/// message.
///
/// A message that waited in a queue begins a trace of its own, with a link to the span that created
/// it; see [`continue_trace`](Self::continue_trace) for the other way. A clone costs little.
///
/// ```
/// use trisignal_instrumentation::correlation::CorrelationId;
/// use trisignal_instrumentation::messaging::Consumer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let orders = Consumer::new("nats").destination("orders").group("fulfilment");
///
/// # let mut headers = http::HeaderMap::new();
/// # headers.insert("x-correlation-id", "order-4711".parse().unwrap());
/// # let _ = &headers;
/// // For each message that comes in:
/// orders
///     .process(&headers, async {
///         assert_eq!(CorrelationId::current().unwrap().as_str(), "order-4711");
///         Ok::<_, std::io::Error>(())
///     })
///     .await
/// # }
/// ```
#[derive(Clone)]
pub struct Consumer {
    client: Arc<Client>,
    continues: bool,
}

impl Consumer {
    /// A consumer for the messaging system `system`, by the name that the conventions have for it:
    /// `nats`, `rabbitmq`, `kafka`, …
    pub fn new(system: impl Into<Arc<str>>) -> Self {
        Self {
            client: Arc::new(Client::new(system.into())),
            continues: false,
        }
    }

    client_settings!();

    /// The group of consumers that this one is in: a consumer group of Kafka, a queue group of
    /// NATS. Default: none.
    #[must_use]
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {
        let client = Arc::make_mut(&mut self.client);
        client.reroute(|client| &mut client.group, name.into());
        self
    }

    /// The subscription that the messages come from. Default: none.
    #[must_use]
    pub fn subscription(mut self, name: impl Into<Arc<str>>) -> Self {
        let client = Arc::make_mut(&mut self.client);
        client.reroute(|client| &mut client.subscription, name.into());
        self
    }

    /// Whether the work on a single message goes on in the trace of the message, as a child of the
    /// span that created it. A span around the work is linked then. Default: no, so the work is in
    /// the trace around it or begins one, and the creator is linked. Batches are always linked.
    ///
    /// It fits where a message is a step of one request. Where messages wait for long, or one has
    /// many consumers, traces get long and wide.
    #[must_use]
    pub fn continue_trace(mut self, continues: bool) -> Self {
        self.continues = continues;
        self
    }

    /// Works on a message with `headers`. The span starts now; `work` runs in it.
    pub fn process<F>(&self, headers: &impl Carrier, work: F) -> Observed<F>
    where
        F: Future<Output: Outcome>,
    {
        self.message(headers).process(work)
    }

    /// Works on several messages at once, whose headers are `messages`: one span with a link to
    /// each one's creator.
    ///
    /// The correlation ID is that of the messages when all have the same; else the batch has one of
    /// its own. For what is done about a single one there is [`process`](Self::process), inside.
    pub fn process_batch<'a, C, F>(
        &self,
        messages: impl IntoIterator<Item = &'a C>,
        work: F,
    ) -> Observed<F>
    where
        C: Carrier + 'a,
        F: Future<Output: Outcome>,
    {
        let instruments = self.client.instruments();
        let messages: Vec<_> = messages
            .into_iter()
            .map(|headers| Inbound::received(headers, &instruments))
            .collect();
        let base = context::current();
        let parent = common_id(&messages).map_or_else(|| base.clone(), |id| id.with_context(&base));
        let start = Start {
            client: &self.client,
            kind: Kind::Process,
            name: Kind::Process.as_str(),
            span_kind: "consumer",
            parent: Some(parent),
            links: messages.iter().filter_map(Inbound::span).collect(),
            batch: Some(messages.len()),
            message: &Message::default(),
        };
        let operation = self.begin_process(start, messages.len());
        Observed::start(operation, || work)
    }

    /// Asks for one message: `call` is the operation, and `look` shows the headers of the message
    /// when there is one. See [`receive_batch`](Self::receive_batch).
    ///
    /// ```
    /// use trisignal_instrumentation::messaging::Consumer;
    ///
    /// # struct Message { headers: http::HeaderMap }
    /// # async fn next() -> std::io::Result<Option<Message>> { Ok(None) }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let orders = Consumer::new("nats").destination("orders");
    /// let message = orders.receive(next(), |message, received| {
    ///     if let Some(message) = message {
    ///         received.message(&message.headers);
    ///     }
    /// });
    /// # let _ = message.await;
    /// # }
    /// ```
    pub fn receive<T, E, F, L>(
        &self,
        call: F,
        look: L,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F, L>
    where
        F: Future<Output = Result<T, E>>,
        L: FnOnce(&T, &mut Received),
    {
        self.begin_receive(call, false, look)
    }

    /// Asks for messages: a span of kind client with a link for each message that `look` shows.
    ///
    /// Once a consumer or a clone of it has received, it counts messages when they are received and
    /// no more when they are worked on. A clone that was given another destination, group or
    /// subscription is a consumer of its own.
    pub fn receive_batch<T, E, F, L>(
        &self,
        call: F,
        look: L,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F, L>
    where
        F: Future<Output = Result<T, E>>,
        L: FnOnce(&T, &mut Received),
    {
        self.begin_receive(call, true, look)
    }

    /// Settles a message: `call` is the operation, and `name` what the messaging system calls it,
    /// `ack` or `nack` say.
    pub fn settle<F>(&self, name: &str, headers: &impl Carrier, call: F) -> Observed<F>
    where
        F: Future<Output: Outcome>,
    {
        self.message(headers).settle(name, call)
    }

    /// A message of which more is to be said.
    pub fn message(&self, headers: &impl Carrier) -> Incoming {
        Incoming {
            inbound: Inbound::received(headers, &self.client.instruments()),
            consumer: self.clone(),
            message: Message::default(),
        }
    }

    fn begin_process(&self, start: Start<'_>, messages: usize) -> Option<Operation> {
        let mut operation = start.begin()?;
        if !self.client.receives.load(Ordering::Relaxed) {
            operation.count_now(&self.client.instruments().consumed, messages);
        }
        let is_named = {
            let _scope = operation.enter();
            CorrelationId::current().is_some()
        };
        if !is_named {
            // There is neither an ID nor a bridge: all that the work does has the same one.
            operation.context = operation
                .context
                .as_ref()
                .map(|parent| CorrelationId::generate().with_context(parent));
        }
        Some(operation)
    }

    fn begin_receive<T, E, F, L>(
        &self,
        call: F,
        is_batch: bool,
        look: L,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F, L>
    where
        F: Future<Output = Result<T, E>>,
        L: FnOnce(&T, &mut Received),
    {
        self.client.receives.store(true, Ordering::Relaxed);
        let operation = Start {
            client: &self.client,
            kind: Kind::Receive,
            name: Kind::Receive.as_str(),
            span_kind: "client",
            parent: None,
            links: Vec::new(),
            batch: None,
            message: &Message::default(),
        }
        .begin();
        let instruments = self.client.instruments();
        Watched::new(
            operation,
            call,
            move |mut operation: Operation, result: &Result<T, E>| {
                let mut received = Received::default();
                if let Ok(messages) = result {
                    look(messages, &mut received);
                }
                if is_batch {
                    operation.record_batch(received.messages);
                }
                operation.annotate(received.links, &[]);
                operation.count(instruments.consumed.clone(), received.messages);
                operation.finish(result);
            },
        )
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("system", &self.client.system)
            .field("destination", &self.client.destination)
            .finish_non_exhaustive()
    }
}

/// The messages that were received.
#[derive(Debug, Default)]
pub struct Received {
    messages: usize,
    links: Vec<SpanContext>,
}

impl Received {
    /// Counts a message with `headers`, and links its creator.
    pub fn message(&mut self, headers: &impl Carrier) {
        self.messages += 1;
        let creation = super::extract(headers).span().span_context().clone();
        if creation.is_valid() {
            self.links.push(creation);
        }
    }
}

/// A message that came in, with what is known of it. Made by [`Consumer::message`].
#[must_use = "it has to be processed or settled"]
pub struct Incoming {
    consumer: Consumer,
    inbound: Inbound,
    message: Message,
}

impl Incoming {
    message_settings!();

    /// Works on it; see [`Consumer::process`].
    pub fn process<F>(self, work: F) -> Observed<F>
    where
        F: Future<Output: Outcome>,
    {
        let operation = self.begin();
        Observed::start(operation, || work)
    }

    /// Works on it without waiting.
    pub fn process_blocking<T: Outcome>(self, work: impl FnOnce() -> T) -> T {
        let mut operation = self.begin();
        let done = within(&mut operation, work);
        if let Some(operation) = operation {
            operation.finish(&done);
        }
        done
    }

    /// Settles it; see [`Consumer::settle`].
    pub fn settle<F>(self, name: &str, call: F) -> Observed<F>
    where
        F: Future<Output: Outcome>,
    {
        let base = context::current();
        // After the work its context is gone, but it is still the story of the message.
        let id = self.inbound.correlation();
        let operation = Start {
            client: &self.consumer.client,
            kind: Kind::Settle,
            name,
            span_kind: "client",
            parent: Some(id.map_or_else(|| base.clone(), |id| id.with_context(&base))),
            links: self.inbound.span().into_iter().collect(),
            batch: None,
            message: &self.message,
        }
        .begin();
        Observed::start(operation, || call)
    }

    fn begin(&self) -> Option<Operation> {
        let base = context::current();
        let continues = self.consumer.continues;
        let link = match self.inbound.span() {
            // What is around the work is no parent then, but not forgotten either.
            Some(_) if continues => Some(ambient(&base)).filter(SpanContext::is_valid),
            creation => creation,
        };
        let start = Start {
            client: &self.consumer.client,
            kind: Kind::Process,
            name: Kind::Process.as_str(),
            span_kind: "consumer",
            parent: Some(self.inbound.context(&base, continues)),
            links: link.into_iter().collect(),
            batch: None,
            message: &self.message,
        };
        self.consumer.begin_process(start, 1)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("consumer", &self.consumer)
            .finish_non_exhaustive()
    }
}

fn ambient(base: &Context) -> SpanContext {
    base.span().span_context().clone()
}

/// The correlation ID that all of the messages have.
fn common_id(messages: &[Inbound]) -> Option<CorrelationId> {
    let first = messages.first()?.correlation()?;
    let is_same = |message: &Inbound| message.correlation().as_ref() == Some(&first);
    messages[1..].iter().all(is_same).then_some(first)
}
