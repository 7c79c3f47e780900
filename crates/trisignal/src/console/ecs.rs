//! An event as one JSON object in the Elastic Common Schema, on one line.
//!
//! What the schema has a field for is under its name. All other fields are labels, flat and by type: texts and truth values
//! under `labels`, numbers under `numeric_labels`. So no field of a program can have a type that the index does not
//! expect, which would cost the whole document.

use std::fmt::Write as _;

use opentelemetry::Key;
use opentelemetry_sdk::Resource;

use super::{
    Line,
    json::{push_content, push_string, push_value},
    time::push_rfc3339,
};
use crate::bridge::events::fields::Value;

/// The version of the schema.
const VERSION: &str = "8.11.0";

/// Attributes of the resource that the schema has a field for.
const RESOURCE: [(&str, &str); 4] = [
    ("service.name", "service.name"),
    ("service.version", "service.version"),
    ("deployment.environment.name", "service.environment"),
    ("service.instance.id", "service.node.name"),
];

/// Fields that the schema knows by another name, or by the same.
const ERRORS: [(&str, &str); 4] = [
    ("exception.type", "error.type"),
    ("error.type", "error.type"),
    ("exception.message", ERROR_MESSAGE),
    ("exception.stacktrace", "error.stack_trace"),
];

const ERROR_MESSAGE: &str = "error.message";

const CORRELATION: &str = "correlation_id";

/// What all lines say of the service, ready to be appended.
#[derive(Debug)]
pub(super) struct Service(String);

impl Service {
    pub(super) fn of(resource: &Resource) -> Self {
        let mut text = format!(",\"ecs.version\":\"{VERSION}\"");
        for (attribute, name) in RESOURCE {
            if let Some(value) = resource.get(&Key::from_static_str(attribute)) {
                let _ = write!(text, ",\"{name}\":");
                push_string(&mut text, &value.as_str());
            }
        }
        Self(text)
    }
}

/// Appends the object of `line`. Writing to a `String` cannot fail.
pub(super) fn push_line(out: &mut String, line: &Line<'_>, service: &Service) {
    out.push_str("{\"@timestamp\":\"");
    push_rfc3339(out, line.time);
    out.push_str("\",\"log.level\":\"");
    out.push_str(line.level.as_str());
    // The schema wants a message in every line.
    out.push_str("\",\"message\":");
    push_string(out, line.message.unwrap_or_default());
    out.push_str(&service.0);
    out.push_str(",\"log.logger\":");
    push_string(out, line.target);
    if let Some(trace) = line.trace {
        let (trace_id, span_id) = (trace.trace_id, trace.span_id);
        let _ = write!(
            out,
            ",\"trace.id\":\"{trace_id}\",\"span.id\":\"{span_id}\""
        );
    }
    push_error(out, line);
    push_labels(out, line);
    push_numbers(out, line);
    out.push('}');
}

fn push_error(out: &mut String, line: &Line<'_>) {
    let from_field = line.exception.filter(|_| {
        !ERRORS
            .iter()
            .any(|(name, field)| *field == ERROR_MESSAGE && is_error(line, name))
    });
    if let Some(message) = from_field {
        let _ = write!(out, ",\"{ERROR_MESSAGE}\":");
        push_string(out, message);
    }
    for (name, field) in ERRORS.iter().filter(|(name, _)| is_error(line, name)) {
        if let Some(value) = line.fields.get(name) {
            let _ = write!(out, ",\"{field}\":");
            push_value(out, value);
        }
    }
}

/// Whether the field `name` is one of the schema's. Where two stand for the same one, the second is a label.
fn is_error(line: &Line<'_>, name: &str) -> bool {
    let is_text = |name| matches!(line.fields.get(name), Some(Value::Text(_)));
    let Some(index) = ERRORS.iter().position(|(known, _)| *known == name) else {
        return false;
    };
    let mut before = ERRORS[..index].iter();
    is_text(name) && !before.any(|(other, field)| *field == ERRORS[index].1 && is_text(other))
}

fn push_labels(out: &mut String, line: &Line<'_>) {
    let mut open = Open::new("labels");
    if let Some(correlation) = line.correlation {
        open.push_name(out, CORRELATION);
        push_string(out, correlation);
    }
    for (name, value) in labels(line).filter(|(_, value)| !is_number(*value)) {
        push_label(out, &mut open, line, name);
        match value {
            // Of one type, the one that the index has for labels.
            Value::Bool(value) => {
                let _ = write!(out, "\"{value}\"");
            }
            value => push_value(out, value),
        }
    }
    open.close(out);
}

fn push_numbers(out: &mut String, line: &Line<'_>) {
    let mut open = Open::new("numeric_labels");
    for (name, value) in labels(line).filter(|(_, value)| is_number(*value)) {
        push_label(out, &mut open, line, name);
        push_value(out, value);
    }
    open.close(out);
}

/// The fields that become labels.
fn labels<'a>(line: &'a Line<'_>) -> impl Iterator<Item = (&'a str, Value<'a>)> {
    line.fields.iter().filter(|(name, value)| {
        let is_correlation =
            line.correlation.is_some_and(|id| *value == Value::Text(id)) && same(name, CORRELATION);
        !is_error(line, name) && !is_correlation
    })
}

fn push_label(out: &mut String, open: &mut Open, line: &Line<'_>, name: &str) {
    open.push_quote(out);
    let names = || line.fields.iter().map(|(other, _)| other);
    // Two names that differ in their dots only.
    let earlier = names()
        .take_while(|other| *other != name)
        .filter(|other| same(other, name))
        .count();
    if earlier > 0 || (line.correlation.is_some() && same(name, CORRELATION)) {
        let _ = write!(out, "fields{earlier}_");
    }
    let mut rest = name;
    while let Some(at) = rest.find(is_replaced) {
        push_content(out, &rest[..at]);
        out.push('_');
        rest = &rest[at + 1..];
    }
    push_content(out, rest);
    out.push_str("\":");
}

/// Characters that make a path or a pattern of the name of a label; all are ASCII.
fn is_replaced(c: char) -> bool {
    matches!(c, '.' | '*' | '"' | '\\')
}

/// Whether two names become the same label.
fn same(one: &str, other: &str) -> bool {
    let label = |c: char| if is_replaced(c) { '_' } else { c };
    one.len() == other.len() && one.chars().map(label).eq(other.chars().map(label))
}

/// Whether JSON has it as a number.
fn is_number(value: Value<'_>) -> bool {
    match value {
        Value::I64(_) | Value::U64(_) => true,
        Value::F64(value) => value.is_finite(),
        Value::Bool(_) | Value::Text(_) => false,
    }
}

/// An object that is there only if it has a member.
struct Open {
    name: &'static str,
    members: usize,
}

impl Open {
    fn new(name: &'static str) -> Self {
        Self { name, members: 0 }
    }

    fn push_quote(&mut self, out: &mut String) {
        if self.members == 0 {
            let _ = write!(out, ",\"{}\":{{\"", self.name);
        } else {
            out.push_str(",\"");
        }
        self.members += 1;
    }

    fn push_name(&mut self, out: &mut String, name: &str) {
        self.push_quote(out);
        out.push_str(name);
        out.push_str("\":");
    }

    fn close(self, out: &mut String) {
        if self.members > 0 {
            out.push('}');
        }
    }
}
