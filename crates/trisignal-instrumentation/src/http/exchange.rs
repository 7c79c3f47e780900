//! One request with its response, from the call of the service to the end of the response body.
//!
//! All that has to be said at the end is said in one place, the drop of the [`Exchange`]: so it is
//! said exactly once, however the exchange ends. Whoever holds it only notes how:
//! [`complete`](Exchange::complete), [`fail`](Exchange::fail), or nothing, which means that
//! somebody lost interest.

use std::borrow::Cow;
use std::time::Instant;

use http::{StatusCode, Version};
use opentelemetry::metrics::Histogram;
use opentelemetry::{Context, ContextGuard, KeyValue};
use tracing::Span;
use tracing::span::Entered;

use super::metrics::Active;
use super::semconv;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

pub(super) struct Exchange {
    pub(super) span: Span,
    /// Attached below the span: what is in force where no bridge attaches the span's own.
    pub(super) context: Option<Context>,
    pub(super) side: Side,
    /// The answer to this request has no body whatever its headers say.
    pub(super) without_body: bool,
    pub(super) started: Instant,
    pub(super) duration: Histogram<f64>,
    /// The attributes of the duration, with room for status and error.
    pub(super) attributes: Vec<KeyValue>,
    /// Held for its drop.
    pub(super) _active: Option<Active>,
    pub(super) status: Option<StatusCode>,
    pub(super) end: End,
}

/// How an exchange ended.
pub(super) enum End {
    /// Not at all: it was given up.
    Abandoned,
    Complete,
    Failed(&'static str),
}

impl Exchange {
    /// Notes the head of the response.
    pub(super) fn respond(&mut self, status: StatusCode, version: Version) {
        self.status = Some(status);
        self.span
            .record("http.response.status_code", i64::from(status.as_u16()));
        if self.side == Side::Client
            && let Some(version) = semconv::protocol_version(version)
        {
            self.span.record("network.protocol.version", version);
            self.attributes
                .push(KeyValue::new("network.protocol.version", version));
        }
    }

    /// Ends it as it should be.
    pub(super) fn complete(mut self) {
        self.end = End::Complete;
    }

    /// Ends it with an error of the given low-cardinality type.
    pub(super) fn fail(mut self, error_type: &'static str) {
        self.end = End::Failed(error_type);
    }

    /// Makes the span and its context current.
    pub(super) fn enter(&self) -> Scope<'_> {
        let context = self.context.clone().map(Context::attach);
        Scope {
            _span: self.span.enter(),
            _context: context,
        }
    }

    fn error_type(&self) -> Option<Cow<'static, str>> {
        let lowest = if self.side == Side::Server { 500 } else { 400 };
        let by_status = self
            .status
            .filter(|status| status.as_u16() >= lowest)
            .map(semconv::status_text);
        match self.end {
            End::Failed(error_type) => Some(Cow::Borrowed(error_type)),
            End::Abandoned if self.side == Side::Server => {
                by_status.or(Some(Cow::Borrowed("cancelled")))
            }
            End::Abandoned | End::Complete => by_status,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let error_type = self.error_type();
        let mut attributes = std::mem::take(&mut self.attributes);
        // Inside the span: a bridge takes the last exit as the end of the span, and exemplars point
        // to the current one.
        let _scope = self.enter();
        if let Some(status) = self.status {
            attributes.push(KeyValue::new(
                "http.response.status_code",
                i64::from(status.as_u16()),
            ));
        }
        if let Some(error_type) = error_type {
            self.span.record("error.type", &*error_type);
            self.span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new("error.type", error_type));
        }
        self.duration
            .record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}

/// An entered exchange.
pub(super) struct Scope<'a> {
    // In this order: what was entered last is left first.
    _span: Entered<'a>,
    _context: Option<ContextGuard>,
}

/// Runs `work`, which is foreign code, inside the exchange of `slot`. When it panics the exchange
/// ends with the error `panic`, and the panic goes on.
pub(super) fn within<T>(slot: &mut Option<Exchange>, work: impl FnOnce() -> T) -> T {
    let on_panic = OnPanic(slot);
    let result = {
        let _scope = on_panic.0.as_ref().map(Exchange::enter);
        work()
    };
    // Asking for the thread's panics instead would be wrong in a service that is polled by a
    // destructor during another panic.
    std::mem::forget(on_panic);
    result
}

struct OnPanic<'a>(&'a mut Option<Exchange>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.fail("panic");
        }
    }
}
