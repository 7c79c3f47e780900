//! Where the code that runs now stands in a trace.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

/// The span of the code that runs now, if it has one.
#[allow(
    dead_code,
    reason = "for the exemplars of metrics, which are about to come"
)]
pub(crate) fn span() -> Option<SpanContext> {
    Context::map_current(|cx| {
        let span = cx.span();
        let context = span.span_context();
        context.is_valid().then(|| context.clone())
    })
}
