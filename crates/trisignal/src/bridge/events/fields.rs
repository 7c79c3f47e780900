//! Named values as encoded attributes: the fields of a span, or of an event together with those of its spans.
//!
//! They are captured once. A span is exported, and a log record inherits, by copying bytes; the console reads them
//! back where a line is really written.

use crate::bridge::spans::RESERVED;
use crate::otlp::value::{self, Encoded, Key};
use crate::otlp::{log, span, wire};

pub(crate) use crate::otlp::value::Value;

/// What fields may take together, whatever their number; those that don't fit are dropped and counted.
const MAX_BYTES: usize = 256 * 1024;

/// The number of fields that are always kept, where the limits of what is exported allow fewer or more.
const MAX_COUNT: u32 = 1024;

/// Fields in the order in which they came; each name at most once.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Attributes, each as `field` of its message.
    bytes: Vec<u8>,
    field: u32,
    count: u32,
    dropped: u32,
    /// Whether one may have a name that is taken on export.
    has_reserved: bool,
}

/// Those of a log record.
impl Default for Fields {
    fn default() -> Self {
        Self::of(log::ATTRIBUTES)
    }
}

impl Fields {
    /// Those of a span.
    pub(crate) fn of_span() -> Self {
        Self::of(span::ATTRIBUTES)
    }

    fn of(field: u32) -> Self {
        Self {
            bytes: Vec::new(),
            field,
            count: 0,
            dropped: 0,
            has_reserved: false,
        }
    }

    /// The number of the field that each of them is encoded as.
    pub(crate) fn number(&self) -> u32 {
        self.field
    }

    pub(crate) fn has_reserved(&self) -> bool {
        self.has_reserved
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// How many found no place.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// All of them, as they are exported.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes held, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the fields and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.dropped = 0;
        self.has_reserved = false;
    }

    /// Forgets the fields, and memory beyond `bytes`.
    pub(crate) fn reset(&mut self, bytes: usize) {
        self.clear();
        if self.bytes.capacity() > bytes {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn encoded(&self) -> impl Iterator<Item = Encoded<'_>> {
        value::attributes(&self.bytes)
    }

    /// The plain values among them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.encoded()
            .filter_map(|field| Some((field.key, field.value()?)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value<'_>> {
        self.encoded().find(|field| field.key == name)?.value()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.place_of(name).is_some()
    }

    /// Sets `name`, in the place that it had before if it was there.
    pub(crate) fn set(&mut self, name: &str, value: Value<'_>) {
        let field = self.field;
        self.put(name, |out| value::attribute(out, field, name, value));
    }

    /// Adds a known field, whose name is not there.
    #[inline]
    pub(crate) fn add(&mut self, key: &Key, is_reserved: bool, value: Value<'_>) {
        self.has_reserved |= is_reserved;
        self.append(|out| key.write(out, value));
    }

    /// Sets an attribute of OpenTelemetry's API.
    pub(crate) fn set_otel(&mut self, attribute: &opentelemetry::KeyValue) {
        let field = self.field;
        self.put(attribute.key.as_str(), |out| {
            value::otel_attribute(out, field, attribute);
        });
    }

    /// Sets every field of `newer`.
    pub(crate) fn update(&mut self, newer: &Fields) {
        for field in newer.encoded() {
            self.put_encoded(field);
        }
    }

    /// Adds the fields of `outer` that are not there yet.
    pub(crate) fn inherit(&mut self, outer: &Fields) {
        if self.is_empty() && self.field == outer.field {
            self.bytes.extend_from_slice(&outer.bytes);
            self.count = outer.count;
            self.has_reserved = outer.has_reserved;
            return;
        }
        for field in outer.encoded() {
            if !self.contains(field.key) {
                self.put_encoded(field);
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some((start, end)) = self.place_of(name) {
            self.bytes.drain(start..end);
            self.count -= 1;
        }
    }

    fn put_encoded(&mut self, field: Encoded<'_>) {
        let number = self.field;
        self.put(field.key, |out| {
            wire::member_bytes(out, number, field.message);
        });
    }

    fn put(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let Some((start, behind)) = self.place_of(name) else {
            self.has_reserved |= RESERVED.contains(&name);
            return self.append(write);
        };
        let end = self.bytes.len();
        write(&mut self.bytes);
        // The new one is moved to where the old one was.
        let length = self.bytes.len() - end;
        self.bytes[start..].rotate_right(length);
        self.bytes.drain(start + length..behind + length);
        if self.bytes.len() > MAX_BYTES {
            self.bytes.drain(start..start + length);
            self.count -= 1;
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    #[inline]
    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let end = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > MAX_BYTES || self.count >= MAX_COUNT {
            self.bytes.truncate(end);
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.count += 1;
        }
    }

    /// Where the field called `name` begins and ends.
    fn place_of(&self, name: &str) -> Option<(usize, usize)> {
        let mut rest = &self.bytes[..];
        loop {
            let start = self.bytes.len() - rest.len();
            let (_, message, behind) = wire::read_field(rest)?;
            let (_, key, _) = wire::read_field(message)?;
            if key == name.as_bytes() {
                return Some((start, self.bytes.len() - behind.len()));
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn a_value_recorded_again_replaces_the_first_in_its_place() {
        let mut fields = Fields::default();
        fields.set("a", Value::Text("one"));
        fields.set("b", Value::I64(-7));
        fields.set("c", Value::Text("last"));
        for value in [
            Value::Bool(true),
            Value::Text("much longer than before"),
            Value::I64(1),
        ] {
            fields.set("a", value);
            let seen: Vec<_> = fields.iter().collect();
            let rest = [("b", Value::I64(-7)), ("c", Value::Text("last"))];
            assert_eq!(seen, [("a", value), rest[0], rest[1]]);
        }
        fields.set("c", Value::Text(""));
        assert_eq!(fields.get("c"), Some(Value::Text("")));
        assert_eq!((fields.count(), fields.dropped()), (3, 0));
    }

    #[test]
    fn fields_known_to_be_new_are_bounded_too() {
        let mut fields = Fields::default();
        for number in 0..MAX_COUNT {
            let name = format!("key {number}").leak();
            fields.add(&Key::new(log::ATTRIBUTES, name), false, Value::Bool(true));
        }
        let key = Key::new(log::ATTRIBUTES, "one more");
        fields.add(&key, false, Value::Bool(true));
        assert_eq!((fields.count(), fields.dropped()), (MAX_COUNT, 1));
        assert!(!fields.contains("one more") && fields.contains("key 0"));
    }

    #[test]
    fn what_is_there_wins_over_what_is_inherited() {
        let mut inner = Fields::default();
        inner.set("both", Value::U64(1));
        let mut outer = Fields::of_span();
        outer.set("both", Value::U64(2));
        outer.set("outer", Value::F64(0.5));
        inner.inherit(&outer);
        assert_eq!(inner.get("both"), Some(Value::I64(1)));
        assert_eq!(inner.get("outer"), Some(Value::F64(0.5)));
        assert_eq!(inner.iter().count(), 2);
        // Also those of the span are attributes of a log record now.
        let tags: Vec<_> = [inner.bytes()[0]].into_iter().collect();
        assert_eq!(tags, [wire::short_tag(log::ATTRIBUTES)]);
        let mut empty = Fields::of_span();
        empty.inherit(&outer);
        assert_eq!(empty.bytes(), outer.bytes());
    }

    #[test]
    fn a_field_recorded_many_times_takes_no_more_room() {
        let mut fields = Fields::default();
        fields.set("stable", Value::Text("kept"));
        for round in 0..10_000 {
            fields.set("progress", Value::Text(&format!("step {round:06}")));
        }
        assert_eq!(fields.get("stable"), Some(Value::Text("kept")));
        assert_eq!(fields.get("progress"), Some(Value::Text("step 009999")));
        assert!(fields.capacity() < 1024, "{}", fields.capacity());
    }

    #[test]
    fn there_is_no_more_than_the_bounds_allow() {
        let mut fields = Fields::default();
        for number in 0..5_000 {
            fields.set(&format!("key {number}"), Value::I64(number));
        }
        assert_eq!(
            (fields.count(), fields.dropped()),
            (MAX_COUNT, 5_000 - MAX_COUNT)
        );
        fields.reset(0);
        let large = "x".repeat(100 * 1024);
        for key in ["a", "b", "c"] {
            fields.set(key, Value::Text(&large));
        }
        assert_eq!((fields.count(), fields.dropped()), (2, 1));
        assert!(fields.contains("b") && !fields.contains("c"));
    }
}
