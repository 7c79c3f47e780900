//! Named, typed values in one arena: the fields of a span, or of an event together with those of its spans.

use std::ops::Range;

use crate::redact::{REDACTED, Redactor};

/// Replaced texts may take this much of the arena before it is rebuilt.
const GARBAGE_ALLOWED: usize = 1024;

/// The value of a field, as it is shown and exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(&'a str),
}

/// The same, with a text as its place in the arena.
#[derive(Clone, Debug)]
enum Stored {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(Range<usize>),
}

/// Fields in the order in which they came; each name at most once.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: String,
    entries: Vec<(&'static str, Stored)>,
    /// Bytes of `text` that no entry uses any more.
    garbage: usize,
}

impl Fields {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<(&str, Stored)>()
    }

    /// Forgets the fields and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.garbage = 0;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        self.entries
            .iter()
            .map(|(name, stored)| (*name, self.view(stored)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value<'_>> {
        self.position(name)
            .map(|index| self.view(&self.entries[index].1))
    }

    /// Sets `name`, in the place that it had before if it was there.
    pub(crate) fn set(&mut self, name: &'static str, value: Value<'_>) {
        let stored = match value {
            Value::Bool(value) => Stored::Bool(value),
            Value::I64(value) => Stored::I64(value),
            Value::U64(value) => Stored::U64(value),
            Value::F64(value) => Stored::F64(value),
            Value::Text(value) => Stored::Text(self.append(|text| text.push_str(value))),
        };
        self.store(name, stored);
    }

    /// Sets `name` to what `write` appends to the text that it is given. It must only append.
    pub(crate) fn set_text(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let range = self.append(write);
        self.store(name, Stored::Text(range));
    }

    /// Sets every field of `newer`.
    pub(crate) fn update(&mut self, newer: &Fields) {
        for (name, value) in newer.iter() {
            self.set(name, value);
        }
    }

    /// Adds the fields of `outer` that are not there yet.
    pub(crate) fn inherit(&mut self, outer: &Fields) {
        for (name, value) in outer.iter() {
            if self.position(name).is_none() {
                self.set(name, value);
            }
        }
    }

    /// Hides what is secret.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        if redactor.is_off() {
            return;
        }
        for index in 0..self.entries.len() {
            let (name, stored) = &self.entries[index];
            let hidden = match self.view(stored) {
                Value::Text(text) => {
                    let shown = redactor.value(name, text);
                    (shown != text).then(|| shown.into_owned())
                }
                Value::Bool(_) => None,
                _ => redactor.hides(name).then(|| REDACTED.to_owned()),
            };
            if let Some(hidden) = hidden {
                self.set(name, Value::Text(&hidden));
            }
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|(known, _)| *known == name)
    }

    fn append(&mut self, write: impl FnOnce(&mut String)) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len()
    }

    fn store(&mut self, name: &'static str, stored: Stored) {
        let Some(index) = self.position(name) else {
            self.entries.push((name, stored));
            return;
        };
        if let Stored::Text(old) = &self.entries[index].1 {
            self.garbage += old.len();
        }
        self.entries[index].1 = stored;
        // A field of a long span may be recorded again and again; its old texts must not pile up.
        if self.garbage > GARBAGE_ALLOWED && self.garbage > self.text.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut kept = String::with_capacity(self.text.len() - self.garbage);
        for (_, stored) in &mut self.entries {
            if let Stored::Text(range) = stored {
                let start = kept.len();
                kept.push_str(&self.text[range.clone()]);
                *range = start..kept.len();
            }
        }
        self.text = kept;
        self.garbage = 0;
    }

    fn view(&self, stored: &Stored) -> Value<'_> {
        match stored {
            Stored::Bool(value) => Value::Bool(*value),
            Stored::I64(value) => Value::I64(*value),
            Stored::U64(value) => Value::U64(*value),
            Stored::F64(value) => Value::F64(*value),
            Stored::Text(range) => Value::Text(&self.text[range.clone()]),
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
        fields.set("a", Value::Bool(true));
        let seen: Vec<_> = fields.iter().collect();
        assert_eq!(seen, [("a", Value::Bool(true)), ("b", Value::I64(-7))]);
    }

    #[test]
    fn what_is_there_wins_over_what_is_inherited() {
        let mut inner = Fields::default();
        inner.set("both", Value::U64(1));
        let mut outer = Fields::default();
        outer.set("both", Value::U64(2));
        outer.set("outer", Value::F64(0.5));
        inner.inherit(&outer);
        assert_eq!(inner.get("both"), Some(Value::U64(1)));
        assert_eq!(inner.get("outer"), Some(Value::F64(0.5)));
        assert_eq!(inner.iter().count(), 2);
    }

    #[test]
    fn a_field_recorded_many_times_keeps_a_bounded_arena() {
        let mut fields = Fields::default();
        fields.set("stable", Value::Text("kept"));
        for round in 0..10_000 {
            fields.set_text("progress", |text| {
                text.push_str(&format!("step {round:06}"))
            });
        }
        assert_eq!(fields.get("stable"), Some(Value::Text("kept")));
        assert_eq!(fields.get("progress"), Some(Value::Text("step 009999")));
        assert!(fields.capacity() < 16 * 1024, "{}", fields.capacity());
    }
}
