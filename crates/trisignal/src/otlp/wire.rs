//! The protobuf wire format: tags, varints, fixed numbers, and messages whose length is known at their end.

/// The wire types that OTLP uses.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// The most bytes of a varint.
const MAX_VARINT: usize = 10;

/// Appends `value` in as few bytes as it needs.
#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The same bytes at the front of an array, and how many they are.
#[inline]
pub(crate) fn varint_bytes(mut value: u64) -> ([u8; MAX_VARINT], usize) {
    let mut bytes = [0; MAX_VARINT];
    let mut length = 0;
    while value >= 0x80 {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    (bytes, length + 1)
}

/// How many bytes [`varint`] writes for `value`.
#[inline]
pub(crate) const fn varint_len(value: u64) -> usize {
    // Seven bits a byte; zero takes one byte as well.
    (63 - (value | 1).leading_zeros() as usize) / 7 + 1
}

/// The tag of a length-delimited field, as the one byte that it is for fields up to 15.
pub(crate) const fn short_tag(field: u32) -> u8 {
    assert!(field < 16);
    (field << 3 | LENGTH) as u8
}

/// The same for a field that is a varint.
pub(crate) const fn varint_tag(field: u32) -> u8 {
    assert!(field < 16);
    (field << 3 | VARINT) as u8
}

/// The same for a field of eight bytes.
pub(crate) const fn fixed64_tag(field: u32) -> u8 {
    assert!(field < 16);
    (field << 3 | FIXED64) as u8
}

#[inline]
fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// Appends the tag and the length of a length-delimited field up to 15; `length` bytes are to follow.
#[inline]
pub(crate) fn header(out: &mut Vec<u8>, field: u32, length: usize) {
    if length < 0x80 {
        out.extend_from_slice(&[short_tag(field), length as u8]);
    } else {
        long_header(out, short_tag(field), length);
    }
}

#[inline(never)]
fn long_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    varint(out, length as u64);
}

/// How many bytes a length-delimited field of at most number 15 takes with its tag.
#[inline]
pub(crate) const fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// An unsigned number, or an enumeration; left out when it is 0.
#[inline]
pub(crate) fn uint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        member_uint(out, field, value);
    }
}

#[inline(never)]
fn member_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

/// A number of eight bytes in a field up to 15, such as a time in nanoseconds; left out when it is 0.
#[inline]
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        out.extend_from_slice(&short_fixed64(field, value));
    }
}

/// The bytes of a number of eight bytes in a field up to 15.
#[inline]
pub(crate) fn short_fixed64(field: u32, value: u64) -> [u8; 9] {
    let mut bytes = [fixed64_tag(field); 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// The bytes of a number of four bytes in a field from 16 to 2,047.
#[inline]
pub(crate) const fn long_fixed32(field: u32, value: u32) -> [u8; 6] {
    assert!(field >= 16 && field < 2048);
    let tag = field << 3 | FIXED32;
    let [a, b, c, d] = value.to_le_bytes();
    [tag as u8 | 0x80, (tag >> 7) as u8, a, b, c, d]
}

/// The bytes of a number of four bytes in a field up to 15.
#[inline]
pub(crate) const fn short_fixed32(field: u32, value: u32) -> [u8; 5] {
    assert!(field < 16);
    let [a, b, c, d] = value.to_le_bytes();
    [(field << 3 | FIXED32) as u8, a, b, c, d]
}

/// A number of four bytes, such as flags; left out when it is 0.
#[inline]
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        tag(out, field, FIXED32);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A field of `N` bytes, at most 127, which is `LENGTH` bytes long with its tag and its length.
#[inline]
pub(crate) fn short_bytes<const N: usize, const LENGTH: usize>(
    field: u32,
    value: [u8; N],
) -> [u8; LENGTH] {
    const { assert!(N < 0x80 && LENGTH == N + 2) };
    let mut bytes = [0; LENGTH];
    bytes[0] = short_tag(field);
    bytes[1] = N as u8;
    bytes[2..].copy_from_slice(&value);
    bytes
}

/// Bytes or text; left out when there are none.
#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        member_bytes(out, field, value);
    }
}

/// The same for what is hardly ever there.
#[inline]
pub(crate) fn rare_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        some_bytes(out, field, value);
    }
}

#[cold]
fn some_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    member_bytes(out, field, value);
}

/// Bytes or text of a list or a `oneof`, where also the empty ones are written.
#[inline]
pub(crate) fn member_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    header(out, field, value.len());
    out.extend_from_slice(value);
}

/// A `bool` of a `oneof`, where also `false` is written.
#[inline]
pub(crate) fn member_bool(out: &mut Vec<u8>, field: u32, value: bool) {
    tag(out, field, VARINT);
    out.push(u8::from(value));
}

/// An `int64` of a `oneof`, where also 0 is written.
#[inline]
pub(crate) fn member_int(out: &mut Vec<u8>, field: u32, value: i64) {
    tag(out, field, VARINT);
    // Negative numbers take ten bytes, as protobuf has it.
    varint(out, value as u64);
}

/// A `double` of a `oneof`, where also 0 is written.
#[inline]
pub(crate) fn member_double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A message that is being written: its length is filled in by [`end`](Self::end).
#[must_use = "a message has to be ended"]
#[derive(Debug)]
pub(crate) struct Message {
    /// Where its content begins.
    content: usize,
    /// Bytes that wait for the length.
    reserved: usize,
}

impl Message {
    /// Begins a message that will nearly always be shorter than 128 bytes, as a field up to 15.
    #[inline]
    pub(crate) fn begin(out: &mut Vec<u8>, field: u32) -> Self {
        out.extend_from_slice(&[short_tag(field), 0]);
        Self {
            content: out.len(),
            reserved: 1,
        }
    }

    /// Begins a message that will mostly have from 128 to 16,383 bytes, as a field up to 15.
    #[inline]
    pub(crate) fn begin_large(out: &mut Vec<u8>, field: u32) -> Self {
        out.extend_from_slice(&large_header(field));
        Self::begun_large(out.len())
    }

    /// The message whose content begins at `content`, behind a [`large_header`].
    #[inline]
    pub(crate) fn begun_large(content: usize) -> Self {
        Self {
            content,
            reserved: 2,
        }
    }

    /// Fills in the length. What was written since then is moved when the guess at its length was wrong.
    #[inline]
    pub(crate) fn end(self, out: &mut Vec<u8>) {
        let length = out.len() - self.content;
        let start = self.content - self.reserved;
        match (self.reserved, length) {
            (1, 0..0x80) => out[start] = length as u8,
            (2, 0x80..0x4000) => {
                let bytes = [length as u8 | 0x80, (length >> 7) as u8];
                out[start..start + 2].copy_from_slice(&bytes);
            }
            _ => move_content(out, &self, length),
        }
    }
}

/// The tag of a message in a field up to 15, and room for its length.
#[inline]
pub(crate) const fn large_header(field: u32) -> [u8; 3] {
    [short_tag(field), 0, 0]
}

/// Makes the room before the content of `message` as large as its length needs, and fills it in.
#[cold]
fn move_content(out: &mut Vec<u8>, message: &Message, length: usize) {
    let (bytes, needed) = varint_bytes(length as u64);
    let start = message.content - message.reserved;
    let target = start + needed;
    if needed > message.reserved {
        out.resize(target + length, 0);
    }
    out.copy_within(message.content..message.content + length, target);
    out.truncate(target + length);
    out[start..target].copy_from_slice(&bytes[..needed]);
}

/// Reads a varint at the front of `bytes`, and answers what is behind it.
#[inline]
pub(crate) fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(MAX_VARINT) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// Reads a length-delimited field at the front of `bytes`: its number, its content, and what is behind it.
#[inline]
pub(crate) fn read_field(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (tag, bytes) = read_varint(bytes)?;
    let (length, bytes) = read_varint(bytes)?;
    let (content, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    Some((u32::try_from(tag >> 3).ok()?, content, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn varints_are_as_short_as_can_be_and_read_back() {
        for shift in 0..64 {
            for value in [1 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                varint(&mut out, value);
                let mut theirs = Vec::new();
                prost::encoding::encode_varint(value, &mut theirs);
                assert_eq!(out, theirs);
                assert_eq!(out.len(), varint_len(value), "{value}");
                assert_eq!(read_varint(&out), Some((value, &[][..])));
            }
        }
        assert_eq!(read_varint(&[0x80]), None);
        assert_eq!(read_varint(&[0x80; 11]), None);
    }

    #[test]
    fn a_message_of_any_length_gets_its_length() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 3_000_000] {
            for begin in [Message::begin, Message::begin_large] {
                let mut out = b"before".to_vec();
                let message = begin(&mut out, 5);
                out.extend((0..length).map(|index| index as u8));
                message.end(&mut out);
                out.extend_from_slice(b"behind");
                let field = out.strip_prefix(b"before").unwrap();
                let (number, content, rest) = read_field(field).unwrap();
                assert_eq!((number, content.len(), rest), (5, length, &b"behind"[..]));
                assert!(
                    content
                        .iter()
                        .zip(0_usize..)
                        .all(|(byte, index)| *byte == index as u8)
                );
                assert_eq!(field.len() - rest.len(), field_len(length));
            }
        }
    }

    #[test]
    fn messages_nest() {
        let mut out = Vec::new();
        let outer = Message::begin(&mut out, 1);
        let inner = Message::begin(&mut out, 2);
        member_bytes(&mut out, 3, &[7; 200]);
        inner.end(&mut out);
        outer.end(&mut out);
        let (_, outer, _) = read_field(&out).unwrap();
        let (_, inner, _) = read_field(outer).unwrap();
        assert_eq!(read_field(inner).unwrap(), (3, &[7; 200][..], &[][..]));
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let mut out = Vec::new();
        member_bytes(&mut out, 1, b"text");
        for end in 0..out.len() {
            assert_eq!(read_field(&out[..end]), None);
        }
    }
}
