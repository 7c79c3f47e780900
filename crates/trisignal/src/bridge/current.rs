//! Where the code that runs now stands in a trace.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

use super::local;

/// Shows `look` the span of the code that runs now, if it has one.
pub(crate) fn with_span<T>(look: impl FnOnce(&SpanContext) -> T) -> Option<T> {
    if let Some(open) = local::inside() {
        return Some(look(&open.start.span));
    }
    Context::map_current(|cx| {
        if !cx.has_active_span() {
            return None;
        }
        let span = cx.span();
        let context = span.span_context();
        context.is_valid().then(|| look(context))
    })
}
