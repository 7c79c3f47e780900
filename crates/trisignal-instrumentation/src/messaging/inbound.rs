//! What a message says about where it comes from.

use http::HeaderName;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, global};

use super::carrier::{Carrier, Reader};
use super::metrics::Instruments;
use crate::correlation::{BAGGAGE_KEY, CORRELATION_HEADER, CorrelationId, REQUEST_ID_HEADER};

/// The headers that are asked for the correlation ID of a message, the first first.
static HEADERS: [&HeaderName; 2] = [&CORRELATION_HEADER, &REQUEST_ID_HEADER];

/// The creation context of a message, and its correlation ID.
pub(super) struct Inbound {
    /// Span and baggage, without an ill-formed correlation ID.
    creation: Context,
    /// The correlation ID of a header, else of the baggage.
    pub(super) explicit: Option<CorrelationId>,
    /// How many ill-formed IDs there were.
    rejected: u64,
}

impl Inbound {
    /// Reads a message that was received.
    pub(super) fn received(headers: &impl Carrier, instruments: &Instruments) -> Self {
        let inbound = Self::read(headers, &HEADERS);
        if inbound.rejected > 0 {
            instruments.correlation_rejected.add(inbound.rejected, &[]);
        }
        inbound
    }

    /// Reads a message that is about to be sent.
    pub(super) fn of_outgoing(headers: &impl Carrier) -> Self {
        Self::read(headers, &HEADERS[..1])
    }

    fn read(headers: &impl Carrier, names: &[&HeaderName]) -> Self {
        let empty = Context::new();
        let mut creation = global::get_text_map_propagator(|propagator| {
            propagator.extract_with_context(&empty, &Reader(headers))
        });
        let mut rejected = 0;
        let mut explicit = None;
        for name in names {
            match headers
                .values(name.as_str())
                .first()
                .map(|id| CorrelationId::parse(id).ok())
            {
                Some(Some(id)) => {
                    explicit = Some(id);
                    break;
                }
                Some(None) => rejected += 1,
                None => {}
            }
        }
        let baggage = creation.baggage();
        if baggage.get(BAGGAGE_KEY).is_some() {
            match CorrelationId::from_baggage(baggage) {
                Some(id) => explicit = explicit.or(Some(id)),
                None => {
                    rejected += 1;
                    creation = creation.with_baggage(copy(baggage, |key| key != BAGGAGE_KEY));
                }
            }
        }
        Self {
            creation,
            explicit,
            rejected,
        }
    }

    /// The span that created the message, when it says so.
    pub(super) fn span(&self) -> Option<SpanContext> {
        let span = self.creation.span().span_context().clone();
        span.is_valid().then_some(span)
    }

    /// The correlation ID of the message: the explicit one, else the trace ID of its creation.
    pub(super) fn correlation(&self) -> Option<CorrelationId> {
        self.explicit
            .clone()
            .or_else(|| CorrelationId::from_context(&self.creation))
    }

    /// The context of what is done about the message: `base` with the message's baggage and
    /// correlation ID, and with its span when that is to be the parent.
    pub(super) fn context(&self, base: &Context, continues: bool) -> Context {
        let mut cx = base.clone();
        if let Some(span) = self.span().filter(|_| continues) {
            cx = cx.with_remote_span_context(span);
        }
        if !self.creation.baggage().is_empty() {
            cx = cx.with_baggage(copy(self.creation.baggage(), |_| true));
        }
        match self.correlation() {
            Some(id) => id.with_context(&cx),
            None => cx,
        }
    }
}

/// The context that a message carries: the span that created it, its baggage and its correlation
/// ID, as the global propagator and the headers give them. It is for what [`Consumer`] does not do:
///
/// ```
/// use trisignal_instrumentation::correlation::CorrelationId;
/// use trisignal_instrumentation::messaging;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-correlation-id", "order-4711".parse().unwrap());
/// let cx = messaging::extract(&headers);
/// assert_eq!(CorrelationId::from_context(&cx).unwrap().as_str(), "order-4711");
/// ```
///
/// [`Consumer`]: super::Consumer
pub fn extract(headers: &impl Carrier) -> Context {
    Inbound::read(headers, &HEADERS).context(&Context::new(), true)
}

/// The members of `baggage` whose keys are kept.
fn copy(baggage: &Baggage, keep: impl Fn(&str) -> bool) -> Baggage {
    let kept = baggage.iter().filter(|(key, _)| keep(key.as_str()));
    kept.map(|(key, member)| (key.clone(), member.clone()))
        .collect()
}
