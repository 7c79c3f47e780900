//! Attributes: `KeyValue` and `AnyValue`, written from plain and from OpenTelemetry's values, and read back.

use std::fmt::Write as _;

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, KeyValue};

use super::wire::{self, Message};
use crate::limits::truncated;

/// `AnyValue`.
pub(super) const STRING: u32 = 1;
pub(super) const BOOL: u32 = 2;
pub(super) const INT: u32 = 3;
pub(super) const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const MAP: u32 = 6;
const BYTES: u32 = 7;
/// `ArrayValue` and `KeyValueList`.
const VALUES: u32 = 1;
/// `KeyValue`.
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;

/// How deep values may be nested; what is deeper is left empty. A level takes up to three messages, and decoders
/// of protobuf refuse more than a hundred.
const MAX_DEPTH: u32 = 24;

/// The value of a field, as it is shown and exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Bool(bool),
    I64(i64),
    /// Beyond the signed numbers it is written as text rather than wrong.
    U64(u64),
    F64(f64),
    Text(&'a str),
}

/// Appends one attribute, as `field` of the message that has it.
#[inline]
pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: Value<'_>) {
    match value {
        Value::Text(text) => text_attribute(out, field, key, text),
        Value::I64(value) => int_attribute(out, field, key, value),
        Value::U64(value) => match i64::try_from(value) {
            Ok(value) => int_attribute(out, field, key, value),
            Err(_) => number_as_text(out, field, key, value),
        },
        Value::F64(value) => {
            key_value_header(out, field, key, 9);
            wire::member_double(out, DOUBLE, value);
        }
        Value::Bool(value) => {
            key_value_header(out, field, key, 2);
            wire::member_bool(out, BOOL, value);
        }
    }
}

#[inline]
fn text_attribute(out: &mut Vec<u8>, field: u32, key: &str, text: &str) {
    key_value_header(out, field, key, wire::field_len(text.len()));
    wire::member_bytes(out, STRING, text.as_bytes());
}

#[inline]
fn int_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: i64) {
    key_value_header(out, field, key, 1 + wire::varint_len(value as u64));
    wire::member_int(out, INT, value);
}

#[cold]
fn number_as_text(out: &mut Vec<u8>, field: u32, key: &str, value: u64) {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{value}");
    text_attribute(out, field, key, &text);
}

/// Everything of an attribute but its `AnyValue`, which is to follow in `value_len` bytes.
#[inline]
fn key_value_header(out: &mut Vec<u8>, field: u32, key: &str, value_len: usize) {
    let length = wire::field_len(key.len()) + wire::field_len(value_len);
    wire::header(out, field, length);
    wire::member_bytes(out, KEY, key.as_bytes());
    wire::header(out, VALUE, value_len);
}

/// Appends one attribute of OpenTelemetry's API.
pub(crate) fn otel_attribute(out: &mut Vec<u8>, field: u32, attribute: &KeyValue) {
    let key = attribute.key.as_str();
    match &attribute.value {
        opentelemetry::Value::String(text) => text_attribute(out, field, key, text.as_str()),
        opentelemetry::Value::I64(value) => int_attribute(out, field, key, *value),
        other => attribute_with(out, field, key, |out| otel_value(out, other)),
    }
}

/// Appends one attribute of a log record of OpenTelemetry's API, its texts cut to `length` characters and its bytes to as
/// many bytes.
pub(crate) fn any_attribute(
    out: &mut Vec<u8>,
    field: u32,
    key: &str,
    value: &AnyValue,
    length: Option<usize>,
) {
    attribute_with(out, field, key, |out| any_content(out, value, length, 0));
}

/// Appends an `AnyValue` with a text, as `field` of the message that has it: the body of a log record.
#[inline]
pub(crate) fn text_value(out: &mut Vec<u8>, field: u32, text: &str) {
    let length = text.len();
    if length < 0x7e {
        let tags = [wire::short_tag(field), wire::short_tag(STRING)];
        out.extend_from_slice(&[tags[0], length as u8 + 2, tags[1], length as u8]);
        out.extend_from_slice(text.as_bytes());
    } else {
        long_text_value(out, field, text);
    }
}

#[inline(never)]
fn long_text_value(out: &mut Vec<u8>, field: u32, text: &str) {
    wire::header(out, field, wire::field_len(text.len()));
    wire::member_bytes(out, STRING, text.as_bytes());
}

/// Appends an `AnyValue`, as `field` of the message that has it.
pub(crate) fn any_value(out: &mut Vec<u8>, field: u32, value: &AnyValue) {
    let message = Message::begin(out, field);
    any_content(out, value, None, 0);
    message.end(out);
}

fn attribute_with(out: &mut Vec<u8>, field: u32, key: &str, content: impl FnOnce(&mut Vec<u8>)) {
    let key_value = Message::begin(out, field);
    wire::member_bytes(out, KEY, key.as_bytes());
    let value = Message::begin(out, VALUE);
    content(out);
    value.end(out);
    key_value.end(out);
}

fn otel_value(out: &mut Vec<u8>, value: &opentelemetry::Value) {
    match value {
        opentelemetry::Value::Bool(value) => wire::member_bool(out, BOOL, *value),
        opentelemetry::Value::I64(value) => wire::member_int(out, INT, *value),
        opentelemetry::Value::F64(value) => wire::member_double(out, DOUBLE, *value),
        opentelemetry::Value::String(text) => {
            wire::member_bytes(out, STRING, text.as_str().as_bytes());
        }
        opentelemetry::Value::Array(array) => otel_array(out, array),
        // The enum may grow; what is new can at least be read.
        other => wire::member_bytes(out, STRING, other.as_str().as_bytes()),
    }
}

fn otel_array(out: &mut Vec<u8>, array: &Array) {
    match array {
        Array::Bool(values) => list(out, values, |out, value| {
            wire::member_bool(out, BOOL, *value)
        }),
        Array::I64(values) => list(out, values, |out, value| wire::member_int(out, INT, *value)),
        Array::F64(values) => list(out, values, |out, value| {
            wire::member_double(out, DOUBLE, *value);
        }),
        Array::String(values) => list(out, values, |out, text| {
            wire::member_bytes(out, STRING, text.as_str().as_bytes());
        }),
        other => wire::member_bytes(out, STRING, other.to_string().as_bytes()),
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    let array = Message::begin(out, ARRAY);
    for value in values {
        let item = Message::begin(out, VALUES);
        write(out, value);
        item.end(out);
    }
    array.end(out);
}

/// The content of an `AnyValue`.
fn any_content(out: &mut Vec<u8>, value: &AnyValue, length: Option<usize>, depth: u32) {
    match value {
        AnyValue::Int(value) => wire::member_int(out, INT, *value),
        AnyValue::Double(value) => wire::member_double(out, DOUBLE, *value),
        AnyValue::Boolean(value) => wire::member_bool(out, BOOL, *value),
        AnyValue::String(text) => {
            let text = truncated(text.as_str(), length);
            wire::member_bytes(out, STRING, text.as_bytes());
        }
        AnyValue::Bytes(bytes) => {
            let kept = length.unwrap_or(usize::MAX).min(bytes.len());
            wire::member_bytes(out, BYTES, &bytes[..kept]);
        }
        // Nesting without end would end the stack.
        AnyValue::ListAny(_) | AnyValue::Map(_) if depth >= MAX_DEPTH => {}
        AnyValue::ListAny(values) => {
            list(out, values.iter(), |out, value| {
                any_content(out, value, length, depth + 1)
            });
        }
        AnyValue::Map(entries) => {
            let map = Message::begin(out, MAP);
            for (key, value) in entries.iter() {
                attribute_with(out, VALUES, key.as_str(), |out| {
                    any_content(out, value, length, depth + 1)
                });
            }
            map.end(out);
        }
        // As above: an enum that may grow.
        _ => {}
    }
}

/// One attribute among encoded ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    pub(crate) key: &'a str,
    /// The `KeyValue` message, without tag and length.
    pub(crate) message: &'a [u8],
    /// The `AnyValue` message.
    value: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Reads a `KeyValue` that was written here.
    pub(crate) fn read(message: &'a [u8]) -> Option<Self> {
        let (_, key, rest) = wire::read_field(message)?;
        let (_, value, _) = wire::read_field(rest)?;
        Some(Self {
            key: std::str::from_utf8(key).ok()?,
            message,
            value,
        })
    }

    /// The value, where it is a plain one: lists and maps are none.
    pub(crate) fn value(&self) -> Option<Value<'a>> {
        let (tag, content) = self.value.split_first()?;
        match u32::from(tag >> 3) {
            STRING => {
                let (length, text) = wire::read_varint(content)?;
                let text = text.get(..usize::try_from(length).ok()?)?;
                Some(Value::Text(std::str::from_utf8(text).ok()?))
            }
            INT => Some(Value::I64(wire::read_varint(content)?.0 as i64)),
            BOOL => Some(Value::Bool(*content.first()? != 0)),
            DOUBLE => Some(Value::F64(f64::from_le_bytes(
                content.get(..8)?.try_into().ok()?,
            ))),
            _ => None,
        }
    }
}

/// The attributes in `bytes`, which is nothing but attributes, whatever the number of their field.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = Encoded<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (_, message, behind) = wire::read_field(rest)?;
        rest = behind;
        Encoded::read(message)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::collections::HashMap;

    use opentelemetry::{Key, StringValue};
    use opentelemetry_proto::tonic::common::v1 as proto;
    use prost::Message as _;

    use super::*;

    const FIELD: u32 = 9;

    /// What a decoder makes of the only attribute in `out`.
    fn decoded(out: &[u8]) -> proto::KeyValue {
        let (field, message, rest) = wire::read_field(out).unwrap();
        assert_eq!((field, rest), (FIELD, &[][..]));
        let decoded = proto::KeyValue::decode(message).unwrap();
        assert_eq!(
            decoded.encode_to_vec(),
            message,
            "the same bytes as another encoder's"
        );
        decoded
    }

    fn expect(key: &str, value: proto::any_value::Value) -> proto::KeyValue {
        proto::KeyValue {
            key: key.to_owned(),
            value: Some(proto::AnyValue { value: Some(value) }),
            ..proto::KeyValue::default()
        }
    }

    #[test]
    fn plain_values_are_decoded_and_read_back() {
        use proto::any_value::Value as Theirs;
        let long = "x".repeat(20_000);
        let number = u64::MAX.to_string();
        let cases = [
            (
                Value::Text(""),
                Theirs::StringValue(String::new()),
                Value::Text(""),
            ),
            (
                Value::Text("é"),
                Theirs::StringValue("é".into()),
                Value::Text("é"),
            ),
            (
                Value::Text(&long),
                Theirs::StringValue(long.clone()),
                Value::Text(&long),
            ),
            (
                Value::Bool(false),
                Theirs::BoolValue(false),
                Value::Bool(false),
            ),
            (
                Value::Bool(true),
                Theirs::BoolValue(true),
                Value::Bool(true),
            ),
            (Value::I64(0), Theirs::IntValue(0), Value::I64(0)),
            (
                Value::I64(i64::MIN),
                Theirs::IntValue(i64::MIN),
                Value::I64(i64::MIN),
            ),
            (Value::U64(7), Theirs::IntValue(7), Value::I64(7)),
            (
                Value::U64(u64::MAX),
                Theirs::StringValue(number.clone()),
                Value::Text(&number),
            ),
            (Value::F64(0.0), Theirs::DoubleValue(0.0), Value::F64(0.0)),
            (
                Value::F64(-1.5),
                Theirs::DoubleValue(-1.5),
                Value::F64(-1.5),
            ),
        ];
        for (value, theirs, back) in cases {
            for key in ["k", &long] {
                let mut out = Vec::new();
                attribute(&mut out, FIELD, key, value);
                assert_eq!(decoded(&out), expect(key, theirs.clone()));
                let read: Vec<_> = attributes(&out).map(|kv| (kv.key, kv.value())).collect();
                assert_eq!(read, [(key, Some(back))]);
            }
        }
    }

    #[test]
    fn values_of_the_api_are_as_its_exporter_writes_them() {
        let texts = vec![StringValue::from("a"), StringValue::from("b".repeat(300))];
        let values = [
            opentelemetry::Value::from(true),
            opentelemetry::Value::from(-3),
            opentelemetry::Value::from(0.5),
            opentelemetry::Value::from("text"),
            opentelemetry::Value::Array(Array::Bool(vec![true, false])),
            opentelemetry::Value::Array(Array::I64(vec![0, 1])),
            opentelemetry::Value::Array(Array::F64(vec![0.0, 2.5])),
            opentelemetry::Value::Array(Array::String(texts)),
            opentelemetry::Value::Array(Array::I64(Vec::new())),
        ];
        for value in values {
            let pair = KeyValue::new("key", value.clone());
            let mut out = Vec::new();
            otel_attribute(&mut out, FIELD, &pair);
            let theirs: proto::AnyValue = value.into();
            assert_eq!(decoded(&out), expect("key", theirs.value.unwrap()));
        }
    }

    #[test]
    fn values_of_log_records_are_decoded() {
        use proto::any_value::Value as Theirs;
        let any = |value| proto::AnyValue { value: Some(value) };
        let map = HashMap::from([(Key::from("k"), AnyValue::Boolean(false))]);
        let list = vec![
            AnyValue::Int(1),
            AnyValue::Map(Box::new(map)),
            AnyValue::Bytes(Box::new(vec![0, 255])),
        ];
        let entry = proto::KeyValue {
            key: "k".into(),
            value: Some(any(Theirs::BoolValue(false))),
            ..proto::KeyValue::default()
        };
        let expected = Theirs::ArrayValue(proto::ArrayValue {
            values: vec![
                any(Theirs::IntValue(1)),
                any(Theirs::KvlistValue(proto::KeyValueList {
                    values: vec![entry],
                })),
                any(Theirs::BytesValue(vec![0, 255])),
            ],
        });
        let mut out = Vec::new();
        any_attribute(
            &mut out,
            FIELD,
            "key",
            &AnyValue::ListAny(Box::new(list)),
            None,
        );
        assert_eq!(decoded(&out), expect("key", expected));
        assert_eq!(attributes(&out).next().unwrap().value(), None);
        let mut body = Vec::new();
        any_value(&mut body, FIELD, &AnyValue::Double(0.0));
        assert_eq!(
            proto::AnyValue::decode(wire::read_field(&body).unwrap().1).unwrap(),
            any(Theirs::DoubleValue(0.0))
        );
    }

    #[test]
    fn a_value_nested_without_end_ends() {
        let mut value = AnyValue::Int(1);
        for _ in 0..2_000 {
            value = AnyValue::ListAny(Box::new(vec![value]));
        }
        let mut out = Vec::new();
        any_attribute(&mut out, FIELD, "deep", &value, None);
        assert!(proto::KeyValue::decode(wire::read_field(&out).unwrap().1).is_ok());
    }
}
