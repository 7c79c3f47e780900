//! Secrets out of what came through the SDK.

use std::borrow::Cow;

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::redact::{REDACTED, Redactor};

/// Hides what is secret in the name, the status, the attributes, the events and the links of `span`.
pub(crate) fn redact_span(span: &mut SpanData, redactor: &Redactor) {
    if redactor.is_off() {
        return;
    }
    redact_text(&mut span.name, redactor);
    if let Status::Error { description } = &mut span.status {
        redact_text(description, redactor);
    }
    redact_attributes(&mut span.attributes, redactor);
    for event in &mut span.events.events {
        redact_text(&mut event.name, redactor);
        redact_attributes(&mut event.attributes, redactor);
    }
    for link in &mut span.links.links {
        redact_attributes(&mut link.attributes, redactor);
    }
}

fn redact_attributes(attributes: &mut [KeyValue], redactor: &Redactor) {
    for KeyValue { key, value, .. } in attributes {
        let key = key.as_str();
        match value {
            Value::String(text) => redact_value(key, text, redactor),
            Value::Array(Array::String(texts)) => {
                for text in texts {
                    redact_value(key, text, redactor);
                }
            }
            Value::Bool(_) | Value::Array(Array::Bool(_)) => {}
            _ if redactor.hides(key) => *value = REDACTED.into(),
            _ => {}
        }
    }
}

fn redact_value(key: &str, text: &mut StringValue, redactor: &Redactor) {
    let shown = redactor.value(key, text.as_str());
    if shown != text.as_str() {
        *text = shown.into_owned().into();
    }
}

fn redact_text(text: &mut Cow<'static, str>, redactor: &Redactor) {
    if let Cow::Owned(hidden) = redactor.text(text) {
        *text = hidden.into();
    }
}
