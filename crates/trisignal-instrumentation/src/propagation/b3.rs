//! B3, the format of Zipkin, in one header or in several.
//!
//! ```text
//! b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
//!     trace ID, 32 or 16 digits        span ID          |  parent of that span, not used
//!                                                       sampling: 1, 0, d (debug); absent is open
//! b3: 0                                sampling only
//!
//! x-b3-traceid, x-b3-spanid            the same digits
//! x-b3-sampled: 1                      or 0; early senders say true and false
//! x-b3-flags: 1                        debug, which includes sampled
//! ```
//!
//! The one header is read first; where it is absent or ill-formed, the others are. A span ID that
//! came in is the parent of what happens here and never its ID, and the ID of a parent is never
//! sent.
//!
//! A span context has no place for three things, so they are kept beside it in the context: debug
//! is sent on within the trace, whatever is sampled here; a decision that the caller left open
//! counts as not sampled, and stays open where nothing of ours stands between; a decision without
//! IDs is sent on until a trace begins.

use std::sync::LazyLock;

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use super::{Header, count_rejected, header, hex};

const SINGLE: &str = "b3";
pub(super) const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";
pub(super) const HEADERS: [&str; 5] = [SINGLE, TRACE_ID, SPAN_ID, SAMPLED, FLAGS];
/// What one injection may leave behind of an older one, next to the IDs.
pub(super) const OPTIONAL: [&str; 3] = [SAMPLED, FLAGS, "x-b3-parentspanid"];

/// How the several headers are called where they are counted.
const MULTI: &str = "x-b3-*";

static FIELDS: LazyLock<[String; 5]> = LazyLock::new(|| HEADERS.map(str::to_owned));

/// The headers of B3. Both forms are read; one, the other or both are written.
#[derive(Debug, Clone, Copy)]
pub struct B3Propagator {
    single: bool,
    multi: bool,
}

impl B3Propagator {
    /// Writes the header `b3`.
    pub const fn single() -> Self {
        Self {
            single: true,
            multi: false,
        }
    }

    /// Writes the headers `x-b3-…`.
    pub const fn multi() -> Self {
        Self {
            single: false,
            multi: true,
        }
    }

    /// Writes all of them, for receivers of which some know the one form and some the other.
    pub const fn both() -> Self {
        Self {
            single: true,
            multi: true,
        }
    }
}

/// [`single`](Self::single), as OpenTelemetry has it.
impl Default for B3Propagator {
    fn default() -> Self {
        Self::single()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sampling {
    Open,
    Deny,
    Accept,
    Debug,
}

/// What a caller said; also in the context, for what a span context cannot hold.
#[derive(Clone, Copy)]
struct Received {
    /// `None` when the caller has no trace and only says how one is to be sampled.
    ids: Option<(TraceId, SpanId)>,
    sampling: Sampling,
}

impl TextMapPropagator for B3Propagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let received = cx.get::<Received>();
        let span = cx.span();
        let span = span.span_context();
        if span.is_valid() {
            let ids = (span.trace_id(), span.span_id());
            self.write(Some(ids), sampling(received, span), injector);
        } else if let Some(Received {
            ids: None,
            sampling,
        }) = received
        {
            self.write(None, *sampling, injector);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(received) = read(extractor) else {
            return cx.clone();
        };
        let cx = cx.with_value(received);
        let Some((trace_id, span_id)) = received.ids else {
            return cx;
        };
        let flags = match received.sampling {
            Sampling::Accept | Sampling::Debug => TraceFlags::SAMPLED,
            Sampling::Open | Sampling::Deny => TraceFlags::NOT_SAMPLED,
        };
        cx.with_remote_span_context(SpanContext::new(
            trace_id,
            span_id,
            flags,
            true,
            TraceState::NONE,
        ))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(match (self.single, self.multi) {
            (true, false) => &FIELDS[..1],
            (false, _) => &FIELDS[1..],
            (true, true) => &FIELDS[..],
        })
    }
}

impl B3Propagator {
    fn write(
        self,
        ids: Option<(TraceId, SpanId)>,
        sampling: Sampling,
        injector: &mut dyn Injector,
    ) {
        if self.single {
            let state = match sampling {
                Sampling::Open => "",
                Sampling::Deny => "0",
                Sampling::Accept => "1",
                Sampling::Debug => "d",
            };
            injector.set(
                SINGLE,
                match ids {
                    Some((trace, span)) if state.is_empty() => format!("{trace}-{span}"),
                    Some((trace, span)) => format!("{trace}-{span}-{state}"),
                    None => state.to_owned(),
                },
            );
        }
        if self.multi {
            if let Some((trace, span)) = ids {
                injector.set(TRACE_ID, trace.to_string());
                injector.set(SPAN_ID, span.to_string());
            }
            match sampling {
                Sampling::Open => {}
                Sampling::Deny => injector.set(SAMPLED, "0".to_owned()),
                Sampling::Accept => injector.set(SAMPLED, "1".to_owned()),
                // It says that it is sampled, too.
                Sampling::Debug => injector.set(FLAGS, "1".to_owned()),
            }
        }
    }
}

/// The decision to send with `span`.
fn sampling(received: Option<&Received>, span: &SpanContext) -> Sampling {
    let own = if span.is_sampled() {
        Sampling::Accept
    } else {
        Sampling::Deny
    };
    let Some(received) = received else {
        return own;
    };
    match (received.sampling, received.ids) {
        (Sampling::Debug, None) => Sampling::Debug,
        (Sampling::Debug, Some((trace, _))) if trace == span.trace_id() => Sampling::Debug,
        (Sampling::Open, Some(ids)) if ids == (span.trace_id(), span.span_id()) => Sampling::Open,
        _ => own,
    }
}

/// Whether the caller asked for the trace of `cx` to be debugged: recorded, whatever is sampled. Only
/// B3 can say so, as `b3: …-d` or `x-b3-flags: 1`; for samplers that honour it.
pub fn is_debug(cx: &Context) -> bool {
    cx.get::<Received>().is_some_and(|received| {
        let of_this_trace =
            |(trace, _): (TraceId, SpanId)| trace == cx.span().span_context().trace_id();
        received.sampling == Sampling::Debug && received.ids.is_none_or(of_this_trace)
    })
}

fn read(extractor: &dyn Extractor) -> Option<Received> {
    match header(extractor, SINGLE) {
        Header::Absent => {}
        Header::One(text) => match parse_single(text) {
            Some(received) => return Some(received),
            None => count_rejected(SINGLE),
        },
        Header::Several => count_rejected(SINGLE),
    }
    let headers = [TRACE_ID, SPAN_ID, SAMPLED, FLAGS].map(|name| header(extractor, name));
    if headers.iter().all(|header| *header == Header::Absent) {
        return None;
    }
    let received = parse_multi(headers);
    if received.is_none() {
        count_rejected(MULTI);
    }
    received
}

fn parse_single(text: &str) -> Option<Received> {
    if let Some(sampling) = parse_state(text) {
        return Some(Received {
            ids: None,
            sampling,
        });
    }
    let mut parts = text.split('-');
    let ids = (
        parse_trace_id(parts.next()?)?,
        hex::span_id(parts.next()?.as_bytes())?,
    );
    // Sampling may be left open while a parent follows.
    let mut part = parts.next();
    let sampling = match part.filter(|part| part.len() == 1) {
        Some(state) => {
            part = parts.next();
            parse_state(state)?
        }
        None => Sampling::Open,
    };
    if let Some(parent) = part {
        hex::bytes::<8>(parent.as_bytes())?;
    }
    parts.next().is_none().then_some(Received {
        ids: Some(ids),
        sampling,
    })
}

fn parse_state(text: &str) -> Option<Sampling> {
    match text {
        "0" => Some(Sampling::Deny),
        "1" => Some(Sampling::Accept),
        "d" => Some(Sampling::Debug),
        _ => None,
    }
}

fn parse_multi([trace, span, sampled, flags]: [Header<'_>; 4]) -> Option<Received> {
    let ids = match (trace, span) {
        (Header::One(trace), Header::One(span)) => {
            Some((parse_trace_id(trace)?, hex::span_id(span.as_bytes())?))
        }
        (Header::Absent, Header::Absent) => None,
        _ => return None,
    };
    let sampled = match sampled {
        Header::Absent => Sampling::Open,
        Header::One("0" | "false") => Sampling::Deny,
        Header::One("1" | "true") => Sampling::Accept,
        _ => return None,
    };
    let sampling = match flags {
        Header::Absent | Header::One("0") => sampled,
        Header::One("1") => Sampling::Debug,
        _ => return None,
    };
    // A decision that is neither made nor about anything.
    if ids.is_none() && sampling == Sampling::Open {
        return None;
    }
    Some(Received { ids, sampling })
}

/// 16 digits are the lower half of an ID, the upper is zero.
fn parse_trace_id(text: &str) -> Option<TraceId> {
    let digits = text.as_bytes();
    if digits.len() == 16 {
        let half = u64::from_be_bytes(hex::bytes(digits)?);
        return (half != 0).then(|| TraceId::from(u128::from(half)));
    }
    hex::trace_id(digits)
}

#[cfg(test)]
mod tests;
