//! One request with its response, from the call of the service to the end of the response body:
//! what HTTP and gRPC have in common.
//!
//! All that has to be said at the end is said in one place, the drop of the [`Exchange`]: so it is
//! said exactly once, however the exchange ends. Whoever holds it only notes how:
//! [`complete`](Exchange::complete), [`fail`](Exchange::fail), or nothing, which means that
//! somebody lost interest. What the end means is the business of the protocol: of its
//! [`Outcome`].
//!
//! | file | |
//! |---|---|
//! | `inbound` | what a server reads from the headers, and in which order |
//! | `answer` | the future of a server's response |
//! | `body` | the body that ends the exchange |
//! | `outbound` | what a client writes into the headers |
//! | `capture` | headers that become attributes because somebody asked for them |
//! | `rule` | callbacks of users, and what they leave out |
//! | `values` | what both conventions say about values |

mod answer;
mod body;
mod capture;
mod inbound;
mod outbound;
mod rule;
pub(crate) mod values;

use std::time::Instant;

use http::{HeaderMap, StatusCode, Version};
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::trace::{SpanRef, TraceContextExt};
use opentelemetry::{Context, ContextGuard, KeyValue, StringValue};
use tracing::Span;
use tracing::span::Entered;

pub use self::answer::ServerFuture;
pub use self::body::ResponseBody;
pub(crate) use self::capture::Capture;
pub use self::inbound::Trust;
pub(crate) use self::inbound::{Inbound, default_headers};
pub(crate) use self::outbound::propagate;
pub(crate) use self::rule::{Exclusions, PeerOf, guarded, peer_of};
use crate::{context, grpc, http as web};

/// The boundaries that the conventions ask for, in seconds.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

pub(crate) struct Exchange {
    pub(crate) span: Span,
    /// Attached below the span: what is in force where no bridge attaches the span's own.
    pub(crate) context: Option<Context>,
    pub(crate) side: Side,
    pub(crate) started: Instant,
    pub(crate) outcome: Outcome,
    /// Response headers to put on the span.
    pub(crate) capture: Capture,
    /// `None` for what is left out of the metrics.
    pub(crate) measures: Option<Measures>,
    pub(crate) end: End,
}

/// What is measured at the end.
pub(crate) struct Measures {
    pub(crate) duration: Histogram<f64>,
    /// The attributes of the duration, with room for status and error.
    pub(crate) attributes: Vec<KeyValue>,
    /// Held for its drop.
    pub(crate) _active: Option<web::Active>,
}

/// What the protocol knows of the response.
pub(crate) enum Outcome {
    Http(web::Outcome),
    Grpc(grpc::Outcome),
}

/// How an exchange ended.
pub(crate) enum End {
    /// Not at all: it was given up.
    Abandoned,
    Complete,
    Failed(&'static str),
}

impl Exchange {
    /// Notes the head of the response.
    pub(crate) fn respond(&mut self, status: StatusCode, version: Version, headers: &HeaderMap) {
        match &mut self.outcome {
            Outcome::Http(outcome) => {
                outcome.respond(&self.span, status);
                if self.side == Side::Client {
                    self.protocol(version);
                }
            }
            Outcome::Grpc(outcome) => outcome.respond(&self.span, status, headers),
        }
        self.capture(&self.capture, headers);
    }

    /// Notes the trailers of the response.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Outcome::Grpc(outcome) = &mut self.outcome {
            outcome.trailers(&self.span, trailers);
        }
    }

    /// Notes that so many bytes of the response body have passed, from the first time on.
    pub(crate) fn passed(&mut self, bytes: u64) {
        if let Outcome::Http(outcome) = &mut self.outcome {
            outcome.passed(bytes);
        }
    }

    /// Puts the headers that `capture` asks for on the span.
    pub(crate) fn capture(&self, capture: &Capture, headers: &HeaderMap) {
        let attributes = capture.attributes(headers);
        if attributes.is_empty() {
            return;
        }
        self.bridged(|span| span.set_attributes(attributes));
    }

    /// Hands out the span of the bridge, for what `tracing` has no words for.
    fn bridged(&self, work: impl FnOnce(SpanRef<'_>)) {
        let outside = self.context.clone().unwrap_or_else(context::current);
        let _scope = self.enter();
        let inside = context::current();
        // Without a bridge the current span is not ours, but maybe somebody else's.
        if inside.span().span_context() != outside.span().span_context() {
            work(inside.span());
        }
    }

    /// Ends it as it should be.
    pub(crate) fn complete(mut self) {
        self.end = End::Complete;
    }

    /// Ends it with an error of the given low-cardinality type.
    pub(crate) fn fail(mut self, error_type: &'static str) {
        self.end = End::Failed(error_type);
    }

    /// Makes the span and its context current.
    pub(crate) fn enter(&self) -> Scope<'_> {
        let context = self.context.clone().map(Context::attach);
        Scope {
            _span: self.span.enter(),
            _context: context,
        }
    }

    fn protocol(&mut self, version: Version) {
        let Some(version) = web::protocol_version(version) else {
            return;
        };
        self.span.record("network.protocol.version", version);
        if let Some(measures) = &mut self.measures {
            let pair = KeyValue::new("network.protocol.version", version);
            measures.attributes.push(pair);
        }
    }
}

impl Outcome {
    /// Writes what is known at the end, and says which kind of error it was, if it was one.
    fn finish(
        &self,
        side: Side,
        end: &End,
        span: &Span,
        attributes: &mut Vec<KeyValue>,
    ) -> Option<StringValue> {
        match self {
            Self::Http(outcome) => outcome.finish(side, end, span, attributes),
            Self::Grpc(outcome) => outcome.finish(side, end, span, attributes),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut measures = self.measures.take();
        if let Outcome::Grpc(outcome) = &self.outcome
            && let Some(name) = outcome.new_name()
        {
            self.bridged(|span| span.update_name(name));
        }
        let mut none = Vec::new();
        let attributes = measures
            .as_mut()
            .map_or(&mut none, |measures| &mut measures.attributes);
        // Inside the span: a bridge takes the last exit as the end of the span, and exemplars point
        // to the current one.
        let _scope = self.enter();
        let error_type = self
            .outcome
            .finish(self.side, &self.end, &self.span, attributes);
        if let Some(error_type) = error_type {
            self.span.record("error.type", error_type.as_str());
            self.span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new("error.type", error_type));
        }
        if let Some(measures) = &measures {
            let seconds = self.started.elapsed().as_secs_f64();
            measures.duration.record(seconds, &measures.attributes);
            if let Outcome::Http(outcome) = &self.outcome {
                outcome.measure(&measures.attributes);
            }
        }
    }
}

/// An entered exchange.
pub(crate) struct Scope<'a> {
    // In this order: what was entered last is left first.
    _span: Entered<'a>,
    _context: Option<ContextGuard>,
}

/// Runs `work`, which is foreign code, inside the exchange of `slot`. When it panics the exchange
/// ends with the error `panic`, and the panic goes on.
pub(crate) fn within<T>(slot: &mut Option<Exchange>, work: impl FnOnce() -> T) -> T {
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

/// The histogram of a duration.
pub(crate) fn duration(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
}

struct OnPanic<'a>(&'a mut Option<Exchange>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.fail("panic");
        }
    }
}
