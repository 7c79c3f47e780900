//! The attributes of spans and log records within their limits.

use super::callsite;
use super::correlated::{Correlated, Digits, write_trace};
use super::events::fields::{Fields, Value};
use super::spans::RESERVED;
use crate::limits::{ItemLimits, truncated};
use crate::otlp::value::{self, Encoded};
use crate::otlp::wire;
use trisignal_instrumentation::correlation::BAGGAGE_KEY;

/// How many attributes an item still takes, and how long their texts may be.
pub(crate) struct Room {
    left: u32,
    value_length: Option<usize>,
    /// Those that found no room.
    pub(crate) dropped: u32,
}

impl Room {
    pub(crate) fn new(limits: ItemLimits) -> Self {
        Self {
            left: limits.attribute_count,
            value_length: limits.attribute_value_length,
            dropped: 0,
        }
    }

    /// Appends one text.
    #[inline(never)]
    pub(crate) fn text(&mut self, out: &mut Vec<u8>, number: u32, key: &str, text: &str) {
        if self.take() {
            let text = truncated(text, self.value_length);
            value::attribute(out, number, key, Value::Text(text));
        }
    }

    /// Appends the correlation ID, if there is one.
    #[inline]
    pub(crate) fn correlation(&mut self, out: &mut Vec<u8>, number: u32, correlation: &Correlated) {
        match correlation {
            Correlated::Trace(id) if self.takes_whole(1) => {
                self.left -= 1;
                write_trace(out, number, *id);
            }
            Correlated::None => {}
            _ => self.correlation_text(out, number, correlation),
        }
    }

    #[cold]
    fn correlation_text(&mut self, out: &mut Vec<u8>, number: u32, correlation: &Correlated) {
        if let Some(text) = correlation.text(&mut Digits::default()) {
            self.text(out, number, BAGGAGE_KEY, text);
        }
    }

    /// Appends `fields`. Those whose names are taken are renamed, but for the correlation ID, which is there already.
    #[inline(always)]
    pub(crate) fn fields(
        &mut self,
        out: &mut Vec<u8>,
        number: u32,
        fields: &Fields,
        correlation: &Correlated,
    ) {
        if fields.is_empty() {
            return;
        }
        let is_plain = !fields.has_reserved() && fields.number() == number;
        if is_plain && self.takes_whole(fields.count()) {
            out.extend_from_slice(fields.bytes());
            self.left -= fields.count();
        } else {
            self.each_field(out, number, fields, correlation);
        }
    }

    #[cold]
    fn each_field(
        &mut self,
        out: &mut Vec<u8>,
        number: u32,
        fields: &Fields,
        correlation: &Correlated,
    ) {
        let mut digits = Digits::default();
        let correlation = correlation.text(&mut digits).map(Value::Text);
        for field in fields.encoded() {
            if !RESERVED.contains(&field.key) {
                self.encoded(out, number, &field);
                continue;
            }
            let value = field.value();
            if field.key == BAGGAGE_KEY && value.is_some() && value == correlation {
                continue;
            }
            if self.take()
                && let Some(value) = value
            {
                let value = shortened(value, self.value_length);
                value::attribute(out, number, &format!("fields.{}", field.key), value);
            }
        }
    }

    /// Appends constant attributes, which are encoded for `number`.
    #[inline(always)]
    pub(crate) fn constants(
        &mut self,
        out: &mut Vec<u8>,
        number: u32,
        constants: &callsite::Attributes,
    ) {
        if self.takes_whole(constants.count) {
            out.extend_from_slice(&constants.bytes);
            self.left -= constants.count;
        } else {
            self.each_constant(out, number, constants);
        }
    }

    #[cold]
    fn each_constant(&mut self, out: &mut Vec<u8>, number: u32, constants: &callsite::Attributes) {
        for attribute in value::attributes(&constants.bytes) {
            self.encoded(out, number, &attribute);
        }
    }

    fn take(&mut self) -> bool {
        let is_left = self.left > 0;
        if is_left {
            self.left -= 1;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        is_left
    }

    #[inline]
    fn takes_whole(&self, count: u32) -> bool {
        self.value_length.is_none() && count <= self.left
    }

    fn encoded(&mut self, out: &mut Vec<u8>, number: u32, attribute: &Encoded<'_>) {
        if self.take() {
            write_encoded(out, number, attribute, self.value_length);
        }
    }
}

/// Appends an encoded attribute, its text cut to `limit` characters.
pub(super) fn write_encoded(
    out: &mut Vec<u8>,
    number: u32,
    attribute: &Encoded<'_>,
    limit: Option<usize>,
) {
    match attribute.value() {
        Some(value @ Value::Text(_)) if limit.is_some() => {
            value::attribute(out, number, attribute.key, shortened(value, limit));
        }
        _ => wire::member_bytes(out, number, attribute.message),
    }
}

fn shortened(value: Value<'_>, limit: Option<usize>) -> Value<'_> {
    match value {
        Value::Text(text) => Value::Text(truncated(text, limit)),
        other => other,
    }
}
