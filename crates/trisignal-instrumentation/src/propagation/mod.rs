//! The formats that carry a trace and its baggage in headers, read and written byte by byte.
//!
//! | [`Format`] | name | headers | propagator |
//! |---|---|---|---|
//! | `TraceContext` | `tracecontext` | `traceparent`, `tracestate` | [`TraceContextPropagator`]: W3C Trace Context, level 2 |
//! | `Baggage` | `baggage` | `baggage` | [`BaggagePropagator`]: W3C Baggage |
//! | `B3` | `b3` | `b3`; reads `x-b3-…` too | [`B3Propagator::single`]: Zipkin |
//! | `B3Multi` | `b3multi` | `x-b3-…`; reads `b3` too | [`B3Propagator::multi`]: Zipkin |
//! | `XRay` | `xray` | `x-amzn-trace-id` | [`XRayPropagator`]: AWS X-Ray |
//!
//! Inbound headers are hostile until parsed: what the grammars forbid is dropped, counted by
//! `trisignal.propagation.rejected`, and never makes a log line. All limits are hard, and what is
//! stored is at most what they allow.
//!
//! There are three ways in:
//!
//! - [`set_global`] makes one propagator of formats the global one, and [`composite`] makes it for
//!   other places. `trisignal::init` does the former with the formats
//!   of `OTEL_PROPAGATORS`, and the layers of [`http`](crate::http) use **the global propagator**.
//!   Where nothing is installed the API's own no-op one is in force: then the layers propagate no
//!   trace and no baggage, and only the correlation headers are read and written. A library leaves
//!   it at that.
//! - [`extract`] and [`inject`] carry W3C Trace Context and W3C Baggage over a header map at once,
//!   whatever is installed.
//! - [`env`](mod@env) carries context in environment variables, for command lines and batch jobs.
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

mod b3;
mod baggage;
mod carrier;
pub mod env;
mod format;
mod global;
pub(crate) mod hex;
mod trace_context;
mod tracestate;
mod xray;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::{Context, KeyValue};

pub use self::b3::{B3Propagator, is_debug};
pub use self::baggage::BaggagePropagator;
pub use self::carrier::{HeaderExtractor, HeaderInjector};
pub use self::format::{Format, UnknownFormat, composite};
pub(crate) use self::global::may_extract;
pub use self::global::set_global;
pub use self::trace_context::TraceContextPropagator;
pub use self::xray::XRayPropagator;
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

/// A header that may be there once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header<'a> {
    Absent,
    One(&'a str),
    /// Nobody can tell which is right.
    Several,
}

fn header<'a>(extractor: &'a dyn Extractor, name: &str) -> Header<'a> {
    match extractor.get_all(name).as_deref() {
        None | Some([]) => Header::Absent,
        Some([value]) => Header::One(value),
        Some(_) => Header::Several,
    }
}

/// Counts something of the header `name` that was not taken or not sent.
fn count_rejected(name: &'static str) {
    PROPAGATION_REJECTED
        .get()
        .add(1, &[KeyValue::new("trisignal.propagation.header", name)]);
}
