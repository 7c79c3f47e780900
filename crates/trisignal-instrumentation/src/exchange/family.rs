//! What exchanges that are alike have in common: the name of their spans, and the attributes that are
//! measured with them.
//!
//! To make these costs more than most of what is done for an exchange, and a service has few families,
//! one for each of its routes perhaps. So threads remember some, in tables of fixed size in which a
//! newer one takes the place of an older one. Nobody notices but by the time it takes.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use opentelemetry::{KeyValue, StringValue, Value};

/// Families that a thread remembers. A power of two.
const PLACES: usize = 64;

/// The longest text of a family that is remembered, in bytes: it may be a stranger's.
const MAX_TEXT: usize = 256;

/// Different ends of its exchanges that a family remembers.
const ENDS: usize = 4;

thread_local! {
    static KNOWN: RefCell<[Option<Arc<Family>>; PLACES]> =
        const { RefCell::new([const { None }; PLACES]) };
}

/// Exchanges that are alike.
#[derive(Debug)]
pub(crate) struct Family {
    role: Role,
    /// A bit for each attribute that there is, of those that its role has.
    present: u32,
    name: String,
    attributes: Box<[KeyValue]>,
    /// The same with what the end adds.
    ended: [OnceLock<Box<[KeyValue]>>; ENDS],
}

/// Whose exchanges they are: it has the same attributes each time, each of them or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    HttpServer,
    HttpClient,
    GrpcServer,
    GrpcClient,
}

/// What an end adds to the attributes.
#[derive(Debug, Default)]
pub(crate) struct Added([Option<KeyValue>; 3]);

/// The value of an attribute, before it is one.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Fixed(&'static str),
    Shared(&'a StringValue),
    Text(&'a str),
    Number(i64),
}

/// The attributes of a family, as far as there are values.
pub(crate) type Parts<'a> = &'a [(&'static str, Option<Part<'a>>)];

impl Family {
    /// The family with these attributes, by which the name of its spans goes.
    pub(crate) fn of(role: Role, parts: Parts<'_>, name: impl Fn() -> String) -> Arc<Self> {
        let make = || Arc::new(Self::new(role, parts, name()));
        let Some(hash) = hash(role, parts) else {
            return make();
        };
        // The upper bits are the well mixed ones.
        let first = (hash >> 32) as usize % PLACES;
        let other = first ^ 1;
        let known = KNOWN.try_with(|known| {
            let mut known = known.try_borrow_mut().ok()?;
            for place in [first, other] {
                let family = known[place].as_ref();
                if let Some(family) = family.filter(|family| family.is(role, parts)) {
                    return Some(Arc::clone(family));
                }
            }
            let made = make();
            known[other] = known[first].replace(Arc::clone(&made));
            Some(made)
        });
        // Not there any more while the thread ends.
        known.ok().flatten().unwrap_or_else(make)
    }

    fn new(role: Role, parts: Parts<'_>, name: String) -> Self {
        let attributes = parts.iter();
        Self {
            role,
            present: present(parts),
            name,
            attributes: attributes
                .filter_map(|(key, part)| Some(KeyValue::new(*key, part.as_ref()?.value())))
                .collect(),
            ended: [const { OnceLock::new() }; ENDS],
        }
    }

    /// The name of the spans.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    /// Shows `look` the attributes with those that the end adds.
    pub(super) fn with(&self, added: &Added, look: impl FnOnce(&[KeyValue])) {
        let all = || -> Box<[KeyValue]> {
            let attributes = self.attributes.iter().chain(added.iter());
            attributes.cloned().collect()
        };
        let start = self.attributes.len();
        let remembered = self.ended.iter().find_map(|ended| {
            let ended = ended.get_or_init(all);
            added.is(&ended[start..]).then_some(ended)
        });
        match remembered {
            Some(ended) => look(ended),
            None => look(&all()),
        }
    }

    fn is(&self, role: Role, parts: Parts<'_>) -> bool {
        let values = parts.iter().filter_map(|(_, part)| part.as_ref());
        let same = |(part, own): (&Part<'_>, &KeyValue)| part.is(&own.value);
        self.role == role
            && self.present == present(parts)
            && values.zip(&self.attributes).all(same)
    }
}

impl Added {
    /// There is room for as many as any protocol has.
    pub(crate) fn push(&mut self, key: &'static str, value: impl Into<Value>) {
        let free = self.0.iter_mut().find(|place| place.is_none());
        debug_assert!(free.is_some());
        if let Some(free) = free {
            *free = Some(KeyValue::new(key, value));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &KeyValue> {
        self.0.iter().flatten()
    }

    fn is(&self, others: &[KeyValue]) -> bool {
        let mut others = others.iter();
        let is_next = |own: &KeyValue| {
            others.next().is_some_and(|other| {
                let values = match (&own.value, &other.value) {
                    (Value::I64(own), Value::I64(other)) => own == other,
                    (Value::String(own), Value::String(other)) => {
                        same(own.as_str(), other.as_str())
                    }
                    (own, other) => own == other,
                };
                values && same(own.key.as_str(), other.key.as_str())
            })
        };
        self.iter().all(is_next) && others.next().is_none()
    }
}

impl Part<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Shared(text) => Some(text.as_str()),
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }

    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number(number), Value::I64(value)) => number == value,
            (_, Value::String(value)) => self.text().is_some_and(|text| same(text, value.as_str())),
            _ => false,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Fixed(text) => (*text).into(),
            Self::Shared(text) => Value::String((*text).clone()),
            Self::Text(text) => Arc::<str>::from(*text).into(),
            Self::Number(number) => (*number).into(),
        }
    }
}

/// What is at the same place need not be looked at: nearly always the text is a constant.
fn same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// A bit for each attribute that has a value.
fn present(parts: Parts<'_>) -> u32 {
    let bits = parts.iter().map(|(_, part)| u32::from(part.is_some()));
    bits.fold(1, |present, bit| (present << 1) | bit)
}

/// A number for the values of `parts`, `None` where one is too long. Enough to spread the entries of a
/// table that compares them anyway.
fn hash(role: Role, parts: Parts<'_>) -> Option<u64> {
    parts
        .iter()
        .try_fold(role as u64, |hash, (_, part)| match part {
            None => Some(mix(hash, 0)),
            Some(Part::Number(number)) => Some(mix(hash, number.cast_unsigned())),
            // Equal constants at two places are two families.
            Some(Part::Fixed(text)) => Some(mix(hash, text.as_ptr().addr() as u64)),
            Some(Part::Shared(text)) => Some(mix(hash, text.as_str().as_ptr().addr() as u64)),
            Some(Part::Text(text)) if text.len() > MAX_TEXT => None,
            Some(Part::Text(text)) => Some(mix_text(hash, text.as_bytes())),
        })
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn mix_text(hash: u64, text: &[u8]) -> u64 {
    let hash = mix(hash, text.len() as u64);
    let (words, rest) = text.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(hash, mix);
    match text.last_chunk() {
        // What is read twice does no harm.
        Some(last) => mix(hash, u64::from_le_bytes(*last)),
        None => rest
            .iter()
            .fold(hash, |hash, byte| mix(hash, u64::from(*byte))),
    }
}

#[cfg(test)]
mod tests;
