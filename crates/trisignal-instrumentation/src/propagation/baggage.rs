//! W3C Baggage: `key=value;property;property=value,…` over any number of headers.
//!
//! Keys are tokens and are not decoded. Values are percent-decoded text and may hold `=`.
//! Properties are kept as they came: decoding them would let an encoded comma become a member. Both
//! ways take at most 64 members and 8192 bytes, whole members only. An ill-formed member is dropped
//! alone.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use opentelemetry::baggage::{Baggage, BaggageExt, BaggageMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

use super::count_rejected;
use crate::correlation::BAGGAGE_KEY;

pub(super) const HEADER: &str = "baggage";
const MAX_MEMBERS: usize = 64;
const MAX_BYTES: usize = 8192;

static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);

/// The `baggage` header, as W3C Baggage has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct BaggagePropagator {
    _private: (),
}

impl BaggagePropagator {
    /// The propagator. It has no settings.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl TextMapPropagator for BaggagePropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        if let Some(header) = write(cx.baggage()) {
            injector.set(HEADER, header);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match extractor.get_all(HEADER) {
            Some(values) => {
                let baggage = parse(&values);
                if baggage.is_empty() {
                    cx.clone()
                } else {
                    cx.with_baggage(baggage)
                }
            }
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

fn parse(headers: &[&str]) -> Baggage {
    let mut baggage = Baggage::new();
    let mut bytes = 0;
    // Counted once for all: a header of 4,000 broken members must not cost 4,000 counts.
    let mut is_whole = true;
    for member in headers.iter().flat_map(|header| header.split(',')) {
        // The separating comma counts, so any number of empty headers ends as well.
        bytes += member.len() + 1;
        if bytes > MAX_BYTES + 1 {
            is_whole = false;
            break;
        }
        let member = trim(member);
        if member.is_empty() {
            continue;
        }
        match parse_member(member) {
            Some((key, value, properties))
                if baggage.len() < MAX_MEMBERS || baggage.get(key).is_some() =>
            {
                // Shared text, so that reading the correlation ID from the context later on costs
                // no copy.
                let value: StringValue = Arc::<str>::from(value).into();
                baggage.insert_with_metadata(key.to_owned(), value, properties);
            }
            _ => is_whole = false,
        }
    }
    if !is_whole {
        count_rejected(HEADER);
    }
    baggage
}

fn parse_member(member: &str) -> Option<(&str, Cow<'_, str>, &str)> {
    let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value, properties) = (trim(key), trim(value), trim(properties));
    let well_formed =
        is_token(key) && value.bytes().all(is_octet) && properties.bytes().all(is_property_octet);
    well_formed.then(|| (key, decode(value), properties))
}

fn write(baggage: &Baggage) -> Option<String> {
    let mut members: Vec<_> = baggage.iter().collect();
    // In the order of the keys, so that equal baggage makes equal headers; the correlation ID
    // first, so that a limit never costs it.
    members.sort_unstable_by_key(|(key, _)| (key.as_str() != BAGGAGE_KEY, key.as_str()));
    let mut header = String::with_capacity(plain_length(&members).min(MAX_BYTES));
    let mut left = MAX_MEMBERS;
    let mut is_whole = true;
    for (key, (value, properties)) in members {
        let start = header.len();
        if start != 0 {
            header.push(',');
        }
        header.push_str(key.as_str());
        header.push('=');
        // The plus sign might stand as it is, but SDKs that decode as forms do read it as a space.
        encode(
            value.as_str(),
            |byte| is_octet(byte) && byte != b'%' && byte != b'+',
            &mut header,
        );
        if !properties.as_str().is_empty() {
            header.push(';');
            encode(properties.as_str(), is_property_octet, &mut header);
        }
        if is_token(key.as_str()) && header.len() <= MAX_BYTES && left > 0 {
            left -= 1;
        } else {
            // It goes as a whole, and a shorter one may still have room.
            header.truncate(start);
            is_whole = false;
        }
    }
    if !is_whole {
        count_rejected(HEADER);
    }
    (!header.is_empty()).then_some(header)
}

/// The length of the header where nothing needs to be encoded.
fn plain_length(members: &[(&Key, &(StringValue, BaggageMetadata))]) -> usize {
    let lengths = members.iter().map(|(key, (value, properties))| {
        let pair = key.as_str().len() + "=".len() + value.as_str().len();
        match properties.as_str() {
            "" => pair,
            properties => pair + ";".len() + properties.len(),
        }
    });
    lengths.sum::<usize>() + members.len().saturating_sub(1)
}

/// Percent-decodes `value`. A `%` without two hex digits stands for itself, and what is no UTF-8
/// becomes U+FFFD.
fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%')
            .then(|| digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2))))
            .flatten();
        match escape {
            Some((high, low)) => {
                // Two digits below 16 make one byte.
                decoded.push((high << 4 | low) as u8);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Appends `text` with every byte that is not `plain` percent-encoded.
fn encode(text: &str, plain: impl Fn(u8) -> bool, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if text.bytes().all(&plain) {
        return into.push_str(text);
    }
    for byte in text.bytes() {
        if plain(byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 0x0f)]));
        }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_token(key: &str) -> bool {
    let is_mark = |byte| {
        matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || is_mark(byte);
    !key.is_empty() && key.bytes().all(allowed)
}

/// `baggage-octet`: visible ASCII without `"`, `,`, `;` and `\`.
const fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// What may stand in a list of properties: octets, the `;` between them and white space about them.
const fn is_property_octet(byte: u8) -> bool {
    is_octet(byte) || matches!(byte, b';' | b' ' | b'\t')
}

#[cfg(test)]
mod tests;
