//! What is written is what `opentelemetry-proto` makes of the same span or record.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, TraceContextExt as _, TraceFlags, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Array, Context, Key, KeyValue, Value};
use opentelemetry_proto::tonic::common::v1::{KeyValue as ProtoKeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use prost::Message as _;

use super::*;

fn every_value() -> Vec<KeyValue> {
    vec![
        KeyValue::new("text", "ä"),
        KeyValue::new("empty", ""),
        KeyValue::new("int", i64::MIN),
        KeyValue::new("zero", 0),
        KeyValue::new("float", -0.5),
        KeyValue::new("nan", f64::INFINITY),
        KeyValue::new("true", true),
        KeyValue::new("false", false),
        KeyValue::new(
            "texts",
            Value::Array(Array::String(vec!["a".into(), "".into()])),
        ),
        KeyValue::new("ints", Value::Array(Array::I64(vec![0, -1]))),
        KeyValue::new("floats", Value::Array(Array::F64(vec![0.0, 1.5]))),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![false, true]))),
        KeyValue::new("none", Value::Array(Array::Bool(vec![]))),
    ]
}

fn remote(flags: TraceFlags, state: &str) -> SpanContext {
    let state = state.parse().unwrap();
    SpanContext::new(TraceId::from(7), SpanId::from(8), flags, true, state)
}

fn spans() -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_max_attributes_per_event(2)
        .with_simple_exporter(exporter.clone())
        .build();
    let tracer = provider.tracer("test");
    let statuses = [
        Status::Unset,
        Status::Ok,
        Status::error("ö"),
        Status::error(""),
    ];
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    for (index, kind) in kinds.into_iter().enumerate() {
        let parent =
            Context::new().with_remote_span_context(remote(TraceFlags::SAMPLED, "a=b,c=d"));
        let parent = if index == 0 { Context::new() } else { parent };
        let mut span = tracer
            .span_builder(format!("span {index}"))
            .with_kind(kind)
            .with_attributes(every_value())
            .start_with_context(&tracer, &parent);
        span.add_event("event", every_value());
        span.add_event("", vec![]);
        span.add_link(remote(TraceFlags::default(), ""), every_value());
        span.add_link(remote(TraceFlags::SAMPLED, "x=y"), vec![]);
        span.set_status(statuses[index % statuses.len()].clone());
        span.end();
    }
    exporter.get_finished_spans().unwrap()
}

#[test]
fn spans_are_what_upstream_makes_of_them() {
    let spans = spans();
    assert_eq!(spans.len(), 5);
    for data in spans {
        let mut out = Vec::new();
        span(&mut out, &data);
        let ours = ScopeSpans::decode(&out[..]).unwrap().spans.remove(0);
        assert!(!ours.events[0].attributes.is_empty() && ours.links.len() == 2);
        let mut theirs = Span::from(data);
        // A status that says nothing need not be there.
        theirs.status = theirs.status.filter(|status| status.code != 0);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn times_beyond_the_scale_stay_at_its_ends() {
    let mut data = spans().remove(0);
    data.start_time = UNIX_EPOCH - Duration::from_secs(1);
    data.end_time = UNIX_EPOCH + Duration::from_secs(u64::MAX / 1_000_000_000 + 1);
    let mut out = Vec::new();
    span(&mut out, &data);
    let ours = ScopeSpans::decode(&out[..]).unwrap().spans.remove(0);
    assert_eq!(
        (ours.start_time_unix_nano, ours.end_time_unix_nano),
        (0, u64::MAX)
    );
}

fn records() -> Vec<(SdkLogRecord, InstrumentationScope)> {
    let exporter = InMemoryLogExporter::default();
    let provider = SdkLoggerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let logger = provider.logger("test");
    logger.emit(logger.create_log_record());
    let mut record = logger.create_log_record();
    record.set_timestamp(UNIX_EPOCH + Duration::from_nanos(5));
    record.set_severity_number(Severity::Warn4);
    record.set_severity_text("WARN");
    record.set_event_name("order.placed");
    record.set_target("orders");
    record.set_body("placed".into());
    let nested = AnyValue::Map(Box::new(HashMap::from([(
        Key::new("list"),
        AnyValue::ListAny(Box::new(vec![
            "text".into(),
            AnyValue::Bytes(Box::new(vec![1, 2, 3])),
        ])),
    )])));
    record.add_attribute("nested", nested);
    record.add_attribute("text", "äöü");
    record.add_attribute("int", 5);
    record.set_trace_context(TraceId::from(1), SpanId::from(2), Some(TraceFlags::SAMPLED));
    logger.emit(record);
    let emitted = exporter.get_emitted_logs().unwrap();
    emitted
        .into_iter()
        .map(|log| (log.record, log.instrumentation))
        .collect()
}

fn encoded(record: &SdkLogRecord, limits: ItemLimits) -> LogRecord {
    let mut out = Vec::new();
    log_record(&mut out, record, limits);
    ScopeLogs::decode(&out[..]).unwrap().log_records.remove(0)
}

#[test]
fn log_records_are_what_upstream_makes_of_them() {
    let records = records();
    assert_eq!(records.len(), 2);
    for (record, _) in &records {
        let ours = encoded(record, ItemLimits::default());
        assert_eq!(ours, LogRecord::from(record));
    }
}

#[test]
fn a_record_is_kept_within_its_limits() {
    let (record, _) = &records()[1];
    let limits = ItemLimits {
        attribute_count: 2,
        attribute_value_length: Some(2),
    };
    let ours = encoded(record, limits);
    assert_eq!(
        (ours.attributes.len(), ours.dropped_attributes_count),
        (2, 1)
    );
    let value = |attribute: &ProtoKeyValue| attribute.value.clone().unwrap().value.unwrap();
    assert_eq!(
        value(&ours.attributes[1]),
        any_value::Value::StringValue("äö".into())
    );
    let any_value::Value::KvlistValue(map) = value(&ours.attributes[0]) else {
        panic!("a map")
    };
    let any_value::Value::ArrayValue(list) = value(&map.values[0]) else {
        panic!("a list")
    };
    let inner: Vec<_> = list
        .values
        .into_iter()
        .flat_map(|value| value.value)
        .collect();
    assert_eq!(
        inner,
        [
            any_value::Value::StringValue("te".into()),
            any_value::Value::BytesValue(vec![1, 2])
        ]
    );
    // The body is not an attribute.
    let body = ours.body.unwrap().value.unwrap();
    assert_eq!(body, any_value::Value::StringValue("placed".into()));
}

#[test]
fn the_target_is_the_name_of_the_scope() {
    let scope = InstrumentationScope::builder("logger")
        .with_version("1")
        .with_schema_url("http://schema")
        .with_attributes([KeyValue::new("k", 1)])
        .build();
    let named = InstrumentationScope::builder("orders")
        .with_version("1")
        .with_schema_url("http://schema")
        .with_attributes([KeyValue::new("k", 1)])
        .build();
    let records = records();
    assert_eq!(log_scope(&records[0].0, &scope), ScopeHead::new(&scope));
    assert_eq!(log_scope(&records[1].0, &scope), ScopeHead::new(&named));
}
