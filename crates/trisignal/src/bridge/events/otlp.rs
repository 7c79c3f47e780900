//! An event as an OpenTelemetry log record.

use std::sync::Arc;

use opentelemetry::{
    Context, Key,
    logs::{AnyValue, LogRecord as _, Logger as _, Severity},
};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger};
use tracing::{Level, Metadata};

use trisignal_instrumentation::correlation::BAGGAGE_KEY as CORRELATION_ID;

use super::{fields::Value, scratch::Scratch, trace::Position};
use crate::{
    bridge::{callsite, correlated::Digits, room::Room, spans::RESERVED},
    clock::system_time,
    limits::ItemLimits,
    otlp::{
        log::{self, Head},
        request::ITEMS,
    },
    pipeline::chunks::{Chunked, Chunks, ScopeName},
};

const EXCEPTION_MESSAGE: &str = "exception.message";

/// Where log records go.
#[derive(Clone, Debug)]
pub(crate) enum LogExport {
    /// Encoded where the event is, into a buffer of its thread.
    Encoded {
        chunks: Arc<Chunks>,
        limits: ItemLimits,
    },
    /// To processors of the user first, which see the SDK's records.
    Sdk(SdkLogger),
}

/// One event, ready to be written down.
pub(crate) struct Export<'a> {
    /// In nanoseconds since the epoch.
    pub(crate) time: u64,
    /// With what a `log` record says of itself, where the event stands for one.
    pub(crate) metadata: &'a Metadata<'a>,
    /// The target, without a copy where it lives long enough.
    pub(crate) target: ScopeName<'a>,
    pub(crate) event_name: Option<&'static str>,
    /// The attributes of its place in the code.
    pub(crate) constants: &'a callsite::Attributes,
    pub(crate) position: &'a Position,
    pub(crate) scratch: &'a Scratch,
}

impl LogExport {
    /// Whether anybody wants an event, which no filter is asked about here.
    #[inline]
    pub(crate) fn wants<'a>(
        &self,
        metadata: &Metadata<'_>,
        event_name: impl FnOnce() -> Option<&'a str>,
    ) -> bool {
        match self {
            Self::Encoded { .. } => !Context::is_current_telemetry_suppressed(),
            // The logger itself says no while telemetry is suppressed.
            Self::Sdk(logger) => {
                let severity = severity(metadata.level());
                logger.event_enabled(severity, metadata.target(), event_name())
            }
        }
    }
}

impl Export<'_> {
    /// Encodes the record into the buffer of this thread.
    pub(crate) fn write(&self, chunks: &Arc<Chunks>, limits: &ItemLimits) {
        chunks.append(Chunked::Logs, self.target, |out| {
            self.encode(out, self.position, self.scratch, limits);
        });
    }

    /// Appends the record as an item of its scope.
    #[inline]
    fn encode(
        &self,
        out: &mut Vec<u8>,
        position: &Position,
        scratch: &Scratch,
        limits: &ItemLimits,
    ) {
        let Scratch { fields, text, .. } = scratch;
        let correlation = &position.correlation;
        let mut room = Room::new(*limits);
        room.dropped = fields.dropped();
        let message = self.head(position).begin(out, ITEMS);
        if let Some(message) = text.message() {
            log::body(out, message);
        }
        room.correlation(out, log::ATTRIBUTES, correlation);
        if text.exception().is_some() {
            self.encode_exception(out, &mut room);
        }
        room.fields(out, log::ATTRIBUTES, fields, correlation);
        room.constants(out, log::ATTRIBUTES, self.constants);
        log::dropped_attributes(out, room.dropped);
        message.end(out);
    }

    #[cold]
    fn encode_exception(&self, out: &mut Vec<u8>, room: &mut Room) {
        if let Some(exception) = self.exception() {
            room.text(out, log::ATTRIBUTES, EXCEPTION_MESSAGE, exception);
        }
    }

    #[inline]
    fn head(&self, position: &Position) -> Head<'_> {
        let level = self.metadata.level();
        let trace = &position.trace;
        Head {
            time: self.time,
            observed: self.time,
            severity: severity(level) as u8,
            severity_text: level.as_str(),
            event_name: self.event_name.unwrap_or_default(),
            trace_id: trace.trace_id,
            span_id: trace.span_id,
            flags: trace.flags.to_u8(),
            dropped_attributes: 0,
        }
    }

    /// Builds the SDK's record and hands it to the processors of `logger`.
    pub(crate) fn emit(&self, logger: &SdkLogger) {
        let mut record = logger.create_log_record();
        let time = system_time(self.time);
        record.set_timestamp(time);
        record.set_observed_timestamp(time);
        record.set_severity_number(severity(self.metadata.level()));
        record.set_severity_text(self.metadata.level().as_str());
        if let Some(name) = self.event_name {
            record.set_event_name(name);
        }
        if let Some(message) = self.scratch.text.message() {
            record.set_body(owned(message));
        }
        if let Some(trace) = self.position.trace.known() {
            record.set_trace_context(trace.trace_id, trace.span_id, Some(trace.flags));
        }
        self.add_fields(&mut record);
        match self.target {
            ScopeName::Static(target) => record.set_target(target),
            ScopeName::Borrowed(target) => record.set_target(target.to_owned()),
        }
        logger.emit(record);
    }

    fn add_fields(&self, record: &mut SdkLogRecord) {
        let mut digits = Digits::default();
        let correlation = self.position.correlation.text(&mut digits);
        for (name, value) in self.scratch.fields.iter() {
            if name == CORRELATION_ID && correlation.map(Value::Text) == Some(value) {
                // Said by what follows, once is enough.
                continue;
            }
            let key = if RESERVED.contains(&name) {
                Key::from(format!("fields.{name}"))
            } else {
                Key::from(name.to_owned())
            };
            record.add_attribute(key, any_value(value));
        }
        for (name, value) in self.constants.iter() {
            record.add_attribute(name.to_owned(), any_value(value));
        }
        if let Some(correlation) = correlation {
            record.add_attribute(CORRELATION_ID, owned(correlation));
        }
        if let Some(message) = self.exception() {
            record.add_attribute(EXCEPTION_MESSAGE, owned(message));
        }
    }

    /// The error that the event is about, unless a field says it.
    fn exception(&self) -> Option<&str> {
        let Scratch { fields, text, .. } = self.scratch;
        text.exception()
            .filter(|_| !fields.contains(EXCEPTION_MESSAGE))
    }
}

/// The OpenTelemetry severity of a level: the smallest of its range, as the data model asks.
pub(crate) fn severity(level: &Level) -> Severity {
    match *level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}

fn owned(text: &str) -> AnyValue {
    AnyValue::String(text.to_owned().into())
}

fn any_value(value: Value<'_>) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::Boolean(value),
        Value::I64(value) => AnyValue::Int(value),
        // OTLP integers are signed; the few that do not fit are text rather than wrong.
        Value::U64(value) => match i64::try_from(value) {
            Ok(value) => AnyValue::Int(value),
            Err(_) => AnyValue::String(value.to_string().into()),
        },
        Value::F64(value) => AnyValue::Double(value),
        Value::Text(value) => owned(value),
    }
}
