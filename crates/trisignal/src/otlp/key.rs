//! Keys that are used again and again, and a hash of names.

use super::value::{BOOL, DOUBLE, INT, KEY, STRING, VALUE, Value, attribute};
use super::wire;

/// Lengths below it take one byte.
const ONE_BYTE: usize = 0x80;
/// The first number that is none of OTLP's, which are signed.
const INT_END: u64 = 1 << 63;
/// Room for an attribute up to its value. With a name that fits in it, an attribute with a number has lengths of one byte.
const HEAD: usize = 48;
/// What of it is not the name: the attribute's tag and its length, the same of the key, and the value's tag.
const AROUND_NAME: usize = 5;

/// A key that is used again and again: the bytes of an attribute up to its value.
#[derive(Debug)]
pub(crate) struct Key {
    name: &'static str,
    hash: u32,
    field: u32,
    /// The attribute up to the length of its value, with room for its own length. What is behind that means nothing.
    head: [u8; HEAD],
    /// How much of it is used.
    length: usize,
    /// Texts below it are short enough for lengths of one byte. 0 for a name that is too long for `head`.
    room: usize,
}

/// What is behind the head of a key, up to a text: first the length of all of it, which is one byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short {
    /// The first byte is the lowest: so all of it is moved at once.
    bytes: u128,
    length: usize,
}

impl Short {
    /// Behind the length and this tag there are so many bytes of the value, and so many of its text.
    #[inline(always)]
    fn new(tag: u8, value: u64, length: usize, text: usize) -> Self {
        let begin = (1 + length + text) as u128 | u128::from(tag) << 8;
        Self {
            bytes: begin | u128::from(value) << 16,
            length: 2 + length,
        }
    }

    #[inline]
    fn int(value: u64) -> Self {
        const TAG: u8 = wire::varint_tag(INT);
        match value {
            0..0x80 => Self::new(TAG, value, 1, 0),
            0x80..0x4000 => Self::new(TAG, value & 0x7f | 0x80 | value >> 7 << 8, 2, 0),
            _ => Self::large_int(value),
        }
    }

    #[cold]
    fn large_int(value: u64) -> Self {
        let (varint, length) = wire::varint_bytes(value);
        let mut bytes = [0; 16];
        bytes[..varint.len()].copy_from_slice(&varint);
        let Self { bytes: begin, .. } = Self::new(wire::varint_tag(INT), 0, length, 0);
        Self {
            bytes: begin | u128::from_le_bytes(bytes) << 16,
            length: 2 + length,
        }
    }
}

impl Key {
    /// The key of attributes that are written as `field`, at most 15, of the message that has them.
    pub(crate) fn new(field: u32, name: &'static str) -> Self {
        let mut head = [0; HEAD];
        let length = name.len() + AROUND_NAME;
        let fits = length <= HEAD;
        if fits {
            head[0] = wire::short_tag(field);
            head[2] = wire::short_tag(KEY);
            head[3] = name.len() as u8;
            head[4..length - 1].copy_from_slice(name.as_bytes());
            head[length - 1] = wire::short_tag(VALUE);
        }
        Self {
            name,
            hash: hash(name),
            field,
            head,
            length,
            // Behind the head there are the value's length, the text's tag and its length.
            room: if fits { ONE_BYTE - length - 1 } else { 0 },
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The [`hash`] of the name.
    pub(crate) fn hash(&self) -> u32 {
        self.hash
    }

    /// `value` as it stands behind the head, and its text; `None` where that or its length is too long for it.
    #[inline(always)]
    pub(crate) fn short<'a>(&self, value: Value<'a>) -> Option<(Short, &'a str)> {
        let short = match value {
            Value::Text(text) if text.len() < self.room => {
                let length = text.len() as u64;
                return Some((
                    Short::new(wire::short_tag(STRING), length, 1, text.len()),
                    text,
                ));
            }
            Value::Bool(value) => Short::new(wire::varint_tag(BOOL), u64::from(value), 1, 0),
            Value::I64(value) => Short::int(value as u64),
            Value::U64(value) if value < INT_END => Short::int(value),
            Value::F64(value) => Short::new(wire::fixed64_tag(DOUBLE), value.to_bits(), 8, 0),
            Value::Text(_) | Value::U64(_) => return None,
        };
        (self.room > 0).then_some((short, ""))
    }

    /// Appends the attribute with this key and a value that is [`short`](Self::short).
    #[inline]
    pub(crate) fn write_short(&self, out: &mut Vec<u8>, value: Short, text: &str) {
        let start = out.len();
        // As much as is known when this is compiled: a few moves instead of a loop.
        out.extend_from_slice(&self.head);
        out.truncate(start + self.length);
        out[start + 1] = (self.length + value.length + text.len() - 2) as u8;
        out.extend_from_slice(&value.bytes.to_le_bytes());
        out.truncate(start + self.length + value.length);
        if !text.is_empty() {
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// Appends the attribute with this key and any value.
    pub(crate) fn write(&self, out: &mut Vec<u8>, value: Value<'_>) {
        attribute(out, self.field, self.name, value);
    }
}

/// A hash of a name, to tell most names apart without a look at them.
#[inline]
pub(crate) fn hash(name: &str) -> u32 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut eights = name.as_bytes().chunks_exact(8);
    let mut hash = name.len() as u64;
    for eight in &mut eights {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(bytes)).wrapping_mul(MIX);
    }
    for byte in eights.remainder() {
        hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(MIX);
    }
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: u32 = 9;

    #[test]
    fn a_key_used_again_writes_what_a_new_one_does() {
        let texts: Vec<_> = [
            0, 1, 60, 78, 79, 80, 100, 118, 119, 120, 121, 125, 126, 127, 128, 20_000,
        ]
        .map(|length| "x".repeat(length))
        .into();
        let numbers = [0, 1, -1, 127, 128, 200, 16_383, 16_384, i64::MAX, i64::MIN];
        let values = texts.iter().map(|text| Value::Text(text));
        let values = values.chain(numbers.map(Value::I64)).chain([
            Value::U64(0),
            Value::U64(1 << 62),
            Value::U64(1 << 63),
            Value::U64(u64::MAX),
            Value::F64(-0.5),
            Value::Bool(true),
            Value::Bool(false),
        ]);
        let values: Vec<_> = values.collect();
        for length in [1, 2, 42, 43, 44, 45, 109, 110, 111, 112, 126, 127, 128, 300] {
            let name: &'static str = "k".repeat(length).leak();
            let key = Key::new(FIELD, name);
            for value in &values {
                let (mut again, mut new) = (b"before".to_vec(), b"before".to_vec());
                match key.short(*value) {
                    Some((short, text)) => key.write_short(&mut again, short, text),
                    None => key.write(&mut again, *value),
                }
                attribute(&mut new, FIELD, name, *value);
                assert_eq!(again, new, "{length} {value:?}");
            }
        }
    }
}
