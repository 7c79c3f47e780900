//! What producers and consumers say about themselves, and about one message.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use opentelemetry::KeyValue;

use super::metrics::{self, Instruments};

/// The settings that producers and consumers share.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) system: Arc<str>,
    pub(super) destination: Option<Arc<str>>,
    pub(super) template: Option<Arc<str>>,
    /// The destination's name says nothing to a person, and there are any number of such names.
    pub(super) is_transient: bool,
    pub(super) address: Option<Arc<str>>,
    pub(super) port: Option<u16>,
    pub(super) client_id: Option<Arc<str>>,
    pub(super) group: Option<Arc<str>>,
    pub(super) subscription: Option<Arc<str>>,
    pub(super) instruments: Option<Arc<Instruments>>,
    /// Whether a consumer receives, here or in a clone: then messages are counted when they are
    /// received, so no more when they are worked on.
    pub(super) receives: Arc<AtomicBool>,
}

impl Client {
    pub(super) fn new(system: Arc<str>) -> Self {
        Self {
            system,
            destination: None,
            template: None,
            is_transient: false,
            address: None,
            port: None,
            client_id: None,
            group: None,
            subscription: None,
            instruments: None,
            receives: Arc::default(),
        }
    }

    /// Changes where messages come from. What was received elsewhere says nothing about that.
    pub(super) fn reroute(
        &mut self,
        field: impl FnOnce(&mut Self) -> &mut Option<Arc<str>>,
        name: Arc<str>,
    ) {
        let name = Some(name);
        let field = field(self);
        if *field != name {
            *field = name;
            self.receives = Arc::default();
        }
    }

    pub(super) fn instruments(&self) -> Arc<Instruments> {
        self.instruments
            .clone()
            .unwrap_or_else(|| metrics::GLOBAL.get())
    }

    /// The name of a span: `{operation} {destination}`, of low cardinality.
    pub(super) fn span_name<'a>(&self, operation: &'a str, message: &Message) -> Cow<'a, str> {
        let named = self.destination_of(message).filter(|_| !self.is_transient);
        match (self.template.as_deref().or(named), self.address.as_deref()) {
            (Some(destination), _) => Cow::Owned(format!("{operation} {destination}")),
            // A server stands for the destination only where there is none.
            (None, Some(address)) if self.destination_of(message).is_none() => match self.port {
                Some(port) => Cow::Owned(format!("{operation} {address}:{port}")),
                None => Cow::Owned(format!("{operation} {address}")),
            },
            _ => Cow::Borrowed(operation),
        }
    }

    pub(super) fn destination_of<'a>(&'a self, message: &'a Message) -> Option<&'a str> {
        message
            .destination
            .as_deref()
            .or(self.destination.as_deref())
    }

    /// The attributes of all metrics of an operation.
    pub(super) fn attributes(&self, operation: &str, message: &Message) -> Vec<KeyValue> {
        let text = |key: &'static str, value: &Arc<str>| KeyValue::new(key, Arc::clone(value));
        let mut attributes = Vec::with_capacity(10);
        attributes.push(KeyValue::new(
            "messaging.operation.name",
            Arc::<str>::from(operation),
        ));
        attributes.push(text("messaging.system", &self.system));
        match &self.template {
            Some(template) => attributes.push(text("messaging.destination.template", template)),
            None if self.is_transient => {}
            None => {
                let name = match &message.destination {
                    Some(name) => Some(Arc::from(name.as_str())),
                    None => self.destination.clone(),
                };
                attributes.extend(name.map(|name| text("messaging.destination.name", &name)));
            }
        }
        if let Some(partition) = &message.partition {
            attributes.push(KeyValue::new(
                "messaging.destination.partition.id",
                partition.clone(),
            ));
        }
        let optional = [
            ("messaging.consumer.group.name", &self.group),
            (
                "messaging.destination.subscription.name",
                &self.subscription,
            ),
            ("server.address", &self.address),
        ];
        for (key, value) in optional {
            attributes.extend(value.as_ref().map(|value| text(key, value)));
        }
        if let Some(port) = self.port {
            attributes.push(KeyValue::new("server.port", i64::from(port)));
        }
        attributes
    }
}

/// What is known of one message.
#[derive(Default)]
pub(super) struct Message {
    pub(super) destination: Option<String>,
    pub(super) id: Option<String>,
    pub(super) conversation: Option<String>,
    pub(super) partition: Option<String>,
    pub(super) attributes: Vec<KeyValue>,
}

/// The setters of [`Client`] that producers and consumers have alike; written once, so that they
/// stay alike.
macro_rules! client_settings {
    () => {
        /// The name of the destination: a subject, a queue, a topic, an exchange. Default: none, or
        /// that of the message.
        ///
        /// It is an attribute of metrics and part of span names, so it has to be one of few; for
        /// others there are [`destination_template`](Self::destination_template) and
        /// [`transient_destination`](Self::transient_destination).
        #[must_use]
        pub fn destination(mut self, name: impl Into<Arc<str>>) -> Self {
            let client = Arc::make_mut(&mut self.client);
            client.reroute(|client| &mut client.destination, name.into());
            self
        }

        /// The low-cardinality form of the names of destinations, `orders.{region}` say. Span names
        /// and metrics have it in place of the name. Default: none.
        #[must_use]
        pub fn destination_template(mut self, template: impl Into<Arc<str>>) -> Self {
            Arc::make_mut(&mut self.client).template = Some(template.into());
            self
        }

        /// Whether the name of the destination is made up for a while, as those of reply queues
        /// and inboxes are; then it is on spans only. Default: no.
        #[must_use]
        pub fn transient_destination(mut self, is_transient: bool) -> Self {
            Arc::make_mut(&mut self.client).is_transient = is_transient;
            self
        }

        /// Host and port of the broker. Default: unknown.
        #[must_use]
        pub fn server(
            mut self,
            address: impl Into<Arc<str>>,
            port: impl Into<Option<u16>>,
        ) -> Self {
            let client = Arc::make_mut(&mut self.client);
            (client.address, client.port) = (Some(address.into()), port.into());
            self
        }

        /// What this client is called by the broker; for spans only. Default: unknown.
        #[must_use]
        pub fn client_id(mut self, id: impl Into<Arc<str>>) -> Self {
            Arc::make_mut(&mut self.client).client_id = Some(id.into());
            self
        }

        /// The meter to measure with. Default: that of the global provider, whenever that is
        /// installed. `trisignal.propagation.rejected` always goes to that one: it is counted by
        /// the propagators.
        #[must_use]
        pub fn meter(mut self, meter: &Meter) -> Self {
            let instruments = Instruments::new(&meter.into());
            Arc::make_mut(&mut self.client).instruments = Some(Arc::new(instruments));
            self
        }
    };
}

/// The setters of [`Message`] that messages in both directions have.
macro_rules! message_settings {
    () => {
        /// The name of this message's destination, where it is not the one of its client.
        pub fn destination(mut self, name: impl Into<String>) -> Self {
            self.message.destination = Some(name.into());
            self
        }

        /// The ID that the message has in its messaging system.
        pub fn id(mut self, id: impl Into<String>) -> Self {
            self.message.id = Some(id.into());
            self
        }

        /// The ID of the conversation that the message belongs to: what ties a reply to its
        /// request, AMQP's `correlation-id` say. It is not the correlation ID of this crate.
        pub fn conversation_id(mut self, id: impl Into<String>) -> Self {
            self.message.conversation = Some(id.into());
            self
        }

        /// The partition of the destination.
        pub fn partition(mut self, id: impl Into<String>) -> Self {
            self.message.partition = Some(id.into());
            self
        }

        /// An attribute more for the span, such as `messaging.rabbitmq.destination.routing_key`.
        ///
        /// It is set when the span has started, so a sampler does not see it.
        pub fn attribute(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
            self.message.attributes.push(KeyValue::new(key, value));
            self
        }
    };
}

pub(super) use {client_settings, message_settings};
