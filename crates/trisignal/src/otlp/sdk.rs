//! Spans and log records of the SDK, written as they are: no message structs between its types and the bytes.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry::trace::{SpanId, Status, TraceId, TraceState};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

use super::request::{ITEMS, ScopeHead};
use super::{log, span, value};
use crate::limits::ItemLimits;

/// Appends one span, as an item of its scope.
pub(crate) fn span(out: &mut Vec<u8>, data: &SpanData) {
    let context = &data.span_context;
    let trace_state = match *context.trace_state() {
        TraceState::NONE => String::new(),
        ref state => state.header(),
    };
    let head = span::Head {
        trace_id: context.trace_id(),
        span_id: context.span_id(),
        parent_span_id: data.parent_span_id,
        trace_state: &trace_state,
        flags: span::flags(context.trace_flags().to_u8(), data.parent_span_is_remote),
        name: &data.name,
        kind: span::kind_number(&data.span_kind),
        start: nanos(data.start_time),
        end: nanos(data.end_time),
    };
    let dropped = span::Dropped {
        attributes: data.dropped_attributes_count,
        events: data.events.dropped_count,
        links: data.links.dropped_count,
    };
    let message = head.begin(out, ITEMS);
    dropped.write(out);
    for attribute in &data.attributes {
        value::otel_attribute(out, span::ATTRIBUTES, attribute);
    }
    for event in data.events.iter() {
        span::event(out, nanos(event.timestamp), &event.name, |out| {
            for attribute in &event.attributes {
                value::otel_attribute(out, span::EVENT_ATTRIBUTES, attribute);
            }
            event.dropped_attributes_count
        });
    }
    for link in data.links.iter() {
        span::link(out, &link.span_context, |out| {
            for attribute in &link.attributes {
                value::otel_attribute(out, span::LINK_ATTRIBUTES, attribute);
            }
            link.dropped_attributes_count
        });
    }
    match &data.status {
        Status::Unset => {}
        Status::Ok => span::status(out, span::StatusCode::Ok, ""),
        Status::Error { description } => span::status(out, span::StatusCode::Error, description),
    }
    message.end(out);
}

/// Appends one log record, as an item of its scope. The SDK has no limits for records, so they hold here.
pub(crate) fn log_record(out: &mut Vec<u8>, record: &SdkLogRecord, limits: ItemLimits) {
    let trace = record.trace_context();
    let kept = usize::try_from(limits.attribute_count).unwrap_or(usize::MAX);
    let dropped = record.attributes_iter().count().saturating_sub(kept);
    let head = log::Head {
        time: record.timestamp().map_or(0, nanos),
        observed: record.observed_timestamp().map_or(0, nanos),
        severity: record
            .severity_number()
            .map_or(0, |severity: Severity| severity as u8),
        severity_text: record.severity_text().unwrap_or_default(),
        event_name: record.event_name().unwrap_or_default(),
        trace_id: trace.map_or(TraceId::INVALID, |trace| trace.trace_id),
        span_id: trace.map_or(SpanId::INVALID, |trace| trace.span_id),
        flags: trace
            .and_then(|trace| trace.trace_flags)
            .map_or(0, |flags| flags.to_u8()),
        dropped_attributes: u32::try_from(dropped).unwrap_or(u32::MAX),
    };
    let message = head.begin(out, ITEMS);
    if let Some(body) = record.body() {
        value::any_value(out, log::BODY, body);
    }
    for (key, value) in record.attributes_iter().take(kept) {
        let length = limits.attribute_value_length;
        value::any_attribute(out, log::ATTRIBUTES, key.as_str(), value, length);
    }
    message.end(out);
}

/// The scope of a record: its target where it has one, in the place of the logger's name.
pub(crate) fn log_scope(record: &SdkLogRecord, scope: &InstrumentationScope) -> ScopeHead {
    match record.target() {
        Some(target) if target != scope.name() => {
            let named = InstrumentationScope::builder(Cow::clone(target))
                .with_attributes(scope.attributes().cloned());
            let named = match scope.version() {
                Some(version) => named.with_version(version.to_owned()),
                None => named,
            };
            let named = match scope.schema_url() {
                Some(url) => named.with_schema_url(url.to_owned()),
                None => named,
            };
            ScopeHead::new(&named.build())
        }
        _ => ScopeHead::new(scope),
    }
}

/// Nanoseconds since the epoch: 0 before it, and the last one after the year 2554.
fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "sdk_tests.rs"]
mod tests;
