//! W3C Trace Context (level 2) and W3C Baggage, read and written byte by byte.
//!
//! Inbound headers are hostile until parsed: what the grammars forbid is dropped, counted by
//! `trisignal.propagation.rejected`, and never makes a log line. All limits are hard, and what is
//! stored is at most what they allow.
//!
//! There are two ways in:
//!
//! - [`TraceContextPropagator`] and [`BaggagePropagator`] implement `TextMapPropagator`.
//!   `trisignal::init` installs them globally, and the layers of [`http`](crate::http) use **the
//!   global propagator**. Where nothing is installed the API's own no-op one is in force: then the
//!   layers propagate no trace and no baggage, and only the correlation headers are read and
//!   written. A library leaves it at that; a program without `trisignal` installs propagators with
//!   `opentelemetry::global::set_text_map_propagator`.
//! - [`extract`] and [`inject`] work on a header map at once, whatever is installed.
//!
//! ```
//! use http::HeaderMap;
//! use opentelemetry::{Context, trace::TraceContextExt};
//! use trisignal_instrumentation::propagation;
//!
//! let mut inbound = HeaderMap::new();
//! inbound.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse().unwrap());
//! let cx = propagation::extract(&Context::new(), &inbound);
//! assert!(cx.span().span_context().is_remote());
//!
//! let mut outgoing = HeaderMap::new();
//! propagation::inject(&cx, &mut outgoing);
//! assert_eq!(outgoing, inbound);
//! ```

mod baggage;
mod carrier;
mod trace_context;
mod tracestate;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, KeyValue};

pub use self::baggage::BaggagePropagator;
pub use self::carrier::{HeaderExtractor, HeaderInjector};
pub use self::trace_context::TraceContextPropagator;
use crate::instruments::PROPAGATION_REJECTED;

/// `cx` with the remote span and the baggage of `headers`. What is absent or ill-formed leaves `cx`
/// as it is.
pub fn extract(cx: &Context, headers: &HeaderMap) -> Context {
    let carrier = HeaderExtractor(headers);
    let cx = TraceContextPropagator::new().extract_with_context(cx, &carrier);
    BaggagePropagator::new().extract_with_context(&cx, &carrier)
}

/// Writes the span and the baggage of `cx` into `headers`, in place of what is there. A context
/// without a span or without baggage leaves the respective headers as they are.
pub fn inject(cx: &Context, headers: &mut HeaderMap) {
    let mut carrier = HeaderInjector(headers);
    TraceContextPropagator::new().inject_context(cx, &mut carrier);
    BaggagePropagator::new().inject_context(cx, &mut carrier);
}

/// Counts something of the header `name` that was not taken or not sent.
fn count_rejected(name: &'static str) {
    PROPAGATION_REJECTED
        .get()
        .add(1, &[KeyValue::new("trisignal.propagation.header", name)]);
}
