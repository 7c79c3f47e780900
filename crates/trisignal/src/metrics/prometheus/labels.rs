//! Attributes as labels.

use std::borrow::Cow;
use std::fmt::Write;

use opentelemetry::{InstrumentationScope, KeyValue, Value};

use super::names::{self, Escaping};

/// The label of a histogram's bucket.
const LE: &str = "le";

/// Labels with the keys of their attributes, before they are put in order.
#[derive(Clone, Default)]
pub(super) struct Labels<'a>(Vec<Label<'a>>);

#[derive(Clone)]
struct Label<'a> {
    name: Cow<'a, str>,
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Labels<'a> {
    /// The labels that say which instrumentation scope a series is of.
    pub(super) fn of_scope(scope: &'a InstrumentationScope, escaping: Escaping) -> Self {
        let mut labels = Self::default();
        let mut named = |name: &'static str, value: &'a str| {
            if !value.is_empty() {
                labels.0.push(Label {
                    name: Cow::Borrowed(name),
                    key: Cow::Borrowed(name),
                    value: Cow::Borrowed(value),
                });
            }
        };
        named("otel_scope_name", scope.name());
        named("otel_scope_version", scope.version().unwrap_or_default());
        named(
            "otel_scope_schema_url",
            scope.schema_url().unwrap_or_default(),
        );
        for attribute in scope.attributes() {
            let key = format!("otel_scope_{}", attribute.key);
            // These say what is said already.
            if !matches!(
                attribute.key.as_str(),
                "name" | "version" | "schema_url" | ""
            ) {
                labels.0.push(Label {
                    name: Cow::Owned(names::label(&key, escaping).into_owned()),
                    key: Cow::Owned(key),
                    value: text(&attribute.value),
                });
            }
        }
        labels
    }

    pub(super) fn push(&mut self, attribute: &'a KeyValue, escaping: Escaping) {
        let key = attribute.key.as_str();
        self.push_pair(key, text(&attribute.value), escaping);
    }

    pub(super) fn push_pair(&mut self, key: &'a str, value: Cow<'a, str>, escaping: Escaping) {
        self.0.push(Label {
            name: names::label(key, escaping),
            key: Cow::Borrowed(key),
            value,
        });
    }

    /// Gives way to the label that buckets have.
    pub(super) fn without_le(&mut self) {
        for label in self.0.iter_mut().filter(|label| label.name == LE) {
            label.name = Cow::Borrowed("exported_le");
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Characters of all names and values together.
    pub(super) fn characters(&self) -> usize {
        let count = |text: &str| text.chars().count();
        let each = self
            .0
            .iter()
            .map(|label| count(&label.name) + count(&label.value));
        each.sum()
    }

    /// Writes `a="b",c="d"`. Attributes whose labels have the same name are one label, their values joined by `;`
    /// in the order of their keys.
    pub(super) fn write(&mut self, out: &mut String) {
        self.0
            .sort_unstable_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
        let mut last: Option<&str> = None;
        for label in &self.0 {
            if last == Some(&*label.name) {
                // Goes on inside of the quotes of the one before.
                out.pop();
                out.push(';');
                escape(&label.value, out);
                out.push('"');
                continue;
            }
            if last.is_some() {
                out.push(',');
            }
            name(&label.name, out);
            out.push_str("=\"");
            escape(&label.value, out);
            out.push('"');
            last = Some(&label.name);
        }
    }
}

/// A name as it is, or in quotes where the old character set does not have it.
pub(super) fn name(name: &str, out: &mut String) {
    if names::is_legacy(name, true) {
        out.push_str(name);
    } else {
        out.push('"');
        escape(name, out);
        out.push('"');
    }
}

/// What is inside of quotes.
pub(super) fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match special.as_bytes()[0] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &special[1..];
    }
    out.push_str(rest);
}

/// A value as text, as OpenTelemetry puts attributes that are not text.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::F64(number) => {
            let mut out = String::new();
            float(*number, &mut out);
            Cow::Owned(out)
        }
        other => Cow::Owned(other.to_string()),
    }
}

/// A number as both formats have it.
pub(super) fn float(number: f64, out: &mut String) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // The shortest text that reads as the same number, with an exponent where it is long. Writing to a string
        // does not fail.
        let _ = write!(out, "{number:?}");
    }
}
