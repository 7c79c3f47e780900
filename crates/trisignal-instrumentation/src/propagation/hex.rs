//! Identifiers as the formats write them: lower-case hex digits of an exact number, not all zero.

use opentelemetry::{SpanId, TraceId};

/// A trace ID of 32 digits.
pub(super) fn trace_id(digits: &[u8]) -> Option<TraceId> {
    let id = TraceId::from_bytes(bytes(digits)?);
    (id != TraceId::INVALID).then_some(id)
}

/// A span ID of 16 digits.
pub(super) fn span_id(digits: &[u8]) -> Option<SpanId> {
    let id = SpanId::from_bytes(bytes(digits)?);
    (id != SpanId::INVALID).then_some(id)
}

/// The bytes of `2 * N` digits.
pub(super) fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    const fn value(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0x0f]];
        byte += 1;
    }
    pairs
};

/// Writes two digits for each byte.
pub(crate) fn write(bytes: &[u8], digits: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(digits.as_chunks_mut().0) {
        *pair = PAIRS[usize::from(*byte)];
    }
}
