//! Estimates of what items take in memory, for queues that are bounded in bytes.
//!
//! An estimate counts what can grow without bound (texts, arrays, the number of attributes, events and links) and
//! takes a flat amount for the rest. It need not be exact, but it must not be fooled by a single large item.

use std::mem::size_of;

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

/// Bytes of a span, roughly.
pub(crate) fn span(span: &SpanData) -> usize {
    let events = span
        .events
        .iter()
        .map(|event| size_of_val(event) + event.name.len() + attributes(&event.attributes));
    let links = span
        .links
        .iter()
        .map(|link| size_of_val(link) + attributes(&link.attributes));
    size_of::<SpanData>()
        + span.name.len()
        + attributes(&span.attributes)
        + events.sum::<usize>()
        + links.sum::<usize>()
}

/// Bytes of a log record, roughly.
pub(crate) fn log(record: &SdkLogRecord) -> usize {
    let attributes = record
        .attributes_iter()
        .map(|(key, value)| size_of::<KeyValue>() + key.as_str().len() + any(value));
    size_of::<SdkLogRecord>() + record.body().map_or(0, any) + attributes.sum::<usize>()
}

fn attributes(attributes: &[KeyValue]) -> usize {
    let each = attributes.iter().map(|attribute| {
        size_of::<KeyValue>() + attribute.key.as_str().len() + value(&attribute.value)
    });
    each.sum()
}

fn value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::Bool(values)) => values.len(),
        Value::Array(Array::I64(values)) => values.len() * size_of::<i64>(),
        Value::Array(Array::F64(values)) => values.len() * size_of::<f64>(),
        Value::Array(Array::String(values)) => values
            .iter()
            .map(|text| size_of::<Value>() + text.as_str().len())
            .sum(),
        // Numbers and truth values are in the flat amount.
        _ => 0,
    }
}

fn any(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => text.as_str().len(),
        AnyValue::Bytes(bytes) => bytes.len(),
        AnyValue::ListAny(values) => values
            .iter()
            .map(|value| size_of::<AnyValue>() + any(value))
            .sum(),
        AnyValue::Map(entries) => {
            let entry = |(key, value): (&opentelemetry::Key, &AnyValue)| {
                size_of::<(opentelemetry::Key, AnyValue)>() + key.as_str().len() + any(value)
            };
            entries.iter().map(entry).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_arrays_count_in_full() {
        let big = "x".repeat(10_000);
        for attribute in [
            KeyValue::new("k", big.clone()),
            KeyValue::new(big.clone(), 1),
            KeyValue::new("k", Value::Array(Array::String(vec![big.clone().into()]))),
            KeyValue::new("k", Value::Array(Array::I64(vec![0; 1_250]))),
        ] {
            let size = attributes(std::slice::from_ref(&attribute));
            assert!((10_000..10_200).contains(&size), "{size}");
        }
        assert!(any(&AnyValue::ListAny(Box::new(vec![AnyValue::from(big)]))) >= 10_000);
    }
}
