//! The parts of an OTLP `Span`. A span is a [`Message`] in its scope, begun by its [`Head`] and ended by whoever writes the
//! other parts.

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceId};

use super::wire::{self, Message};

/// Fields of `Span`.
pub(crate) const ATTRIBUTES: u32 = 9;
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const DROPPED_ATTRIBUTES: u32 = 10;
const EVENTS: u32 = 11;
const DROPPED_EVENTS: u32 = 12;
const LINKS: u32 = 13;
const DROPPED_LINKS: u32 = 14;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;

/// Fields of `Span.Event`.
pub(crate) const EVENT_ATTRIBUTES: u32 = 3;
const EVENT_TIME: u32 = 1;
const EVENT_NAME: u32 = 2;
const EVENT_DROPPED: u32 = 4;

/// Fields of `Span.Link`.
pub(crate) const LINK_ATTRIBUTES: u32 = 4;
const LINK_TRACE_ID: u32 = 1;
const LINK_SPAN_ID: u32 = 2;
const LINK_TRACE_STATE: u32 = 3;
const LINK_DROPPED: u32 = 5;
const LINK_FLAGS: u32 = 6;

/// Fields of `Status`.
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

/// Bits of the flags beyond those of the W3C: whether it is known if the parent, or what is linked to, is remote.
const HAS_IS_REMOTE: u32 = 1 << 8;
const IS_REMOTE: u32 = 1 << 9;

/// What of a span is not a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: SpanId,
    /// As in its header; empty when there is none.
    pub(crate) trace_state: &'a str,
    /// See [`flags`].
    pub(crate) flags: u32,
    pub(crate) name: &'a str,
    /// See [`kind_number`].
    pub(crate) kind: u8,
    /// Nanoseconds since the epoch.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What the limits left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) attributes: u32,
    pub(crate) events: u32,
    pub(crate) links: u32,
}

impl Dropped {
    /// Appends what is known behind the head.
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self != Self::default() {
            self.write_some(out);
        }
    }

    #[cold]
    fn write_some(self, out: &mut Vec<u8>) {
        wire::uint(out, DROPPED_ATTRIBUTES, u64::from(self.attributes));
        wire::uint(out, DROPPED_EVENTS, u64::from(self.events));
        wire::uint(out, DROPPED_LINKS, u64::from(self.links));
    }
}

/// What is in each span and always as long, with the header of the message.
const FIXED: usize = 3 + 18 + 10 + 6 + 2 + 9 + 9;

impl Head<'_> {
    /// Begins a span, as `field` of its scope, with these fields.
    #[inline(always)]
    pub(crate) fn begin(&self, out: &mut Vec<u8>, field: u32) -> Message {
        let message = Message::begun_large(out.len() + 3);
        out.extend_from_slice(&self.fixed(field));
        wire::rare_bytes(out, TRACE_STATE, self.trace_state.as_bytes());
        if self.parent_span_id != SpanId::INVALID {
            let parent = self.parent_span_id.to_bytes();
            out.extend_from_slice(&wire::short_bytes::<8, 10>(PARENT_SPAN_ID, parent));
        }
        wire::bytes(out, NAME, self.name.as_bytes());
        message
    }

    #[inline]
    fn fixed(&self, field: u32) -> [u8; FIXED] {
        let mut fixed = [0; FIXED];
        let trace_id = wire::short_bytes::<16, 18>(TRACE_ID, self.trace_id.to_bytes());
        let span_id = wire::short_bytes::<8, 10>(SPAN_ID, self.span_id.to_bytes());
        fixed[..3].copy_from_slice(&wire::large_header(field));
        fixed[3..21].copy_from_slice(&trace_id);
        fixed[21..31].copy_from_slice(&span_id);
        fixed[31..37].copy_from_slice(&wire::long_fixed32(FLAGS, self.flags));
        // The numbers of kinds take one byte.
        fixed[37..39].copy_from_slice(&[wire::varint_tag(KIND), self.kind & 0x7f]);
        fixed[39..48].copy_from_slice(&wire::short_fixed64(START, self.start));
        fixed[48..].copy_from_slice(&wire::short_fixed64(END, self.end));
        fixed
    }
}

/// The `flags` of a span with this parent, or of a link to this span: those of the W3C, and whether it is remote.
pub(crate) fn flags(trace_flags: u8, remote: bool) -> u32 {
    u32::from(trace_flags) | HAS_IS_REMOTE | if remote { IS_REMOTE } else { 0 }
}

/// The number of a kind in OTLP.
pub(crate) fn kind_number(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// What a span says about how it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatusCode {
    #[default]
    Unset = 0,
    Ok = 1,
    Error = 2,
}

/// Appends how many attributes were left out, where that is known only behind the head.
pub(crate) fn dropped_attributes(out: &mut Vec<u8>, dropped: u32) {
    wire::uint(out, DROPPED_ATTRIBUTES, u64::from(dropped));
}

/// Appends the status; nothing where it is not set.
#[inline]
pub(crate) fn status(out: &mut Vec<u8>, code: StatusCode, description: &str) {
    if code != StatusCode::Unset {
        set_status(out, code, description);
    }
}

#[cold]
fn set_status(out: &mut Vec<u8>, code: StatusCode, description: &str) {
    let message = Message::begin(out, STATUS);
    wire::bytes(out, STATUS_MESSAGE, description.as_bytes());
    wire::uint(out, STATUS_CODE, code as u64);
    message.end(out);
}

/// Appends an event; `attributes` writes [`EVENT_ATTRIBUTES`] and answers how many it dropped.
pub(crate) fn event(
    out: &mut Vec<u8>,
    time: u64,
    name: &str,
    attributes: impl FnOnce(&mut Vec<u8>) -> u32,
) {
    let message = Message::begin_large(out, EVENTS);
    wire::fixed64(out, EVENT_TIME, time);
    wire::bytes(out, EVENT_NAME, name.as_bytes());
    let dropped = attributes(out);
    wire::uint(out, EVENT_DROPPED, u64::from(dropped));
    message.end(out);
}

/// Appends a link; `attributes` writes [`LINK_ATTRIBUTES`] and answers how many it dropped.
pub(crate) fn link(
    out: &mut Vec<u8>,
    to: &SpanContext,
    attributes: impl FnOnce(&mut Vec<u8>) -> u32,
) {
    let message = Message::begin(out, LINKS);
    wire::bytes(out, LINK_TRACE_ID, &to.trace_id().to_bytes());
    wire::bytes(out, LINK_SPAN_ID, &to.span_id().to_bytes());
    if *to.trace_state() != opentelemetry::trace::TraceState::NONE {
        wire::bytes(out, LINK_TRACE_STATE, to.trace_state().header().as_bytes());
    }
    let dropped = attributes(out);
    wire::uint(out, LINK_DROPPED, u64::from(dropped));
    wire::fixed32(
        out,
        LINK_FLAGS,
        flags(to.trace_flags().to_u8(), to.is_remote()),
    );
    message.end(out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry::trace::{TraceFlags, TraceState};
    use opentelemetry_proto::tonic::trace::v1 as proto;
    use prost::Message as _;

    use super::super::request::ITEMS;
    use super::super::value::{self, Value};
    use super::*;

    const HEAD: Head<'_> = Head {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_bytes([2; 8]),
        parent_span_id: SpanId::from_bytes([3; 8]),
        trace_state: "a=b",
        flags: 0x301,
        name: "work",
        kind: 2,
        start: 17,
        end: u64::MAX,
    };
    const DROPPED: Dropped = Dropped {
        attributes: 1,
        events: 2,
        links: 3,
    };

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> proto::Span {
        let mut out = Vec::new();
        write(&mut out);
        proto::Span::decode(&out[..]).unwrap()
    }

    fn written_head(head: &Head<'_>) -> proto::Span {
        let mut out = Vec::new();
        let message = head.begin(&mut out, ITEMS);
        DROPPED.write(&mut out);
        message.end(&mut out);
        proto::ScopeSpans::decode(&out[..]).unwrap().spans.remove(0)
    }

    #[test]
    fn a_head_is_decoded() {
        let expected = proto::Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "a=b".into(),
            parent_span_id: vec![3; 8],
            flags: 0x301,
            name: "work".into(),
            kind: 2,
            start_time_unix_nano: 17,
            end_time_unix_nano: u64::MAX,
            dropped_attributes_count: 1,
            dropped_events_count: 2,
            dropped_links_count: 3,
            ..proto::Span::default()
        };
        assert_eq!(written_head(&HEAD), expected);
    }

    #[test]
    fn a_root_has_no_parent() {
        let head = Head {
            parent_span_id: SpanId::INVALID,
            trace_state: "",
            ..HEAD
        };
        let span = written_head(&head);
        assert!(span.parent_span_id.is_empty() && span.trace_state.is_empty());
    }

    #[test]
    fn events_links_and_status_are_decoded() {
        let state = TraceState::from_key_value([("vendor", "x")]).unwrap();
        let to = SpanContext::new(
            TraceId::from_bytes([4; 16]),
            SpanId::from_bytes([5; 8]),
            TraceFlags::SAMPLED,
            true,
            state,
        );
        let span = written(|out| {
            event(out, 5, "happened", |out| {
                value::attribute(out, EVENT_ATTRIBUTES, "n", Value::I64(1));
                7
            });
            event(out, 6, &"x".repeat(20_000), |_| 0);
            link(out, &to, |out| {
                value::attribute(out, LINK_ATTRIBUTES, "why", Value::Text("batch"));
                2
            });
            status(out, StatusCode::Error, "no");
        });
        let [event, large] = &span.events[..] else {
            panic!("{span:?}")
        };
        assert_eq!((event.time_unix_nano, event.name.as_str()), (5, "happened"));
        assert_eq!(
            (event.attributes.len(), event.dropped_attributes_count),
            (1, 7)
        );
        assert_eq!(
            (large.name.len(), large.dropped_attributes_count),
            (20_000, 0)
        );
        let link = &span.links[0];
        assert_eq!(
            (&link.trace_id[..], &link.span_id[..]),
            (&[4; 16][..], &[5; 8][..])
        );
        assert_eq!((link.trace_state.as_str(), link.flags), ("vendor=x", 0x301));
        assert_eq!(
            (
                link.attributes[0].key.as_str(),
                link.dropped_attributes_count
            ),
            ("why", 2)
        );
        let status = span.status.unwrap();
        assert_eq!(
            (status.code, status.message.as_str()),
            (proto::status::StatusCode::Error as i32, "no")
        );
        assert_eq!(
            written(|out| super::status(out, StatusCode::Unset, "")).status,
            None
        );
    }

    #[test]
    fn flags_and_kinds_have_their_numbers() {
        assert_eq!(flags(1, false), 0x101);
        assert_eq!(flags(3, true), 0x303);
        let kinds = [
            (SpanKind::Internal, proto::span::SpanKind::Internal),
            (SpanKind::Server, proto::span::SpanKind::Server),
            (SpanKind::Client, proto::span::SpanKind::Client),
            (SpanKind::Producer, proto::span::SpanKind::Producer),
            (SpanKind::Consumer, proto::span::SpanKind::Consumer),
        ];
        for (ours, theirs) in kinds {
            assert_eq!(i32::from(kind_number(&ours)), theirs as i32);
        }
    }
}
