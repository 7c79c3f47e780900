//! The OpenTelemetry context that an event belongs to: trace, span and correlation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::{
    Context, ContextGuard, SpanId, TraceFlags, TraceId,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt},
};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::{self, WeakDispatch},
};
use tracing_subscriber::{layer, registry::LookupSpan};
use trisignal_instrumentation::correlation::CorrelationId;

use super::fields::{Fields, Value};

/// Where an event stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceIds {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
}

impl TraceIds {
    fn of(span: &SpanContext) -> Option<TraceIds> {
        span.is_valid().then(|| TraceIds {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: span.trace_flags(),
        })
    }
}

/// The context of one event.
pub(crate) enum Home {
    /// The context of this thread, as for nearly all events.
    Current,
    /// Another one, because the event names its parent or says that it has none.
    Named(Context),
}

impl Home {
    /// Finds the context of `event`. No extensions of a span may be held: the bridge may have to start the span.
    pub(crate) fn of<S>(
        event: &Event<'_>,
        cx: &layer::Context<'_, S>,
        dispatch: Option<&WeakDispatch>,
    ) -> Home
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if event.is_contextual() {
            return Home::Current;
        }
        let Some(parent) = event.parent().and_then(|id| cx.span(id)) else {
            return Home::Named(Context::new());
        };
        // A span that is not exported has no context; then its nearest exported ancestor is the parent.
        let find = |dispatch: &Dispatch| {
            parent
                .scope()
                .find_map(|span| tracing_opentelemetry::get_otel_context(&span.id(), dispatch))
        };
        // The bridge panics where it does not know a span, or where a callback once panicked under its lock.
        let found = catch_unwind(AssertUnwindSafe(|| {
            match dispatch.and_then(WeakDispatch::upgrade) {
                Some(dispatch) => find(&dispatch),
                // An `Option` or a `Vec` of layers does not pass on what it is registered with.
                None => dispatcher::get_default(find),
            }
        }));
        let context = found.ok().flatten();
        Home::Named(context.unwrap_or_default())
    }

    /// The position in the trace, and the correlation ID.
    pub(crate) fn read(&self) -> (Option<TraceIds>, Option<CorrelationId>) {
        let read = |cx: &Context| {
            (
                TraceIds::of(cx.span().span_context()),
                CorrelationId::from_context(cx),
            )
        };
        match self {
            Home::Current => Context::map_current(read),
            Home::Named(cx) => read(cx),
        }
    }

    /// Adds the baggage members called `keys` to `fields`, as far as there are no fields of these names.
    pub(crate) fn show_baggage(&self, keys: &[&'static str], fields: &mut Fields) {
        if keys.is_empty() {
            return;
        }
        let mut show = |cx: &Context| {
            for key in keys {
                if let Some(value) = cx.baggage().get(key)
                    && fields.get(key).is_none()
                {
                    fields.set(key, Value::Text(value.as_str()));
                }
            }
        };
        match self {
            Home::Current => Context::map_current(show),
            Home::Named(cx) => show(cx),
        }
    }

    /// Makes it the current context, which log processors look at, where it is not already.
    pub(crate) fn attach(self) -> Option<ContextGuard> {
        match self {
            Home::Current => None,
            Home::Named(cx) => Some(cx.attach()),
        }
    }
}
