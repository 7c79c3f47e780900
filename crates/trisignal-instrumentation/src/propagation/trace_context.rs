//! `traceparent` of W3C Trace Context, level 2.
//!
//! ```text
//! 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//! 0  3                                36               53   55 bytes
//! version, trace ID, parent ID, flags: lower-case hex digits only
//! ```
//!
//! A version above `00` may go on after these 55 bytes with a dash. Two headers are no parent at
//! all: nobody can tell which is right. The flags are sampled (`01`) and random (`02`); random is
//! carried on as received, all others are zero when sent.

use std::sync::LazyLock;

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use super::{count_rejected, tracestate};

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

const LENGTH: usize = 55;
const RANDOM: TraceFlags = TraceFlags::new(0x02);

static FIELDS: LazyLock<[String; 2]> =
    LazyLock::new(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]);

/// `traceparent` and `tracestate`, as W3C Trace Context level 2 has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceContextPropagator {
    _private: (),
}

impl TraceContextPropagator {
    /// The propagator. It has no settings.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl TextMapPropagator for TraceContextPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        if !cx.has_active_span() {
            return;
        }
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let flags = span.trace_flags() & (TraceFlags::SAMPLED | RANDOM);
        injector.set(
            TRACEPARENT,
            format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags),
        );
        if let Some(state) = tracestate::write(span.trace_state()) {
            injector.set(TRACESTATE, state);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match remote_span(extractor) {
            Some(span) => cx.with_remote_span_context(span),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

fn remote_span(extractor: &dyn Extractor) -> Option<SpanContext> {
    let parents = extractor.get_all(TRACEPARENT)?;
    let parsed = match parents.as_slice() {
        [] => return None,
        [parent] => parse(parent.as_bytes()),
        _ => None,
    };
    let Some((trace_id, span_id, flags)) = parsed else {
        count_rejected(TRACEPARENT);
        return None;
    };
    // A broken state must not cost the parent.
    let state = extractor
        .get_all(TRACESTATE)
        .map_or(TraceState::NONE, |values| {
            tracestate::parse(&values).unwrap_or_else(|| {
                count_rejected(TRACESTATE);
                TraceState::NONE
            })
        });
    Some(SpanContext::new(trace_id, span_id, flags, true, state))
}

fn parse(header: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = header.split_at_checked(LENGTH)?;
    if [2, 35, 52].iter().any(|dash| known[*dash] != b'-') {
        return None;
    }
    match hex::<1>(&known[..2])? {
        [0xff] => return None,
        [0x00] if !rest.is_empty() => return None,
        _ if !rest.is_empty() && rest[0] != b'-' => return None,
        _ => {}
    }
    let trace_id = TraceId::from_bytes(hex(&known[3..35])?);
    let span_id = SpanId::from_bytes(hex(&known[36..52])?);
    let [flags] = hex(&known[53..])?;
    if trace_id == TraceId::INVALID || span_id == SpanId::INVALID {
        return None;
    }
    Some((
        trace_id,
        span_id,
        TraceFlags::new(flags) & (TraceFlags::SAMPLED | RANDOM),
    ))
}

/// The bytes of `2 * N` lower-case hex digits.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    const fn value(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
