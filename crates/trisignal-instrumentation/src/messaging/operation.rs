//! One operation on one message or more: its span and its metrics.
//!
//! All that has to be said at the end is said in one place, the drop of the [`Operation`]: so it is
//! said exactly once, however the operation ends.

use std::borrow::Cow;
use std::time::Instant;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, ContextGuard, KeyValue};
use tracing::Span;
use tracing::field::Empty;
use tracing::span::Entered;

use super::client::{Client, Message};
use super::{Outcome, TARGET};
use crate::context;

/// The type of an operation, as the conventions have it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Send,
    Receive,
    Process,
    Settle,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Process => "process",
            Self::Settle => "settle",
        }
    }
}

/// What is known when an operation starts.
pub(super) struct Start<'a> {
    pub(super) client: &'a Client,
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) span_kind: &'static str,
    /// The parent of the span, in force as long as the operation is; else what is current.
    pub(super) parent: Option<Context>,
    pub(super) links: Vec<SpanContext>,
    /// How many messages there are, when it is an operation on many.
    pub(super) batch: Option<usize>,
    pub(super) message: &'a Message,
}

impl Start<'_> {
    /// Starts it; not at all where telemetry is suppressed.
    pub(super) fn begin(self) -> Option<Operation> {
        if context::is_suppressed() {
            return None;
        }
        let instruments = self.client.instruments();
        let span = {
            let _attached = self.parent.clone().map(Context::attach);
            self.span()
        };
        let operation = Operation {
            span,
            context: self.parent,
            kind: self.kind,
            started: Instant::now(),
            duration: match self.kind {
                // It calls nobody.
                Kind::Create => None,
                Kind::Process => Some(instruments.process_duration.clone()),
                _ => Some(instruments.operation_duration.clone()),
            },
            attributes: self.client.attributes(self.name, self.message),
            counted: None,
            end: End::Abandoned,
        };
        operation.annotate(self.links, &self.message.attributes);
        Some(operation)
    }

    fn span(&self) -> Span {
        let (client, message) = (self.client, self.message);
        tracing::info_span!(
            target: TARGET,
            "messaging",
            "otel.name" = &*client.span_name(self.name, message),
            "otel.kind" = self.span_kind,
            "otel.status_code" = Empty,
            "messaging.operation.name" = self.name,
            "messaging.operation.type" = self.kind.as_str(),
            "messaging.system" = &*client.system,
            "messaging.destination.name" = client.destination_of(message),
            "messaging.destination.template" = client.template.as_deref(),
            "messaging.destination.temporary" = client.is_transient.then_some(true),
            "messaging.destination.partition.id" = message.partition.as_deref(),
            "messaging.destination.subscription.name" = client.subscription.as_deref(),
            "messaging.consumer.group.name" = client.group.as_deref(),
            "messaging.client.id" = client.client_id.as_deref(),
            "messaging.message.id" = message.id.as_deref(),
            "messaging.message.conversation_id" = message.conversation.as_deref(),
            "messaging.batch.message_count" = self.batch.map(|count| count as u64),
            "server.address" = client.address.as_deref(),
            "server.port" = client.port.map(i64::from),
            "error.type" = Empty,
        )
    }
}

pub(super) struct Operation {
    span: Span,
    /// Attached below the span: what is in force where no bridge attaches the span's own.
    pub(super) context: Option<Context>,
    kind: Kind,
    started: Instant,
    duration: Option<Histogram<f64>>,
    /// The attributes of the metrics, with room for type and error.
    attributes: Vec<KeyValue>,
    /// The messages to be counted when it is known how it went.
    counted: Option<(Counter<u64>, u64)>,
    end: End,
}

/// How an operation ended.
enum End {
    /// Not at all: it was given up.
    Abandoned,
    Complete,
    Failed(Cow<'static, str>),
}

impl Operation {
    /// Makes the span and its context current.
    pub(super) fn enter(&self) -> Scope<'_> {
        let context = self.context.clone().map(Context::attach);
        Scope {
            _span: self.span.enter(),
            _context: context,
        }
    }

    /// Puts `links` and `attributes` on the span.
    ///
    /// `tracing` spans have no links, but the current context has the span that a bridge made of
    /// ours. Where there is no bridge, or it has no interest, the current span is still the one
    /// around us, wherever we are by now, and that is not ours to touch.
    pub(super) fn annotate(&self, links: Vec<SpanContext>, attributes: &[KeyValue]) {
        if links.is_empty() && attributes.is_empty() {
            return;
        }
        let outside = self.context.clone().unwrap_or_else(context::current);
        let _scope = self.enter();
        let inside = context::current();
        let span = inside.span();
        if span.span_context() == outside.span().span_context() {
            return;
        }
        for link in links {
            span.add_link(link, Vec::new());
        }
        span.set_attributes(attributes.iter().cloned());
    }

    /// Counts `messages` at the end.
    pub(super) fn count(&mut self, counter: Counter<u64>, messages: usize) {
        self.counted = (messages > 0).then_some((counter, messages as u64));
    }

    /// Counts `messages` now, whatever becomes of them.
    pub(super) fn count_now(&self, counter: &Counter<u64>, messages: usize) {
        if messages > 0 {
            let _scope = self.enter();
            counter.add(messages as u64, &self.attributes);
        }
    }

    /// Says how many messages there were.
    pub(super) fn record_batch(&self, messages: usize) {
        self.span
            .record("messaging.batch.message_count", messages as u64);
    }

    /// Ends it as `outcome` says.
    pub(super) fn finish(mut self, outcome: &impl Outcome) {
        self.end = outcome.error_type().map_or(End::Complete, End::Failed);
    }

    /// Ends it as it should be.
    pub(super) fn complete(mut self) {
        self.end = End::Complete;
    }

    fn fail(mut self, error_type: &'static str) {
        self.end = End::Failed(Cow::Borrowed(error_type));
    }

    fn error_type(&mut self) -> Option<Cow<'static, str>> {
        match std::mem::replace(&mut self.end, End::Complete) {
            End::Failed(error_type) => Some(error_type),
            // Nobody waits for messages for ever, and nothing was lost.
            End::Abandoned if self.kind == Kind::Receive => None,
            End::Abandoned => Some(Cow::Borrowed("cancelled")),
            End::Complete => None,
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let error_type = self.error_type();
        let mut attributes = std::mem::take(&mut self.attributes);
        // Inside the span: a bridge takes the last exit as the end of the span, and exemplars point
        // to the current one.
        let _scope = self.enter();
        if let Some(error_type) = error_type {
            self.span.record("error.type", &*error_type);
            self.span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new("error.type", error_type));
        }
        if let Some((counter, messages)) = &self.counted {
            counter.add(*messages, &attributes);
        }
        if let Some(duration) = &self.duration {
            if self.kind != Kind::Process {
                attributes.push(KeyValue::new(
                    "messaging.operation.type",
                    self.kind.as_str(),
                ));
            }
            duration.record(self.started.elapsed().as_secs_f64(), &attributes);
        }
    }
}

/// An entered operation.
pub(super) struct Scope<'a> {
    // In this order: what was entered last is left first.
    _span: Entered<'a>,
    _context: Option<ContextGuard>,
}

/// Runs `work`, which is foreign code, inside the operation of `slot`. When it panics the operation
/// ends with the error `panic`, and the panic goes on.
pub(super) fn within<T>(slot: &mut Option<Operation>, work: impl FnOnce() -> T) -> T {
    let on_panic = OnPanic(slot);
    let result = {
        let _scope = on_panic.0.as_ref().map(Operation::enter);
        work()
    };
    // Asking for the thread's panics instead would be wrong in a service that is polled by a
    // destructor during another panic.
    std::mem::forget(on_panic);
    result
}

struct OnPanic<'a>(&'a mut Option<Operation>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(operation) = self.0.take() {
            operation.fail("panic");
        }
    }
}
