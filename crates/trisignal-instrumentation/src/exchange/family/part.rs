//! The attributes of families, as they come with an exchange and as they are recognised.

use std::sync::Arc;

use opentelemetry::{KeyValue, Value};

/// The longest text of a family that is remembered, in bytes: it may be a stranger's.
pub(super) const MAX_TEXT: usize = 256;

/// Attributes, as far as there are values.
pub(crate) type Parts<'a> = &'a [(&'static str, Option<Part<'a>>)];

/// The value of an attribute, before it is one.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Fixed(&'static str),
    Text(&'a str),
    Number(i64),
}

/// A value by which a part is recognised.
#[derive(Debug)]
pub(super) enum Known {
    Absent,
    Fixed(&'static str),
    Text(Arc<str>),
    Number(i64),
}

impl Part<'_> {
    /// The value, where it is a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

impl Known {
    pub(super) fn all(parts: Parts<'_>) -> Box<[Self]> {
        let known = parts.iter().map(|(_, part)| match part {
            None => Self::Absent,
            Some(Part::Fixed(text)) => Self::Fixed(text),
            Some(Part::Text(text)) => Self::Text((*text).into()),
            Some(Part::Number(number)) => Self::Number(*number),
        });
        known.collect()
    }

    /// The values of `parts`, which these are, as attributes.
    pub(super) fn attributes(all: &[Self], parts: Parts<'_>) -> impl Iterator<Item = KeyValue> {
        let pairs = all.iter().zip(parts);
        pairs.filter_map(|(known, (key, _))| Some(KeyValue::new(*key, known.value()?)))
    }

    /// Whether `parts` have these values.
    #[inline]
    pub(super) fn are(all: &[Self], parts: Parts<'_>) -> bool {
        let mut pairs = all.iter().zip(parts);
        all.len() == parts.len() && pairs.all(|(known, (_, part))| known.is(part.as_ref()))
    }

    #[inline]
    fn is(&self, part: Option<&Part<'_>>) -> bool {
        match (self, part) {
            (Self::Absent, None) => true,
            // Equal constants at two places are two families.
            (Self::Fixed(own), Some(Part::Fixed(text))) => std::ptr::eq(*own, *text),
            (Self::Text(own), Some(Part::Text(text))) => **own == **text,
            (Self::Number(own), Some(Part::Number(number))) => own == number,
            _ => false,
        }
    }

    fn value(&self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Fixed(text) => Some((*text).into()),
            Self::Text(text) => Some(Value::String(Arc::clone(text).into())),
            Self::Number(number) => Some((*number).into()),
        }
    }
}

/// A number for the values of `parts`, `None` where one is too long. Enough to spread the entries of a
/// table that compares them anyway.
pub(super) fn hash(salt: u64, parts: Parts<'_>) -> Option<u64> {
    parts.iter().try_fold(salt, |hash, (_, part)| match part {
        None => Some(mix(hash, 0)),
        Some(Part::Number(number)) => Some(mix(hash, number.cast_unsigned())),
        Some(Part::Fixed(text)) => Some(mix(hash, text.as_ptr().addr() as u64)),
        Some(Part::Text(text)) if text.len() > MAX_TEXT => None,
        Some(Part::Text(text)) => Some(mix_text(hash, text.as_bytes())),
    })
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One copy of its loops, for all parts.
#[inline(never)]
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
