//! The OpenTelemetry context that an event belongs to: trace, span and correlation.

use opentelemetry::{
    Context, ContextGuard, SpanId, TraceFlags, TraceId,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt},
};

use super::fields::{Fields, Value};
use crate::bridge::correlated::Correlated;
use crate::redact::Redactor;

/// Where an event stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceIds {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
}

impl TraceIds {
    /// Outside of any trace.
    pub(crate) const NONE: Self = Self {
        trace_id: TraceId::INVALID,
        span_id: SpanId::INVALID,
        flags: TraceFlags::NOT_SAMPLED,
    };

    #[inline]
    fn of(span: &SpanContext) -> TraceIds {
        if !span.is_valid() {
            return Self::NONE;
        }
        TraceIds {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: span.trace_flags(),
        }
    }

    /// The same, where there is a trace.
    pub(crate) fn known(self) -> Option<TraceIds> {
        (self != Self::NONE).then_some(self)
    }
}

/// What an event says of where it is.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) trace: TraceIds,
    pub(crate) correlation: Correlated,
}

impl Position {
    pub(crate) const UNKNOWN: Self = Self {
        trace: TraceIds::NONE,
        correlation: Correlated::None,
    };

    #[inline(never)]
    pub(crate) fn read(&mut self, cx: &Context) {
        self.trace = TraceIds::of(cx.span().span_context());
        self.correlation = Correlated::of(cx);
    }
}

/// The context of one event, or that in which a span begins.
pub(crate) enum Home {
    /// The context of this thread, as nearly always.
    Current,
    /// Another one, because the event names its parent or says that it has none.
    Named(Context),
}

impl Home {
    /// Shows it to `look`, which is no code of users: that may make another context the current one.
    #[inline]
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Context) -> T) -> T {
        match self {
            Home::Current => Context::map_current(look),
            Home::Named(cx) => look(cx),
        }
    }

    pub(crate) fn context(&self) -> Context {
        self.with(Context::clone)
    }

    /// Adds the baggage members called `keys` to `fields`, as far as there are no fields of these names.
    #[cold]
    pub(crate) fn show_baggage(
        &self,
        keys: &[&'static str],
        fields: &mut Fields,
        redactor: &Redactor,
    ) {
        if keys.is_empty() {
            return;
        }
        let mut show = |cx: &Context| {
            for key in keys {
                if let Some(value) = cx.baggage().get(key)
                    && fields.get(key).is_none()
                {
                    fields.set(key, Value::Text(&redactor.value(key, value.as_str())));
                }
            }
        };
        match self {
            // A copy, because rules of users run below, and may make another context the current one.
            Home::Current => show(&Context::current()),
            Home::Named(cx) => show(cx),
        }
    }

    /// Makes it the current context, which log processors look at, where it is not already.
    pub(crate) fn attach(&self) -> Option<ContextGuard> {
        match self {
            Home::Current => None,
            Home::Named(cx) => Some(cx.clone().attach()),
        }
    }
}
