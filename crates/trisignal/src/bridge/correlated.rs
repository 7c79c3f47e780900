//! The correlation ID of a span or an event: that of the baggage, else the trace ID, which is not made text before it is written.

use std::cell::RefCell;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{TraceContextExt as _, TraceId};
use trisignal_instrumentation::correlation::{BAGGAGE_KEY, CorrelationId};

use crate::otlp::wire::short_tag;

/// Which ID it is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Correlated {
    #[default]
    None,
    Trace(TraceId),
    Id(CorrelationId),
}

/// How many digits a trace ID has.
const DIGITS: usize = 32;
const NAME: &[u8] = BAGGAGE_KEY.as_bytes();
/// An attribute with a trace ID: tag and length of it, of its key, of its value and of the text in that.
const LENGTH: usize = 4 * 2 + NAME.len() + DIGITS;

type Attribute = [u8; LENGTH];

/// Room for a trace ID as text.
pub(crate) type Digits = [u8; DIGITS];

impl Correlated {
    /// The ID of what happens in `cx`.
    pub(crate) fn of(cx: &Context) -> Self {
        let given = cx.baggage().get(BAGGAGE_KEY).is_some();
        match given.then(|| CorrelationId::from_context(cx)).flatten() {
            Some(id) => Self::Id(id),
            None => Self::of_trace(cx.span().span_context().trace_id()),
        }
    }

    /// The ID where nothing but the trace says one.
    pub(crate) fn of_trace(trace_id: TraceId) -> Self {
        if trace_id == TraceId::INVALID {
            Self::None
        } else {
            Self::Trace(trace_id)
        }
    }

    /// The ID as text, if there is one.
    pub(crate) fn text<'a>(&'a self, digits: &'a mut Digits) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::Id(id) => Some(id.as_str()),
            Self::Trace(id) => {
                *digits = hex(*id);
                std::str::from_utf8(digits).ok()
            }
        }
    }
}

/// Appends a trace ID as the attribute `number` that shows the correlation ID.
#[inline]
pub(crate) fn write_trace(out: &mut Vec<u8>, number: u32, trace_id: TraceId) {
    let start = out.len();
    with_attribute(trace_id, |attribute| out.extend_from_slice(attribute));
    out[start] = short_tag(number);
}

fn hex(trace_id: TraceId) -> Digits {
    let mut digits = Digits::default();
    with_attribute(trace_id, |attribute| {
        digits.copy_from_slice(&attribute[LENGTH - DIGITS..]);
    });
    digits
}

thread_local! {
    /// The last trace ID, as an attribute: spans and events of a trace follow each other.
    static LAST: RefCell<(TraceId, Attribute)> = const { RefCell::new((TraceId::INVALID, [0; LENGTH])) };
}

/// Shows `look` a trace ID as an attribute, whose number is still to be filled in.
#[inline]
fn with_attribute(trace_id: TraceId, mut look: impl FnMut(&Attribute)) {
    let shown = LAST.try_with(|last| {
        let last = last.try_borrow().ok()?;
        (last.0 == trace_id).then(|| look(&last.1))
    });
    if shown.ok().flatten().is_none() {
        look(&new_attribute(trace_id));
    }
}

#[inline(never)]
fn new_attribute(trace_id: TraceId) -> Attribute {
    let attribute = attribute(trace_id);
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = (trace_id, attribute);
        }
    });
    attribute
}

fn attribute(trace_id: TraceId) -> Attribute {
    const { assert!(LENGTH < 0x80) };
    let (key, value) = (NAME.len(), 2 + DIGITS);
    let mut bytes = [0; LENGTH];
    bytes[1..4].copy_from_slice(&[(LENGTH - 2) as u8, short_tag(1), key as u8]);
    bytes[4..4 + key].copy_from_slice(NAME);
    bytes[4 + key..8 + key].copy_from_slice(&[
        short_tag(2),
        value as u8,
        short_tag(1),
        DIGITS as u8,
    ]);
    let digits = bytes[8 + key..].chunks_exact_mut(2);
    for (byte, pair) in trace_id.to_bytes().iter().zip(digits) {
        pair.copy_from_slice(&HEX[usize::from(*byte)]);
    }
    bytes
}

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0x0f]];
        byte += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;
    use crate::otlp::value::{self, Value};
    use crate::otlp::{log, span};

    fn in_trace(id: TraceId) -> Context {
        let (span, flags) = (SpanId::from(1), TraceFlags::SAMPLED);
        let span = SpanContext::new(id, span, flags, false, TraceState::NONE);
        Context::new().with_remote_span_context(span)
    }

    #[test]
    fn it_is_what_the_library_says_of_the_context() {
        let traced = in_trace(TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c));
        let id: CorrelationId = "order-4711".parse().unwrap();
        let contexts = [
            Context::new(),
            traced.clone(),
            id.with_context(&Context::new()),
            id.with_context(&traced),
        ];
        for cx in contexts {
            let said = CorrelationId::from_context(&cx);
            let mut digits = [0; DIGITS];
            let found = Correlated::of(&cx);
            let text = found.text(&mut digits);
            assert_eq!(text, said.as_ref().map(CorrelationId::as_str));
        }
    }

    #[test]
    fn a_trace_is_the_attribute_of_its_text() {
        let id = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        let other = TraceId::from(7);
        for (number, id) in [
            (span::ATTRIBUTES, id),
            (log::ATTRIBUTES, id),
            (log::ATTRIBUTES, other),
            (span::ATTRIBUTES, other),
        ] {
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            write_trace(&mut out, number, id);
            value::attribute(
                &mut expected,
                number,
                BAGGAGE_KEY,
                Value::Text(&id.to_string()),
            );
            assert_eq!(out, expected);
        }
    }
}
