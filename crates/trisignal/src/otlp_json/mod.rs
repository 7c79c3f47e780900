//! OTLP/JSON from encoded OTLP: a request goes from protobuf to JSON by the table of its fields, without being decoded into
//! messages first.
//!
//! The form is that of the OTLP specification: names in lowerCamelCase, IDs in hexadecimal, integers of 64 bits as text,
//! enumerations as numbers; it is one line. What protobuf leaves out (empty texts, zeros) is not in the JSON either.

mod schema;
mod wire;

use std::fmt::Write as _;

use bytes::Bytes;

use self::schema::{Field, Kind, Message};
pub(crate) use self::wire::Malformed;
use self::wire::Value;
use crate::console::is_unsafe;
use crate::pipeline::signal::Signal;

/// Deeper values are not written: nothing that we encode comes near, and the stack is finite.
const MAX_DEPTH: usize = 200;

/// The request as JSON, without a line feed.
///
/// # Errors
///
/// When `body` is no protobuf, or is nested more than 200 levels deep.
pub(crate) fn encode(signal: Signal, body: &Bytes) -> Result<String, Malformed> {
    // Names and quotes make about three bytes of one.
    let mut json = String::with_capacity(body.len().saturating_mul(3));
    message(schema::request(signal), body, MAX_DEPTH, &mut json)?;
    Ok(json)
}

fn message(
    message: &Message,
    body: &[u8],
    depth: usize,
    json: &mut String,
) -> Result<(), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    // Fields may come in any order, and those of a list apart from each other.
    let values = wire::fields(body)?;
    json.push('{');
    let start = json.len();
    for field in message.0 {
        let mut found = values
            .iter()
            .filter(|(number, _)| *number == field.number)
            .map(|(_, value)| *value)
            .peekable();
        if found.peek().is_none() {
            continue;
        }
        if json.len() > start {
            json.push(',');
        }
        json.push('"');
        json.push_str(field.name);
        json.push_str("\":");
        if field.repeated {
            list(field, found, depth, json)?;
        } else if let Some(last) = found.last() {
            // By the rules of protobuf the last one counts.
            single(field.kind, last, depth, json)?;
        }
    }
    json.push('}');
    Ok(())
}

fn list<'a>(
    field: &Field,
    values: impl Iterator<Item = Value<'a>>,
    depth: usize,
    json: &mut String,
) -> Result<(), Malformed> {
    json.push('[');
    let start = json.len();
    let mut put = |value| {
        if json.len() > start {
            json.push(',');
        }
        single(field.kind, value, depth, json)
    };
    for value in values {
        match (field.kind, value) {
            // Numbers may be packed into one field.
            (Kind::Fixed64 | Kind::Double, Value::Bytes(packed)) => {
                for chunk in packed.chunks(8) {
                    put(wire::fixed(chunk)?)?;
                }
            }
            (Kind::Uint64, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    put(Value::Varint(wire::varint(&mut packed)?))?;
                }
            }
            (_, value) => put(value)?,
        }
    }
    json.push(']');
    Ok(())
}

fn single(kind: Kind, value: Value<'_>, depth: usize, json: &mut String) -> Result<(), Malformed> {
    // Writing to a string can't fail.
    let _ = match (kind, value) {
        (Kind::Message(inner), Value::Bytes(body)) => return message(inner, body, depth, json),
        (Kind::Text, Value::Bytes(text)) => {
            let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
            quoted(text, json);
            Ok(())
        }
        (Kind::Id, Value::Bytes(id)) => {
            json.push('"');
            let written = id.iter().try_for_each(|byte| write!(json, "{byte:02x}"));
            json.push('"');
            written
        }
        (Kind::Bytes, Value::Bytes(bytes)) => {
            json.push('"');
            base64(bytes, json);
            json.push('"');
            Ok(())
        }
        (Kind::Bool, Value::Varint(value)) => write!(json, "{}", value != 0),
        // The low half is the number, whatever its sign was stretched to.
        (Kind::Int32, Value::Varint(value)) => write!(json, "{}", value as i32),
        (Kind::Uint32, Value::Varint(value)) => write!(json, "{}", value as u32),
        (Kind::Sint32, Value::Varint(value)) => {
            let value = value as u32;
            write!(
                json,
                "{}",
                (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
            )
        }
        (Kind::Fixed32, Value::Fixed32(value)) => write!(json, "{value}"),
        (Kind::Int64, Value::Varint(value)) => write!(json, "\"{}\"", value.cast_signed()),
        (Kind::Uint64, Value::Varint(value)) => write!(json, "\"{value}\""),
        (Kind::Fixed64, Value::Fixed64(value)) => write!(json, "\"{value}\""),
        (Kind::Sfixed64, Value::Fixed64(value)) => write!(json, "\"{}\"", value.cast_signed()),
        (Kind::Double, Value::Fixed64(bits)) => double(f64::from_bits(bits), json),
        _ => return Err(Malformed),
    };
    Ok(())
}

/// By protobuf's rules for JSON, which has no such numbers itself.
fn double(value: f64, json: &mut String) -> std::fmt::Result {
    if value.is_nan() {
        json.write_str("\"NaN\"")
    } else if value.is_infinite() {
        json.write_str(if value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        })
    } else {
        // `Debug` has exponents, so that no number is hundreds of digits long.
        write!(json, "{value:?}")
    }
}

fn quoted(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|char| is_unsafe(char) || matches!(char, '"' | '\\')) {
        let (plain, special) = rest.split_at(at);
        json.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('\n') => json.push_str("\\n"),
            Some('\r') => json.push_str("\\r"),
            Some('\t') => json.push_str("\\t"),
            Some(quote @ ('"' | '\\')) => json.extend(['\\', quote]),
            // All of them are below U+10000. A terminal must not obey them either.
            Some(control) => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    json.push_str(rest);
    json.push('"');
}

fn base64(bytes: &[u8], json: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |at| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= chunk.len() {
                // Six bits index the 64 digits.
                let digit = (group >> (18 - 6 * at)) & 63;
                json.push(char::from(DIGITS[digit as usize]));
            } else {
                json.push('=');
            }
        }
    }
}

#[cfg(test)]
mod tests;
