//! Named values as encoded attributes: the fields of a span, or of an event together with those of its spans.
//!
//! They are captured once. A span is exported, and a log record inherits, by copying bytes; the console reads them
//! back where a line is really written.

use std::ops::Range;

use crate::bridge::spans::RESERVED;
use crate::otlp::key::{self, Key, Short};
use crate::otlp::value::{self, Encoded};
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
    /// Where each of them begins.
    places: Vec<Place>,
    field: u32,
    dropped: u32,
    /// Whether one may have a name that is taken on export.
    has_reserved: bool,
}

/// Where a field begins, with the hash of its name: a name that is not there is not looked for in the bytes.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    start: u32,
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
            places: Vec::new(),
            field,
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
        self.places.len() as u32
    }

    /// How many found no place.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// All of them, as they are exported.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends all of them as attributes that are `number`, at most 15, of another message.
    pub(crate) fn write(&self, out: &mut Vec<u8>, number: u32) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if number != self.field {
            let added = &mut out[start..];
            for place in &self.places {
                added[place.start as usize] = wire::short_tag(number);
            }
        }
    }

    /// Bytes held, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<Place>()
    }

    /// Forgets the fields and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.dropped = 0;
        self.has_reserved = false;
    }

    /// Forgets the fields, and memory beyond `bytes`.
    pub(crate) fn reset(&mut self, bytes: usize) {
        self.clear();
        if self.capacity() > bytes {
            self.bytes = Vec::new();
            self.places = Vec::new();
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
        let index = self.index_of(key::hash(name), name.as_bytes())?;
        Encoded::read(self.message(index)?)?.value()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.index_of(key::hash(name), name.as_bytes()).is_some()
    }

    /// Sets `name`, in the place that it had before if it was there.
    pub(crate) fn set(&mut self, name: &str, value: Value<'_>) {
        let field = self.field;
        self.put(key::hash(name), name.as_bytes(), |out| {
            value::attribute(out, field, name, value)
        });
    }

    /// Says that fields are to be [added](Self::add) whose names may be taken on export.
    pub(crate) fn expect_reserved(&mut self) {
        self.has_reserved = true;
    }

    /// Adds a known field, whose name is not there.
    #[inline(always)]
    pub(crate) fn add(&mut self, key: &Key, value: Value<'_>) {
        match key.short(value) {
            Some((short, text)) => self.add_short(key, short, text),
            None => self.append(key.hash(), |out| key.write(out, value)),
        }
    }

    /// The one place that nearly all fields come through, whatever their type.
    #[inline(never)]
    fn add_short(&mut self, key: &Key, value: Short, text: &str) {
        self.append(key.hash(), |out| key.write_short(out, value, text));
    }

    /// Sets an attribute of OpenTelemetry's API.
    pub(crate) fn set_otel(&mut self, attribute: &opentelemetry::KeyValue) {
        let (field, name) = (self.field, attribute.key.as_str());
        self.put(key::hash(name), name.as_bytes(), |out| {
            value::otel_attribute(out, field, attribute);
        });
    }

    /// Sets every field of `newer`.
    pub(crate) fn update(&mut self, newer: &Fields) {
        if self.takes_all(newer) {
            return self.append_all(newer);
        }
        for (index, place) in newer.places.iter().enumerate() {
            self.put_encoded(place.hash, newer.message(index));
        }
    }

    /// Adds the fields of `outer` that are not there yet.
    pub(crate) fn inherit(&mut self, outer: &Fields) {
        if self.takes_all(outer) {
            return self.append_all(outer);
        }
        for (index, place) in outer.places.iter().enumerate() {
            let message = outer.message(index);
            let is_known = |name: &[u8]| self.index_of(place.hash, name).is_some();
            if !message.and_then(name_in).is_some_and(is_known) {
                self.put_encoded(place.hash, message);
            }
        }
    }

    /// Removes those that `others` has.
    pub(crate) fn remove_all(&mut self, others: &Fields) {
        if self.is_empty() {
            return;
        }
        for field in others.encoded() {
            self.remove(field.key);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(index) = self.index_of(key::hash(name), name.as_bytes()) {
            let range = self.range(index);
            let length = range.len();
            self.bytes.drain(range);
            self.places.remove(index);
            self.move_from(index, |start| start - length);
        }
    }

    /// Whether there is room for `others`, and surely none of them is there.
    fn takes_all(&self, others: &Fields) -> bool {
        let is_new = |place: &Place| self.places.iter().all(|own| own.hash != place.hash);
        others.places.iter().all(is_new)
            && self.bytes.len() + others.bytes.len() <= MAX_BYTES
            && self.count() + others.count() <= MAX_COUNT
    }

    /// Appends fields that are not there, as those of this message.
    fn append_all(&mut self, others: &Fields) {
        // All of it is below `MAX_BYTES`.
        let end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&others.bytes);
        self.has_reserved |= others.has_reserved;
        let (bytes, tag) = (&mut self.bytes, wire::short_tag(self.field));
        self.places.extend(others.places.iter().map(|place| {
            let start = end + place.start;
            bytes[start as usize] = tag;
            Place { start, ..*place }
        }));
    }

    fn put_encoded(&mut self, hash: u32, message: Option<&[u8]>) {
        // Nothing is there that was not written here.
        let Some((message, name)) = message.and_then(|message| Some((message, name_in(message)?)))
        else {
            return;
        };
        let field = self.field;
        self.put(hash, name, |out| wire::member_bytes(out, field, message));
    }

    #[inline]
    fn put(&mut self, hash: u32, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        match self.index_of(hash, name) {
            Some(index) => self.replace(index, write),
            None => {
                self.has_reserved |= RESERVED.iter().any(|reserved| reserved.as_bytes() == name);
                self.append(hash, write);
            }
        }
    }

    #[inline(never)]
    fn replace(&mut self, index: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let old = self.range(index);
        let end = self.bytes.len();
        write(&mut self.bytes);
        // The new one is moved to where the old one was.
        let length = self.bytes.len() - end;
        self.bytes[old.start..].rotate_right(length);
        self.bytes.drain(old.start + length..old.end + length);
        self.move_from(index + 1, |start| start + length - (old.end - old.start));
        if self.bytes.len() > MAX_BYTES {
            self.bytes.drain(old.start..old.start + length);
            self.places.remove(index);
            self.move_from(index, |start| start - length);
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Keeps the field that is written, if there is room for it.
    #[inline]
    fn append(&mut self, hash: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let end = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > MAX_BYTES || self.count() >= MAX_COUNT {
            return self.drop_from(end);
        }
        // Below `MAX_BYTES`.
        let start = end as u32;
        self.places.push(Place { hash, start });
    }

    #[cold]
    fn drop_from(&mut self, end: usize) {
        self.bytes.truncate(end);
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Changes where the fields from the one at `index` on begin.
    fn move_from(&mut self, index: usize, to: impl Fn(usize) -> usize) {
        for place in &mut self.places[index..] {
            place.start = to(place.start as usize) as u32;
        }
    }

    /// Which one is called `name`.
    fn index_of(&self, hash: u32, name: &[u8]) -> Option<usize> {
        let is_it = |index: &usize| {
            self.places[*index].hash == hash && self.message(*index).and_then(name_in) == Some(name)
        };
        (0..self.places.len()).find(is_it)
    }

    fn range(&self, index: usize) -> Range<usize> {
        let start = self.places[index].start as usize;
        let behind = self.places.get(index + 1);
        start..behind.map_or(self.bytes.len(), |place| place.start as usize)
    }

    /// The attribute at `index`, without tag and length.
    fn message(&self, index: usize) -> Option<&[u8]> {
        Some(wire::read_field(&self.bytes[self.range(index)])?.1)
    }
}

/// The name in an attribute.
fn name_in(message: &[u8]) -> Option<&[u8]> {
    Some(wire::read_field(message)?.1)
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
            fields.add(&Key::new(log::ATTRIBUTES, name), Value::Bool(true));
        }
        let key = Key::new(log::ATTRIBUTES, "one more");
        fields.add(&key, Value::Bool(true));
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
        let mut late = Fields::default();
        late.set("late", Value::I64(3));
        let mut span = Fields::of_span();
        span.inherit(&outer);
        span.update(&late);
        assert_eq!(span.get("late"), Some(Value::I64(3)));
        assert_eq!(span.encoded().count(), 3);
        let tag = span.bytes()[outer.bytes().len()];
        assert_eq!(tag, wire::short_tag(span::ATTRIBUTES));
        let mut empty = Fields::of_span();
        empty.inherit(&outer);
        assert_eq!(empty.bytes(), outer.bytes());
        assert_eq!(empty.get("outer"), Some(Value::F64(0.5)));
    }

    #[test]
    fn names_with_one_hash_are_names_of_their_own() {
        let mut known = std::collections::HashMap::new();
        let (one, other) = (0..)
            .find_map(|number: u64| {
                let name = format!("key {number}");
                let before = known.insert(key::hash(&name), name.clone())?;
                Some((before, name))
            })
            .unwrap();
        let mut fields = Fields::default();
        fields.set(&one, Value::I64(1));
        assert!(!fields.contains(&other));
        let mut outer = Fields::of_span();
        outer.set(&other, Value::I64(2));
        outer.set(&one, Value::I64(3));
        fields.inherit(&outer);
        let seen: Vec<_> = fields.iter().collect();
        assert_eq!(seen, [(&*one, Value::I64(1)), (&*other, Value::I64(2))]);
        fields.remove(&one);
        assert_eq!(fields.get(&other), Some(Value::I64(2)));
        assert_eq!((fields.count(), fields.get(&one)), (1, None));
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
