//! An event as one JSON object on one line.

use std::fmt::Write as _;

use super::{
    Line,
    escape::{is_unsafe, push_escaped},
    time::push_rfc3339,
};
use crate::bridge::events::fields::Value;

/// Keys with a meaning of their own. A field of such a name is written as `fields.<name>`.
const RESERVED: &[&str] = &[
    "timestamp",
    "level",
    "service",
    "message",
    "target",
    "trace_id",
    "span_id",
    "trace_flags",
    "correlation_id",
];

/// Names that start with this get it once more, so that no two fields ever share a key.
const MOVED: &str = "fields.";

/// Appends the object of `line`; `service` is already quoted. Writing to a `String` cannot fail.
pub(super) fn push_line(out: &mut String, line: &Line<'_>, service: &str) {
    out.push_str("{\"timestamp\":\"");
    push_rfc3339(out, line.time);
    out.push_str("\",\"level\":\"");
    out.push_str(line.level.as_str());
    out.push_str("\",\"service\":");
    out.push_str(service);
    if let Some(message) = line.message {
        out.push_str(",\"message\":");
        push_string(out, message);
    }
    out.push_str(",\"target\":");
    push_string(out, line.target);
    if let Some(trace) = line.trace {
        let _ = write!(
            out,
            ",\"trace_id\":\"{}\",\"span_id\":\"{}\",\"trace_flags\":\"{:02x}\"",
            trace.trace_id,
            trace.span_id,
            trace.flags.to_u8()
        );
    }
    if let Some(correlation) = line.correlation {
        out.push_str(",\"correlation_id\":");
        push_string(out, correlation);
    }
    for (name, value) in line.fields.iter() {
        out.push_str(",\"");
        if name.starts_with(MOVED) || RESERVED.contains(&name) {
            out.push_str(MOVED);
        }
        push_content(out, name);
        out.push_str("\":");
        push_value(out, value);
    }
    out.push('}');
}

/// Appends `text` as a JSON string.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_content(out, text);
    out.push('"');
}

/// Appends `text` as it stands inside of a JSON string.
pub(super) fn push_content(out: &mut String, text: &str) {
    let special = |c| c == '"' || c == '\\' || is_unsafe(c);
    push_escaped(out, text, special, |out, c| match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        // All of them are in the basic plane, so four digits are enough.
        c => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    });
}

pub(super) fn push_value(out: &mut String, value: Value<'_>) {
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::U64(value) => write!(out, "{value}"),
        // Shortest form that reads back the same, always with a point or an exponent.
        Value::F64(value) if value.is_finite() => write!(out, "{value:?}"),
        Value::F64(value) => write!(out, "\"{}\"", non_finite(value)),
        Value::Text(value) => {
            push_string(out, value);
            Ok(())
        }
    };
}

/// As OTLP's JSON form names them, since JSON has no such numbers.
fn non_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
