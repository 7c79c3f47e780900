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
    #[inline]
    pub(crate) fn of(cx: &Context) -> Self {
        match Self::given(cx) {
            Some(id) => Self::Id(id),
            None => Self::of_trace(cx.span().span_context().trace_id()),
        }
    }

    /// The ID of what happens in `cx`, where its baggage says one.
    #[inline]
    pub(crate) fn given(cx: &Context) -> Option<CorrelationId> {
        if cx.baggage().is_empty() {
            None
        } else {
            Self::given_among(cx)
        }
    }

    #[inline(never)]
    fn given_among(cx: &Context) -> Option<CorrelationId> {
        cx.baggage().get(BAGGAGE_KEY)?;
        CorrelationId::from_context(cx)
    }

    /// The ID where nothing but the trace says one.
    #[inline]
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
                *digits = self::digits(&id.to_bytes());
                std::str::from_utf8(digits).ok()
            }
        }
    }
}

/// Appends a trace ID as the attribute `number` that shows the correlation ID.
#[inline(never)]
pub(crate) fn write_trace(out: &mut Vec<u8>, number: u32, trace_id: TraceId) {
    // It is always there: it has no destructor.
    let _ = LAST.try_with(|last| {
        // Nothing in here comes back, so nobody else has borrowed it.
        let (last, attribute) = &mut *last.borrow_mut();
        if *last != trace_id {
            *last = trace_id;
            attribute[LENGTH - DIGITS..].copy_from_slice(&digits(&trace_id.to_bytes()));
        }
        attribute[0] = short_tag(number);
        out.extend_from_slice(attribute);
    });
}

thread_local! {
    /// The last trace ID, as an attribute: spans and events of a trace follow each other.
    static LAST: RefCell<(TraceId, Attribute)> = const { RefCell::new((TraceId::INVALID, BEGIN)) };
}

/// The attribute of [`TraceId::INVALID`]: but for its number and its digits, that of all.
const BEGIN: Attribute = {
    let head = [0, (LENGTH - 2) as u8, short_tag(1), NAME.len() as u8];
    let value = [short_tag(2), 2 + DIGITS as u8, short_tag(1), DIGITS as u8];
    let mut bytes = [b'0'; LENGTH];
    let mut index = 0;
    while index < LENGTH - DIGITS {
        bytes[index] = match index.checked_sub(4) {
            None => head[index],
            Some(index) if index < NAME.len() => NAME[index],
            Some(index) => value[index - NAME.len()],
        };
        index += 1;
    }
    assert!(LENGTH < 0x80);
    bytes
};

#[inline(never)]
fn digits(trace_id: &[u8; DIGITS / 2]) -> Digits {
    let mut digits = Digits::default();
    for (pair, byte) in digits.chunks_exact_mut(2).zip(trace_id) {
        pair.copy_from_slice(&[*byte >> 4, *byte & 0x0f]);
    }
    // Not by a table: this way they are all made at once.
    for digit in &mut digits {
        *digit += if *digit < 10 { b'0' } else { b'a' - 10 };
    }
    digits
}

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
