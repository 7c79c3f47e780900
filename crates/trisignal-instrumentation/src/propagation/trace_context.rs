//! `traceparent` of W3C Trace Context, level 2.
//!
//! ```text
//! 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//! 0  3                                36               53   55 bytes
//! version, trace ID, parent ID, flags: lower-case hex digits only
//! ```
//!
//! A version above `00` may go on after these 55 bytes with a dash. Two headers are no parent at
//! all: nobody can tell which is right.
//!
//! The flags are sampled (`01`) and random (`02`); all others are zero when sent. Random is carried
//! on as received, set or not, also past an SDK that forgets the flags of the traces that it does
//! not sample. On a trace that begins here it is not set: level 2 says that it should be where the
//! last seven bytes of the ID are random, but the SDK (0.33) starts each root with no flag at all,
//! and a propagator cannot tell such a root from the continuation of a trace that came without it,
//! where setting it is forbidden.

use std::sync::LazyLock;

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};

use super::{count_rejected, hex, tracestate};

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

const LENGTH: usize = 55;
const RANDOM: TraceFlags = TraceFlags::new(0x02);

static FIELDS: LazyLock<[String; 2]> =
    LazyLock::new(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]);

/// In the context of what came with the random flag.
#[derive(Clone, Copy)]
struct RandomTrace(TraceId);

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
        let mut flags = span.trace_flags() & (TraceFlags::SAMPLED | RANDOM);
        if cx
            .get::<RandomTrace>()
            .is_some_and(|trace| trace.0 == span.trace_id())
        {
            flags = flags | RANDOM;
        }
        injector.set(TRACEPARENT, write(span.trace_id(), span.span_id(), flags));
        if let Some(state) = tracestate::write(span.trace_state()) {
            injector.set(TRACESTATE, state);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match remote_span(extractor) {
            Some(span) => {
                let random = span.trace_flags() & RANDOM == RANDOM;
                let trace_id = span.trace_id();
                let cx = cx.with_remote_span_context(span);
                if random {
                    cx.with_value(RandomTrace(trace_id))
                } else {
                    cx
                }
            }
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

fn write(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> String {
    let mut header = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex::write(&trace_id.to_bytes(), &mut header[3..35]);
    hex::write(&span_id.to_bytes(), &mut header[36..52]);
    hex::write(&[flags.to_u8()], &mut header[53..]);
    // It is always one: digits and dashes only.
    String::from_utf8(header.to_vec()).unwrap_or_default()
}

fn parse(header: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = header.split_at_checked(LENGTH)?;
    if [2, 35, 52].iter().any(|dash| known[*dash] != b'-') {
        return None;
    }
    match hex::bytes(&known[..2])? {
        [0xff] => return None,
        [0x00] if !rest.is_empty() => return None,
        _ if !rest.is_empty() && rest[0] != b'-' => return None,
        _ => {}
    }
    let trace_id = hex::trace_id(&known[3..35])?;
    let span_id = hex::span_id(&known[36..52])?;
    let [flags] = hex::bytes(&known[53..])?;
    Some((
        trace_id,
        span_id,
        TraceFlags::new(flags) & (TraceFlags::SAMPLED | RANDOM),
    ))
}

#[cfg(test)]
mod tests;
