//! The event layer as a whole: events in, console lines and OTLP records out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]

mod alone;
mod context;
mod fields;
mod filters;
mod hostile;

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity},
    trace::{SpanContext, TraceState},
};
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::any_value::Value as Proto,
    logs::v1::LogRecord,
    trace::v1::Span as ProtoSpan,
};
use opentelemetry_sdk::{
    Resource,
    logs::{SdkLogRecord, SdkLoggerProvider},
    trace::{Sampler, ShouldSample},
};
use prost::Message as _;
use serde_json::Value as Json;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

use tracing::{Level, dispatcher};

use super::*;
use crate::{
    config::{BatchConfig, ByteSize},
    console::{ConsoleFormat, ConsoleWriter},
    limits::Limits,
    otlp::request::ResourceHead,
    pipeline::chunks::{Chunk, Chunked, Chunks, frame},
    sampling::Chosen,
};

/// The three filters of a rig.
#[derive(Clone, Copy)]
struct Filters {
    console: &'static str,
    logs: &'static str,
    spans: &'static str,
}

const ALL: Filters = Filters {
    console: "trace",
    logs: "trace",
    spans: "trace",
};

/// The layer with the span bridge beside it, and everything that came out.
struct Rig {
    format: ConsoleFormat,
    lines: Arc<Mutex<Vec<String>>>,
    out: Out,
    dispatch: Dispatch,
}

/// What the bridge made of spans and events.
struct Out {
    chunks: Arc<Chunks>,
    seen: Mutex<[Vec<Chunk>; 2]>,
}

impl Default for Out {
    fn default() -> Self {
        let limits = BatchConfig {
            delay: std::time::Duration::from_secs(3_600),
            max_queue_items: 1_000_000,
            max_queue_bytes: ByteSize::from_mib(256),
            max_batch_items: 512,
        };
        Self {
            chunks: Chunks::new([limits; 2], Arc::default(), Arc::default()),
            seen: Mutex::default(),
        }
    }
}

impl Out {
    fn span_export(&self) -> SpanExport {
        let sampler: Arc<dyn ShouldSample> = Arc::new(Sampler::AlwaysOn);
        SpanExport {
            chunks: Arc::clone(&self.chunks),
            ledger: Arc::default(),
            sampling: Chosen {
                sampler,
                built_in: None,
            },
            limits: Limits::default(),
            callsites: Callsites::new(Redactor::default()),
            redactor: Redactor::default(),
            baggage: Vec::new(),
            events: Some(Level::WARN),
            activates: true,
            tracer: None,
        }
    }

    fn log_export(&self) -> LogExport {
        LogExport::Encoded {
            chunks: Arc::clone(&self.chunks),
            limits: Limits::default().logs,
        }
    }

    /// The request with all that came so far.
    fn request(&self, signal: Chunked) -> bytes::Bytes {
        let mut seen = self.seen.lock().unwrap();
        let seen = &mut seen[signal as usize];
        self.chunks.collect(signal, true);
        while let Some(batch) = self.chunks.take_batch(signal, true) {
            seen.extend(batch);
        }
        let resource = ResourceHead::new(&Resource::builder_empty().build());
        frame::request(&resource, seen)
    }

    /// The records with their targets, by time.
    fn records(&self) -> Vec<SdkLogRecord> {
        let request = ExportLogsServiceRequest::decode(self.request(Chunked::Logs)).unwrap();
        let mut records = Vec::new();
        for scope in request
            .resource_logs
            .into_iter()
            .flat_map(|logs| logs.scope_logs)
        {
            let target = scope.scope.unwrap().name;
            records.extend(
                scope
                    .log_records
                    .into_iter()
                    .map(|record| (target.clone(), record)),
            );
        }
        records.sort_by_key(|(_, record)| record.time_unix_nano);
        records
            .into_iter()
            .map(|(target, record)| sdk_record(target, record))
            .collect()
    }

    fn spans(&self) -> Vec<SpanSeen> {
        let request = ExportTraceServiceRequest::decode(self.request(Chunked::Traces)).unwrap();
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|spans| spans.scope_spans);
        scopes
            .flat_map(|scope| scope.spans)
            .map(SpanSeen::from)
            .collect()
    }
}

/// A span as it arrives.
#[derive(Clone, Debug)]
struct SpanSeen {
    name: String,
    span_context: SpanContext,
    parent_span_id: SpanId,
    attributes: Vec<KeyValue>,
    events: Vec<EventSeen>,
}

#[derive(Clone, Debug)]
struct EventSeen {
    name: String,
}

impl From<ProtoSpan> for SpanSeen {
    fn from(span: ProtoSpan) -> Self {
        let id = |bytes: &[u8]| bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes);
        let attributes = span.attributes.into_iter().map(|attribute| {
            let value = match attribute.value.unwrap().value.unwrap() {
                Proto::StringValue(text) => text.into(),
                Proto::BoolValue(value) => value.into(),
                Proto::IntValue(value) => value.into(),
                Proto::DoubleValue(value) => value.into(),
                other => opentelemetry::Value::from(format!("{other:?}")),
            };
            KeyValue::new(attribute.key, value)
        });
        Self {
            name: span.name,
            span_context: SpanContext::new(
                TraceId::from_bytes(span.trace_id[..].try_into().unwrap()),
                id(&span.span_id),
                TraceFlags::new(span.flags as u8),
                false,
                TraceState::default(),
            ),
            parent_span_id: id(&span.parent_span_id),
            attributes: attributes.collect(),
            events: span
                .events
                .into_iter()
                .map(|event| EventSeen { name: event.name })
                .collect(),
        }
    }
}

fn sdk_record(target: String, decoded: LogRecord) -> SdkLogRecord {
    let any = |value: Proto| match value {
        Proto::StringValue(text) => AnyValue::String(text.into()),
        Proto::BoolValue(value) => AnyValue::Boolean(value),
        Proto::IntValue(value) => AnyValue::Int(value),
        Proto::DoubleValue(value) => AnyValue::Double(value),
        other => panic!("{other:?}"),
    };
    let time = |nanoseconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds);
    let scope = InstrumentationScope::builder("rig").build();
    let logger = SdkLoggerProvider::builder()
        .build()
        .logger_with_scope(scope);
    let mut record = logger.create_log_record();
    record.set_target(target);
    record.set_timestamp(time(decoded.time_unix_nano));
    record.set_observed_timestamp(time(decoded.observed_time_unix_nano));
    let severities = [
        Severity::Trace,
        Severity::Debug,
        Severity::Info,
        Severity::Warn,
        Severity::Error,
    ];
    let severity = severities
        .into_iter()
        .find(|known| *known as i32 == decoded.severity_number);
    record.set_severity_number(severity.unwrap());
    let text = Level::ERROR;
    let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, text];
    let level = levels
        .iter()
        .find(|level| level.as_str() == decoded.severity_text);
    record.set_severity_text(level.unwrap().as_str());
    if !decoded.event_name.is_empty() {
        record.set_event_name(Box::leak(decoded.event_name.into_boxed_str()));
    }
    if let Some(body) = decoded.body {
        record.set_body(any(body.value.unwrap()));
    }
    if !decoded.trace_id.is_empty() {
        record.set_trace_context(
            TraceId::from_bytes(decoded.trace_id[..].try_into().unwrap()),
            SpanId::from_bytes(decoded.span_id[..].try_into().unwrap()),
            Some(TraceFlags::new(decoded.flags as u8)),
        );
    }
    for attribute in decoded.attributes {
        record.add_attribute(attribute.key, any(attribute.value.unwrap().value.unwrap()));
    }
    record
}

impl Rig {
    fn new(filters: Filters) -> Rig {
        Rig::with_format(filters, ConsoleFormat::Json)
    }

    fn with_format(filters: Filters, format: ConsoleFormat) -> Rig {
        Rig::with_subscriber(filters, format, |options| {
            Dispatch::new(Registry::default().with(layer(options)))
        })
    }

    fn with_subscriber(
        filters: Filters,
        format: ConsoleFormat,
        subscriber: impl FnOnce(BridgeOptions) -> Dispatch,
    ) -> Rig {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let writer = ConsoleWriter::from_fn(move |line| {
            let line = String::from_utf8(line.to_vec()).expect("a line is text");
            written.lock().unwrap().push(line);
            Ok(())
        });
        let out = Out::default();
        let dispatch = subscriber(BridgeOptions {
            console: Some(ConsoleOptions {
                format,
                service: "checkout".to_owned(),
                resource: Resource::builder_empty().build(),
                filter: Filter::parse(filters.console).unwrap(),
                writer,
                no_color: true,
            }),
            logs: Some((out.log_export(), Filter::parse(filters.logs).unwrap())),
            spans: Some(out.span_export()),
            span_filter: Some(Filter::parse(filters.spans).unwrap()),
            trace_based: false,
            baggage: vec!["tenant.id", "user.tier"],
            redactor: Redactor::default(),
            ..BridgeOptions::default()
        });
        Rig {
            format,
            lines,
            out,
            dispatch,
        }
    }

    /// Runs `f` with the rig as the subscriber of this thread.
    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&self.dispatch, f)
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The lines as JSON, each checked to be one physical line.
    fn json(&self) -> Vec<Json> {
        assert_eq!(self.format, ConsoleFormat::Json);
        self.lines().iter().map(|line| parse(line)).collect()
    }

    fn records(&self) -> Vec<SdkLogRecord> {
        self.out.records()
    }

    /// The only line and the only record that there are.
    fn only(&self) -> (Json, SdkLogRecord) {
        let (mut json, mut records) = (self.json(), self.records());
        assert_eq!((json.len(), records.len()), (1, 1), "{json:?} {records:?}");
        (json.remove(0), records.remove(0))
    }

    fn spans(&self) -> Vec<SpanSeen> {
        self.out.spans()
    }

    fn span(&self, name: &str) -> SpanSeen {
        let spans = self.spans();
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name}")).clone()
    }
}

fn parse(line: &str) -> Json {
    let content = line.strip_suffix('\n').expect("a line ends");
    let broken = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    assert!(!content.contains(broken), "not one line: {content:?}");
    serde_json::from_str(content).unwrap_or_else(|error| panic!("{error}: {content}"))
}

fn attribute(record: &SdkLogRecord, name: &str) -> Option<AnyValue> {
    let mut found = record
        .attributes_iter()
        .filter(|(key, _)| key.as_str() == name);
    let value = found.next().map(|(_, value)| value.clone());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue::String(value.to_owned().into()))
}

fn messages(rig: &Rig) -> Vec<String> {
    let message = |line: &Json| line["message"].as_str().unwrap_or_default().to_owned();
    rig.json().iter().map(message).collect()
}

fn bodies(rig: &Rig) -> Vec<String> {
    let body = |record: &SdkLogRecord| match record.body() {
        Some(AnyValue::String(text)) => text.as_str().to_owned(),
        other => panic!("not a text: {other:?}"),
    };
    rig.records().iter().map(body).collect()
}

fn span_attribute<'a>(span: &'a SpanSeen, name: &str) -> Option<&'a KeyValue> {
    span.attributes.iter().find(|kv| kv.key.as_str() == name)
}

/// A record of the `log` crate, as `LogTracer` would hand it over.
fn log_record(target: &str, level: log::Level, args: std::fmt::Arguments<'_>) {
    let record = log::Record::builder()
        .args(args)
        .level(level)
        .target(target)
        .build();
    tracing_log::format_trace(&record).unwrap();
}
