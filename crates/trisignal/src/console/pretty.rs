//! An event as one line of text for people.
//!
//! `17:00:00.123Z  INFO checkout::orders: order placed order.id=42 total=9.5 trace_id=4bf9…`: the time of day in UTC,
//! the level, where it comes from, what happened, the fields, and at the end what is looked up elsewhere.

use std::fmt::{Display, Write as _};

use tracing::Level;

use super::{
    Line,
    escape::{is_unsafe, push_escaped},
    time::push_time_of_day,
};
use crate::bridge::events::fields::Value;

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";

/// Appends the text of `line`. Writing to a `String` cannot fail.
pub(super) fn push_line(out: &mut String, line: &Line<'_>, colour: bool) {
    let paint = Paint { colour };
    paint.push(out, DIM, |out| push_time_of_day(out, line.time));
    out.push(' ');
    paint.push(out, colour_of(line.level), |out| {
        let _ = write!(out, "{:>5}", line.level.as_str());
    });
    out.push(' ');
    paint.push(out, DIM, |out| {
        push_text(out, line.target);
        out.push(':');
    });
    if let Some(message) = line.message {
        out.push(' ');
        let style = if line.level <= Level::WARN { BOLD } else { "" };
        paint.push(out, style, |out| push_text(out, message));
    }
    for (name, value) in line.fields.iter() {
        out.push(' ');
        paint.push(out, DIM, |out| {
            push_text(out, name);
            out.push('=');
        });
        push_value(out, value);
    }
    push_ids(out, line, &paint);
}

fn push_ids(out: &mut String, line: &Line<'_>, paint: &Paint) {
    let mut id = |name: &str, value: &dyn Display| {
        out.push(' ');
        paint.push(out, DIM, |out| {
            let _ = write!(out, "{name}=");
            push_text(out, &value.to_string());
        });
    };
    if let Some(trace) = line.trace {
        id("trace_id", &trace.trace_id);
        id("span_id", &trace.span_id);
    }
    if let Some(correlation) = line.correlation {
        // Nearly always it is the trace ID, which need not be read twice.
        let is_trace = line
            .trace
            .is_some_and(|trace| trace.trace_id.to_string() == correlation);
        if !is_trace {
            id("correlation_id", &correlation);
        }
    }
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn push(&self, out: &mut String, style: &str, write: impl FnOnce(&mut String)) {
        let painted = self.colour && !style.is_empty();
        if painted {
            out.push_str(style);
        }
        write(out);
        if painted {
            out.push_str(RESET);
        }
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

fn push_value(out: &mut String, value: Value<'_>) {
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::U64(value) => write!(out, "{value}"),
        Value::F64(value) => write!(out, "{value:?}"),
        Value::Text(text) => {
            push_quoted(out, text);
            Ok(())
        }
    };
}

/// In quotes where it would otherwise not be clear where the text ends.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    let unclear = |c: char| c.is_whitespace() || matches!(c, '"' | '=');
    if !text.is_empty() && !text.contains(unclear) {
        push_text(out, text);
        return;
    }
    out.push('"');
    let special = |c| c == '"' || c == '\\' || is_unsafe(c);
    push_escaped(out, text, special, |out, c| {
        let _ = write!(out, "{}", c.escape_default());
    });
    out.push('"');
}

pub(super) fn push_text(out: &mut String, text: &str) {
    push_escaped(out, text, is_unsafe, |out, c| {
        let _ = write!(out, "{}", c.escape_default());
    });
}
