//! Which measurements may become exemplars.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};

use crate::bridge::current::with_span;

/// Which measurements are kept as examples that lead from a metric to a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExemplarFilter {
    /// Those inside of a sampled span.
    #[default]
    TraceBased,
    /// All, also those outside of a span.
    AlwaysOn,
    /// None: measuring costs least.
    AlwaysOff,
}

impl fmt::Display for ExemplarFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceBased => "trace_based",
            Self::AlwaysOn => "always_on",
            Self::AlwaysOff => "always_off",
        })
    }
}

/// The span inside of which something is measured.
pub(super) type Place = Option<(TraceId, SpanId)>;

impl ExemplarFilter {
    /// Whether a measurement of the calling thread is offered.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::AlwaysOff => false,
            // Not what threads have kept and hand over when metrics are collected: these are sums.
            Self::AlwaysOn => !Context::is_current_telemetry_suppressed(),
            Self::TraceBased => with_span(SpanContext::is_sampled).unwrap_or(false),
        }
    }

    /// Where the calling thread is; `None` when a measurement there is not offered.
    pub(super) fn admits(self) -> Option<Place> {
        match self {
            Self::TraceBased => current(SpanContext::is_sampled).map(Some),
            Self::AlwaysOff | Self::AlwaysOn => self.is_open().then(|| current(|_| true)),
        }
    }
}

/// The current span, if it passes `test`.
fn current(test: impl Fn(&SpanContext) -> bool) -> Place {
    let place = |span: &SpanContext| test(span).then(|| (span.trace_id(), span.span_id()));
    with_span(place).flatten()
}

/// Makes a span context the current one: for tests.
#[cfg(test)]
pub(crate) fn enter(sampled: bool) -> (SpanContext, opentelemetry::ContextGuard) {
    use opentelemetry::trace::{TraceContextExt, TraceFlags, TraceState};
    let flags = if sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let span = SpanContext::new(
        TraceId::from_bytes([7; 16]),
        SpanId::from_bytes([8; 8]),
        flags,
        false,
        TraceState::default(),
    );
    let guard = Context::new()
        .with_remote_span_context(span.clone())
        .attach();
    (span, guard)
}
