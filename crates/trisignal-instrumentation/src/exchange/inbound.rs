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
use opentelemetry::{Context, ContextGuard, KeyValue, global};

use super::{Exchange, Headers, within};
use crate::context;
use crate::correlation::{BAGGAGE_KEY, CORRELATION_HEADER, CorrelationId, REQUEST_ID_HEADER};

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

/// The headers that carry the correlation ID unless others are named.
pub(crate) fn default_headers() -> Vec<HeaderName> {
    vec![CORRELATION_HEADER.clone(), REQUEST_ID_HEADER.clone()]
}

/// What came with a request.
pub(crate) struct Inbound {
    /// The parent of the span, with the correlation ID where one came along.
    parent: Context,
    /// Nothing came along: the parent is what is current anyway.
    is_current: bool,
    /// The span to link to instead of a parent.
    link: Option<SpanContext>,
}

impl Inbound {
    /// `names` are the headers that may carry the correlation ID, `rejected` counts those that are
    /// ill-formed.
    pub(crate) fn read(
        headers: &Headers<'_>,
        trust: Trust,
        names: &[HeaderName],
        rejected: &Counter<u64>,
    ) -> Self {
        let mut inbound = Self::extract(headers, trust);
        if let Some(correlated) = correlate(&inbound.parent, headers, names, rejected) {
            inbound.parent = correlated;
            inbound.is_current = false;
        }
        inbound
    }

    fn extract(headers: &Headers<'_>, trust: Trust) -> Self {
        let extract = |base: &Context| {
            global::get_text_map_propagator(|propagator| {
                propagator.extract_with_context(base, headers)
            })
        };
        match trust {
            Trust::Internal => Self {
                parent: extract(&context::current()),
                // By the specification a propagator stores nothing where there is nothing.
                is_current: !headers.was_read(),
                link: None,
            },
            Trust::Edge => {
                let caller = extract(&Context::new()).span().span_context().clone();
                Self {
                    parent: Context::new(),
                    is_current: false,
                    link: Some(caller).filter(SpanContext::is_valid),
                }
            }
        }
    }

    /// Makes the parent the current context, for as long as the span is made and first entered.
    pub(crate) fn attach(&self) -> Option<ContextGuard> {
        (!self.is_current).then(|| self.parent.clone().attach())
    }

    /// Runs `call`, the service, inside the exchange of `slot` while the parent is attached, with
    /// `attributes` and the link on its span.
    pub(crate) fn open<T>(
        self,
        slot: &mut Option<Box<Exchange>>,
        attributes: Option<Vec<KeyValue>>,
        call: impl FnOnce() -> T,
    ) -> T {
        let Self { parent, link, .. } = self;
        within(slot, |inside| {
            let mut made = None;
            if let Some(mut inside) = inside {
                let (is_attached, correlation) =
                    inside.look_around(parent.span().span_context(), CorrelationId::from_context);
                inside.annotate(attributes);
                if let Some(caller) = link {
                    inside.link(caller);
                }
                let correlation = correlation.unwrap_or_else(|| {
                    let id = CorrelationId::generate();
                    made = Some(id.with_context(&parent));
                    id
                });
                inside.set_correlation(&correlation);
                if !is_attached {
                    inside.set_context(made.clone().unwrap_or(parent));
                }
            }
            let _attached = made.map(Context::attach);
            call()
        })
    }
}

/// `parent` with the correlation ID of a header, or without one in its baggage that is ill-formed;
/// `None` where it stays as it is.
fn correlate(
    parent: &Context,
    headers: &Headers<'_>,
    names: &[HeaderName],
    rejected: &Counter<u64>,
) -> Option<Context> {
    for value in names.iter().filter_map(|name| headers.get(name)) {
        match CorrelationId::from_header(value) {
            Ok(id) => return Some(id.with_context(parent)),
            Err(_) => rejected.add(1, &[]),
        }
    }
    let baggage = parent.baggage();
    if baggage.get(BAGGAGE_KEY).is_none() || CorrelationId::from_baggage(baggage).is_some() {
        return None;
    }
    rejected.add(1, &[]);
    let others = baggage
        .iter()
        .filter(|(key, _)| key.as_str() != BAGGAGE_KEY);
    let others: Baggage = others
        .map(|(key, member)| (key.clone(), member.clone()))
        .collect();
    Some(parent.with_baggage(others))
}
