//! The one seam between `tracing` spans and the OpenTelemetry context.
//!
//! This crate does not know which bridge turns `tracing` spans into OpenTelemetry's, nor whether
//! there is one. It relies on two habits of a bridge with context activation, and on nothing else:
//!
//! - inside an entered span, the current OpenTelemetry context is that span's context;
//! - a new contextual span takes the current OpenTelemetry context as its parent.
//!
//! So a remote parent is handed over by attaching the extracted context while the span is created,
//! and an outgoing call reads the context back with [`current`] inside its span. A bridge that
//! activates contexts in another way has to be taught here only.

use opentelemetry::Context;

/// The OpenTelemetry context of the code that runs now: the context of the entered `tracing` span
/// when a bridge is installed, else whatever was attached last, else an empty context.
///
/// ```
/// use opentelemetry::trace::TraceContextExt;
///
/// // Nothing is installed and nothing attached: there is no span to continue.
/// let cx = trisignal_instrumentation::context::current();
/// assert!(!cx.span().span_context().is_valid());
/// ```
pub fn current() -> Context {
    Context::current()
}

/// Whether telemetry is switched off for the code that runs now, as it is on an exporter's own
/// threads.
pub(crate) fn is_suppressed() -> bool {
    Context::is_current_telemetry_suppressed()
}
