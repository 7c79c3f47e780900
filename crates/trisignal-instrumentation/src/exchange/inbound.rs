//! What a server reads from the headers of a request, and in which order.
//!
//! 1. The global propagator reads the caller's span and baggage; the trust decides what of it is
//!    kept.
//! 2. The correlation ID of a header goes into the baggage of the parent, **before** the span is
//!    made: whoever stamps spans when they start finds it in their parent.
//! 3. The span is made while the parent is the current context, so that a bridge takes it as such.
//! 4. Inside the span the correlation ID is asked for once: of the baggage, else of the trace.
//!    Where there is neither a header nor a bridge one is made and put into the baggage, so that
//!    all the request does has the same.

use http::HeaderName;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::metrics::Counter;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, ContextGuard, KeyValue, SpanId, global};

use super::inside::span_id;
use super::{Exchange, Headers, Inside, mark, within};
use crate::correlation::{BAGGAGE_KEY, CORRELATION_HEADER, CorrelationId, REQUEST_ID_HEADER};
use crate::{context, propagation};

/// How far the headers of a request are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The caller is one of ours: its trace goes on, its baggage is taken, and `Forwarded` and
    /// `X-Forwarded-*` say who the client was. The default.
    #[default]
    Internal,
    /// The caller is anybody: the request starts a trace of its own with a link to the caller's
    /// span, the caller's baggage is dropped, and forwarding headers are ignored. A well-formed
    /// correlation header is kept.
    Edge,
}

/// The headers that may carry the correlation ID: the first well-formed one wins.
#[derive(Clone)]
pub(crate) struct CorrelationHeaders {
    names: Vec<HeaderName>,
    /// Those of all names.
    marks: u64,
}

/// Those that carry it unless others are named.
impl Default for CorrelationHeaders {
    fn default() -> Self {
        [CORRELATION_HEADER.clone(), REQUEST_ID_HEADER.clone()]
            .into_iter()
            .collect()
    }
}

impl FromIterator<HeaderName> for CorrelationHeaders {
    fn from_iter<T: IntoIterator<Item = HeaderName>>(names: T) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        let marks = names
            .iter()
            .fold(0, |marks, name| marks | mark(name.as_str()));
        Self { names, marks }
    }
}

/// What came with a request.
pub(crate) struct Inbound {
    /// The parent of the span, with the correlation ID where one came along. `None` for the current context, which it is where
    /// nothing came along.
    parent: Option<Context>,
    /// Whether the parent has to be made the current context.
    is_other: bool,
    /// OpenTelemetry's span in the parent.
    outside: SpanId,
    /// The span to link to instead of a parent.
    link: Option<Box<SpanContext>>,
}

impl Inbound {
    /// `names` are the headers that may carry the correlation ID, `rejected` counts those that are
    /// ill-formed.
    #[inline]
    pub(crate) fn read(
        headers: &Headers<'_>,
        trust: Trust,
        names: &CorrelationHeaders,
        rejected: &Counter<u64>,
    ) -> Self {
        let mut inbound = match trust {
            Trust::Internal => Self::continued(headers),
            Trust::Edge => Self::linked(headers),
        };
        let has_ill_formed;
        (inbound.outside, has_ill_formed) = inbound.look(|cx| (span_id(cx), has_ill_formed_id(cx)));
        if headers.may_have_any(names.marks)
            && let Some(id) = first_id(headers, names, rejected)
        {
            inbound.change(|parent| id.with_context(parent));
        } else if has_ill_formed {
            rejected.add(1, &[]);
            inbound.change(without_id);
        }
        inbound
    }

    fn continued(headers: &Headers<'_>) -> Self {
        // A bridge may have another context than the current one in force.
        let may_be_other = propagation::may_extract(headers) || context::has_bridge();
        Self {
            parent: may_be_other.then(|| extract(&context::current(), headers)),
            // By the specification a propagator stores nothing where there is nothing.
            is_other: headers.was_read(),
            outside: SpanId::INVALID,
            link: None,
        }
    }

    fn linked(headers: &Headers<'_>) -> Self {
        let caller = extract(&Context::new(), headers);
        let caller = caller.span().span_context().clone();
        Self {
            parent: Some(Context::new()),
            is_other: true,
            outside: SpanId::INVALID,
            link: Some(caller).filter(SpanContext::is_valid).map(Box::new),
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Context) -> T) -> T {
        match &self.parent {
            Some(parent) => look(parent),
            None => Context::map_current(look),
        }
    }

    #[inline(never)]
    fn change(&mut self, change: impl FnOnce(&Context) -> Context) {
        self.parent = Some(self.look(change));
        self.is_other = true;
    }

    /// Makes the parent the current context, for as long as the span is made and first entered.
    #[inline]
    pub(crate) fn attach(&self) -> Option<ContextGuard> {
        let other = self.parent.as_ref().filter(|_| self.is_other);
        other.map(|parent| parent.clone().attach())
    }

    /// Runs `call`, the service, inside the exchange of `slot` while the parent is attached, with
    /// `attributes` and the link on its span.
    pub(crate) fn open<T>(
        &mut self,
        slot: &mut Option<Box<Exchange>>,
        attributes: Option<Vec<KeyValue>>,
        call: impl FnOnce() -> T,
    ) -> T {
        within(slot, |inside| {
            let made = inside.and_then(|inside| self.settle_in(inside, attributes));
            let _attached = made.map(Context::attach);
            call()
        })
    }

    /// Does what is to be done inside of the span before the service is called. Answers the context to call it in, where that is
    /// another one than the current.
    fn settle_in(
        &mut self,
        inside: &mut Inside<'_>,
        attributes: Option<Vec<KeyValue>>,
    ) -> Option<Context> {
        let (is_attached, correlation) =
            inside.look_around(self.outside, CorrelationId::from_context);
        inside.annotate(attributes);
        if let Some(caller) = self.link.take() {
            inside.link(*caller);
        }
        if let Some(id) = &correlation {
            inside.set_correlation(id);
            if is_attached {
                return None;
            }
        }
        self.stand_in(inside, is_attached, correlation)
    }

    /// Has the parent be in force where no bridge makes the context of the span so, and makes an ID where there is no `correlation`.
    #[inline(never)]
    fn stand_in(
        &mut self,
        inside: &mut Inside<'_>,
        is_attached: bool,
        correlation: Option<CorrelationId>,
    ) -> Option<Context> {
        // Where it is the current context it is so inside of the span as well: there is no bridge that would change it.
        let parent = self.parent.take().unwrap_or_else(Context::current);
        if correlation.is_some() {
            inside.set_context(parent);
            return None;
        }
        let id = CorrelationId::generate();
        inside.set_correlation(&id);
        let made = id.with_context(&parent);
        if !is_attached {
            inside.set_context(made.clone());
        }
        Some(made)
    }
}

fn extract(base: &Context, headers: &Headers<'_>) -> Context {
    if !propagation::may_extract(headers) {
        return base.clone();
    }
    global::get_text_map_propagator(|propagator| propagator.extract_with_context(base, headers))
}

/// The first well-formed correlation ID in a header.
fn first_id(
    headers: &Headers<'_>,
    names: &CorrelationHeaders,
    rejected: &Counter<u64>,
) -> Option<CorrelationId> {
    let mut values = names.names.iter().filter_map(|name| headers.get(name));
    values.find_map(|value| {
        let id = CorrelationId::from_header(value);
        id.inspect_err(|_| rejected.add(1, &[])).ok()
    })
}

fn has_ill_formed_id(cx: &Context) -> bool {
    let baggage = cx.baggage();
    baggage.get(BAGGAGE_KEY).is_some() && CorrelationId::from_baggage(baggage).is_none()
}

fn without_id(cx: &Context) -> Context {
    let members = cx.baggage().iter();
    let others = members.filter(|(key, _)| key.as_str() != BAGGAGE_KEY);
    let others: Baggage = others
        .map(|(key, member)| (key.clone(), member.clone()))
        .collect();
    cx.with_baggage(others)
}
