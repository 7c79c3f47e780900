//! The parts of an OTLP `LogRecord`. A record is a [`Message`] in its scope, begun by its [`Head`] and ended by whoever writes
//! the other parts.

use opentelemetry::trace::{SpanId, TraceId};

use super::value;
use super::wire::{self, Message};

/// Fields of `LogRecord`.
pub(crate) const ATTRIBUTES: u32 = 6;
pub(crate) const BODY: u32 = 5;
const TIME: u32 = 1;
const SEVERITY: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const DROPPED_ATTRIBUTES: u32 = 7;
const FLAGS: u32 = 8;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;
const EVENT_NAME: u32 = 12;

/// What of a record is not a list; what is not there is 0, empty or invalid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// Nanoseconds since the epoch.
    pub(crate) time: u64,
    pub(crate) observed: u64,
    /// 1 to 24.
    pub(crate) severity: u8,
    pub(crate) severity_text: &'a str,
    pub(crate) event_name: &'a str,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Those of the W3C.
    pub(crate) flags: u8,
    pub(crate) dropped_attributes: u32,
}

/// What is in each record and always as long, with the header of the message.
const FIXED: usize = 3 + 9 + 9 + 2 + 5;

impl Head<'_> {
    /// Begins a record, as `field` of its scope, with these fields.
    #[inline(always)]
    pub(crate) fn begin(&self, out: &mut Vec<u8>, field: u32) -> Message {
        let message = Message::begun_large(out.len() + 3);
        out.extend_from_slice(&self.fixed(field));
        wire::bytes(out, SEVERITY_TEXT, self.severity_text.as_bytes());
        wire::rare_bytes(out, EVENT_NAME, self.event_name.as_bytes());
        self.ids(out);
        dropped_attributes(out, self.dropped_attributes);
        message
    }

    #[inline(always)]
    fn ids(&self, out: &mut Vec<u8>) {
        let trace_id = wire::short_bytes::<16, 18>(TRACE_ID, self.trace_id.to_bytes());
        let span_id = wire::short_bytes::<8, 10>(SPAN_ID, self.span_id.to_bytes());
        if self.trace_id != TraceId::INVALID && self.span_id != SpanId::INVALID {
            // Both at once, as nearly always.
            let mut ids = [0; 28];
            ids[..18].copy_from_slice(&trace_id);
            ids[18..].copy_from_slice(&span_id);
            out.extend_from_slice(&ids);
        } else {
            write_one(out, self.trace_id, self.span_id);
        }
    }

    #[inline]
    fn fixed(&self, field: u32) -> [u8; FIXED] {
        let mut fixed = [0; FIXED];
        fixed[..3].copy_from_slice(&wire::large_header(field));
        fixed[3..12].copy_from_slice(&wire::short_fixed64(TIME, self.time));
        fixed[12..21].copy_from_slice(&wire::short_fixed64(OBSERVED_TIME, self.observed));
        // The numbers of severities take one byte.
        fixed[21..23].copy_from_slice(&[wire::varint_tag(SEVERITY), self.severity & 0x7f]);
        fixed[23..].copy_from_slice(&wire::short_fixed32(FLAGS, u32::from(self.flags)));
        fixed
    }
}

/// Appends the one of both IDs that is valid, if any is.
#[cold]
fn write_one(out: &mut Vec<u8>, trace_id: TraceId, span_id: SpanId) {
    if trace_id != TraceId::INVALID {
        wire::bytes(out, TRACE_ID, &trace_id.to_bytes());
    } else if span_id != SpanId::INVALID {
        wire::bytes(out, SPAN_ID, &span_id.to_bytes());
    }
}

/// Appends how many attributes were left out, where that is known only behind the head.
pub(crate) fn dropped_attributes(out: &mut Vec<u8>, dropped: u32) {
    wire::uint(out, DROPPED_ATTRIBUTES, u64::from(dropped));
}

/// Appends a body that is a text.
#[inline]
pub(crate) fn body(out: &mut Vec<u8>, text: &str) {
    value::text_value(out, BODY, text);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry_proto::tonic::common::v1::any_value;
    use opentelemetry_proto::tonic::logs::v1 as proto;
    use prost::Message as _;

    use super::super::request::ITEMS;
    use super::super::value::{Value, attribute};
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> proto::LogRecord {
        let mut out = Vec::new();
        write(&mut out);
        let mut scope = proto::ScopeLogs::decode(&out[..]).unwrap();
        scope.log_records.remove(0)
    }

    #[test]
    fn a_record_is_decoded() {
        let head = Head {
            time: 1,
            observed: 2,
            severity: 17,
            severity_text: "ERROR",
            event_name: "order.placed",
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_bytes([2; 8]),
            flags: 3,
            dropped_attributes: 4,
        };
        let mut record = written(|out| {
            let message = head.begin(out, ITEMS);
            body(out, "placed");
            attribute(out, ATTRIBUTES, "n", Value::I64(5));
            message.end(out);
        });
        let body = record.body.take().unwrap().value.unwrap();
        assert_eq!(body, any_value::Value::StringValue("placed".into()));
        assert_eq!(record.attributes.len(), 1);
        record.attributes.clear();
        let expected = proto::LogRecord {
            time_unix_nano: 1,
            observed_time_unix_nano: 2,
            severity_number: 17,
            severity_text: "ERROR".into(),
            event_name: "order.placed".into(),
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            flags: 3,
            dropped_attributes_count: 4,
            ..proto::LogRecord::default()
        };
        assert_eq!(record, expected);
    }

    #[test]
    fn a_body_of_any_length_is_decoded() {
        for length in [0, 1, 125, 126, 127, 128, 20_000] {
            let text = "x".repeat(length);
            let mut out = Vec::new();
            body(&mut out, &text);
            let record = proto::LogRecord::decode(&out[..]).unwrap();
            let body = record.body.unwrap().value.unwrap();
            assert_eq!(body, any_value::Value::StringValue(text));
        }
    }

    #[test]
    fn outside_of_a_trace_there_are_no_ids() {
        let head = Head {
            time: 0,
            observed: 0,
            severity: 0,
            severity_text: "",
            event_name: "",
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            flags: 0,
            dropped_attributes: 0,
        };
        let record = written(|out| head.begin(out, ITEMS).end(out));
        assert_eq!(record, proto::LogRecord::default());
    }
}
