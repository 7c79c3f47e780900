//! Keys that are used again and again, and a hash of names.

use super::value::{BOOL, DOUBLE, INT, KEY, STRING, VALUE, Value, attribute};
use super::wire;

/// Lengths below it take one byte.
const ONE_BYTE: usize = 0x80;
/// The first number that is none of OTLP's, which are signed.
const INT_END: u64 = 1 << 63;

/// A key that is used again and again: the bytes of an attribute up to its value.
#[derive(Debug)]
pub(crate) struct Key {
    name: &'static str,
    hash: u32,
    field: u32,
    /// The attribute's tag, room for its length, key, the value's tag, and room for the length of that and for a value of
    /// two bytes: the lengths in one byte each, as in nearly all attributes. Empty for a key that is too long for this.
    template: Box<[u8]>,
}

impl Key {
    /// The key of attributes that are written as `field`, at most 15, of the message that has them.
    pub(crate) fn new(field: u32, name: &'static str) -> Self {
        let mut template = Vec::new();
        if name.len() < ONE_BYTE {
            template.extend([wire::short_tag(field), 0, wire::short_tag(KEY)]);
            wire::varint(&mut template, name.len() as u64);
            template.extend_from_slice(name.as_bytes());
            template.extend([wire::short_tag(VALUE), 0, 0, 0]);
        }
        Self {
            name,
            hash: hash(name),
            field,
            template: template.into(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The [`hash`] of the name.
    pub(crate) fn hash(&self) -> u32 {
        self.hash
    }

    /// Appends the attribute with this key.
    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Vec<u8>, value: Value<'_>) {
        let is_short = match value {
            Value::Text(text) => {
                let text = text.as_bytes();
                self.begin(out, [wire::short_tag(STRING), text.len() as u8], text)
            }
            Value::Bool(value) => self.begin(out, [wire::varint_tag(BOOL), u8::from(value)], &[]),
            Value::I64(value) => self.write_int(out, value),
            Value::U64(value @ 0..INT_END) => self.write_int(out, value as i64),
            Value::U64(_) => false,
            Value::F64(value) => {
                let [first, rest @ ..] = value.to_le_bytes();
                self.begin(out, [wire::fixed64_tag(DOUBLE), first], &rest)
            }
        };
        if !is_short {
            attribute(out, self.field, self.name, value);
        }
    }

    #[inline]
    fn write_int(&self, out: &mut Vec<u8>, value: i64) -> bool {
        let (bytes, length) = wire::short_varint(wire::varint_tag(INT), value as u64);
        self.begin(out, [bytes[0], bytes[1]], &bytes[2..length])
    }

    /// Appends the attribute with a value of these two bytes and those behind them, if all lengths fit in one byte.
    #[inline]
    fn begin(&self, out: &mut Vec<u8>, [tag, first]: [u8; 2], behind: &[u8]) -> bool {
        // Without tag and length of the attribute.
        let length = self.template.len() + behind.len();
        if self.template.is_empty() || length >= ONE_BYTE {
            return false;
        }
        let start = out.len();
        out.extend_from_slice(&self.template);
        let [_, total, .., value, inner, last] = &mut out[start..] else {
            return false;
        };
        (*total, *value) = (length as u8 - 2, behind.len() as u8 + 2);
        (*inner, *last) = (tag, first);
        out.extend_from_slice(behind);
        true
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
            0, 1, 60, 100, 118, 119, 120, 121, 125, 126, 127, 128, 20_000,
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
        for length in [1, 2, 50, 109, 110, 111, 112, 113, 114, 126, 127, 128, 300] {
            let name: &'static str = "k".repeat(length).leak();
            let key = Key::new(FIELD, name);
            for value in &values {
                let (mut again, mut new) = (b"before".to_vec(), b"before".to_vec());
                key.write(&mut again, *value);
                attribute(&mut new, FIELD, name, *value);
                assert_eq!(again, new, "{length} {value:?}");
            }
        }
    }
}
