//! The context of the code that runs, and how to take it where a runtime would lose it.
//!
//! # Carrying context
//!
//! Inside one task context follows the code. It is lost where other code takes the work over: a
//! spawned task, a thread of the blocking pool, a stream that somebody else polls, the other end of
//! a channel. There it is taken along in one word:
//!
//! | work goes | with |
//! |---|---|
//! | to a task | [`future.in_current_context()`](InContextExt::in_current_context) |
//! | to a stream that is polled elsewhere | [`stream.in_current_context()`](InContextExt::in_current_context) |
//! | to the blocking pool, or a thread | [`bind(closure)`](bind) |
//! | through a channel | [`Carried`] around the value |
//! | anywhere else | [`Captured`] |
//!
//! What is taken along is both the current `tracing` span, whose fields go to logs, and the current
//! OpenTelemetry context with the trace, the baggage and in it the correlation ID. The span stays
//! open as long as something holds on to it.
//!
//! ```
//! use trisignal_instrumentation::context::{self, InContextExt};
//! use trisignal_instrumentation::correlation::CorrelationId;
//! # use opentelemetry::Context;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! # let id = CorrelationId::parse("order-4711").unwrap();
//! # let _request = id.with_context(&Context::new()).attach();
//! async fn audit() -> String {
//!     CorrelationId::current().unwrap().to_string()
//! }
//!
//! let task = tokio::spawn(audit().in_current_context());
//! assert_eq!(task.await.unwrap(), "order-4711");
//!
//! let hashed = tokio::task::spawn_blocking(context::bind(|| CorrelationId::current().unwrap()));
//! assert_eq!(hashed.await.unwrap().as_str(), "order-4711");
//! # }
//! ```
//!
//! # The seam to the bridge
//!
//! This crate does not know which bridge turns `tracing` spans into OpenTelemetry's, nor whether
//! there is one. It relies on two habits of a bridge with context activation, and on nothing else:
//!
//! - inside an entered span, the current OpenTelemetry context is that span's context;
//! - a new contextual span takes the current OpenTelemetry context as its parent.
//!
//! So a remote parent is handed over by attaching the extracted context while the span is created,
//! and an outgoing call reads the context back with [`current`] inside its span. A bridge that does
//! not make the contexts of its spans current says with [`set_bridge`] which one would be.

mod captured;
mod carried;
mod in_context;

use std::sync::OnceLock;

use opentelemetry::Context;

pub use self::captured::{Captured, bind};
pub use self::carried::Carried;
pub use self::in_context::{InContext, InContextExt};

/// Answers the context of the span that is entered, if a bridge knows it and OpenTelemetry does not.
type Bridge = fn() -> Option<Context>;

static BRIDGE: OnceLock<Bridge> = OnceLock::new();

/// For bridges that don't make the contexts of their spans current: has [`current`] ask `bridge`
/// first. It answers `None` where OpenTelemetry's current context is the right one, as where one
/// was attached inside of the span. The first bridge of a process stays.
pub fn set_bridge(bridge: fn() -> Option<Context>) {
    let _ = BRIDGE.set(bridge);
}

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
    from_bridge().unwrap_or_else(Context::current)
}

/// Shows `look` the same context, without a copy where there is one already. `look` must not change
/// what is current.
pub(crate) fn with_current<T>(look: impl FnOnce(&Context) -> T) -> T {
    look_at_current(|cx, _| look(cx))
}

/// The same, and whether it is attached: OpenTelemetry's own current one.
#[inline]
pub(crate) fn look_at_current<T>(look: impl FnOnce(&Context, bool) -> T) -> T {
    match from_bridge() {
        Some(cx) => look(&cx, false),
        None => Context::map_current(|cx| look(cx, true)),
    }
}

/// Whether a bridge may know of another context than OpenTelemetry's current one.
pub(crate) fn has_bridge() -> bool {
    BRIDGE.get().is_some()
}

fn from_bridge() -> Option<Context> {
    BRIDGE.get()?()
}

/// Whether telemetry is switched off for the code that runs now, as it is on an exporter's own
/// threads.
pub(crate) fn is_suppressed() -> bool {
    Context::is_current_telemetry_suppressed()
}
