//! The event layer as a whole: events in, console lines and OTLP records out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]

mod context;
mod fields;
mod filters;
mod hostile;

use std::sync::{Arc, Mutex};

use opentelemetry::{
    KeyValue,
    logs::{AnyValue, LoggerProvider as _},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    logs::{InMemoryLogExporter, SdkLogRecord, SdkLoggerProvider},
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use serde_json::Value as Json;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

use super::*;
use crate::{
    console::{ConsoleFormat, ConsoleWriter},
    filter::span_layer_filter,
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
    logs: InMemoryLogExporter,
    spans: InMemorySpanExporter,
    dispatch: Dispatch,
}

impl Rig {
    fn new(filters: Filters) -> Rig {
        Rig::with_format(filters, ConsoleFormat::Json)
    }

    fn with_format(filters: Filters, format: ConsoleFormat) -> Rig {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let writer = ConsoleWriter::from_fn(move |line| {
            let line = String::from_utf8(line.to_vec()).expect("a line is text");
            written.lock().unwrap().push(line);
            Ok(())
        });
        let (logs, spans) = (
            InMemoryLogExporter::default(),
            InMemorySpanExporter::default(),
        );
        let logger = SdkLoggerProvider::builder()
            .with_simple_exporter(logs.clone())
            .build()
            .logger("rig");
        let tracer = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build()
            .tracer("rig");
        let span_filter = Filter::parse(filters.spans).unwrap().exporting();
        let events = event_layer(EventOptions {
            console: Some(ConsoleOptions {
                format,
                service: "checkout".to_owned(),
                resource: opentelemetry_sdk::Resource::builder_empty().build(),
                filter: Filter::parse(filters.console).unwrap(),
                writer,
                no_color: true,
            }),
            logger: Some((logger, Filter::parse(filters.logs).unwrap())),
            span_filter: Some(span_filter.clone()),
            trace_based: false,
            baggage: vec!["tenant.id", "user.tier"],

            redactor: Redactor::default(),
            suppressor: None,
        });
        let bridge = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_context_activation(true)
            .with_filter(span_layer_filter(span_filter));
        let dispatch =
            Dispatch::new(Registry::default().with(Layer::and_then(Some(bridge), events)));
        Rig {
            format,
            lines,
            logs,
            spans,
            dispatch,
        }
    }

    /// Runs `f` with the rig as the subscriber of this thread.
    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, f)
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
        let logs = self.logs.get_emitted_logs().unwrap();
        logs.into_iter().map(|log| log.record).collect()
    }

    /// The only line and the only record that there are.
    fn only(&self) -> (Json, SdkLogRecord) {
        let (mut json, mut records) = (self.json(), self.records());
        assert_eq!((json.len(), records.len()), (1, 1), "{json:?} {records:?}");
        (json.remove(0), records.remove(0))
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    fn span(&self, name: &str) -> SpanData {
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

fn span_attribute<'a>(span: &'a SpanData, name: &str) -> Option<&'a KeyValue> {
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
