//! An event as an OpenTelemetry log record.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Key,
    logs::{AnyValue, LogRecord as _, Logger as _, Severity},
};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger};
use tracing::{Level, Metadata};

use trisignal_instrumentation::correlation::BAGGAGE_KEY as CORRELATION_ID;

use super::{fields::Value, scratch::Scratch, trace::TraceIds};

const CODE_FILE_PATH: &str = "code.file.path";
const CODE_LINE_NUMBER: &str = "code.line.number";
const CODE_MODULE_NAME: &str = "code.module.name";
const EXCEPTION_MESSAGE: &str = "exception.message";

/// Attributes that are made here. A field of such a name is kept as `fields.<name>`.
const RESERVED: &[&str] = &[
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    CODE_MODULE_NAME,
    CORRELATION_ID,
];

/// One event, ready to be written down.
pub(crate) struct Export<'a> {
    pub(crate) time: SystemTime,
    /// With what a `log` record says of itself, where the event stands for one.
    pub(crate) metadata: &'a Metadata<'a>,
    /// The target, without a copy where it lives long enough.
    pub(crate) target: Cow<'static, str>,
    pub(crate) event_name: Option<&'static str>,
    pub(crate) trace: Option<TraceIds>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) scratch: &'a Scratch,
}

impl Export<'_> {
    /// Builds the record and hands it to the processors of `logger`.
    pub(crate) fn emit(self, logger: &SdkLogger) {
        let mut record = logger.create_log_record();
        record.set_timestamp(self.time);
        record.set_observed_timestamp(self.time);
        record.set_severity_number(severity(self.metadata.level()));
        record.set_severity_text(self.metadata.level().as_str());
        if let Some(name) = self.event_name {
            record.set_event_name(name);
        }
        if let Some(message) = self.scratch.text.message() {
            record.set_body(owned(message));
        }
        if let Some(trace) = self.trace {
            record.set_trace_context(trace.trace_id, trace.span_id, Some(trace.flags));
        }
        self.add_fields(&mut record);
        self.add_own(&mut record);
        record.set_target(self.target);
        logger.emit(record);
    }

    fn add_fields(&self, record: &mut SdkLogRecord) {
        for (name, value) in self.scratch.fields.iter() {
            if name == CORRELATION_ID && self.correlation.map(Value::Text) == Some(value) {
                // Said by what follows, once is enough.
                continue;
            }
            let key = if RESERVED.contains(&name) {
                Key::from(format!("fields.{name}"))
            } else {
                Key::from_static_str(name)
            };
            record.add_attribute(key, any_value(value));
        }
    }

    fn add_own(&self, record: &mut SdkLogRecord) {
        if let Some(file) = self.metadata.file() {
            record.add_attribute(CODE_FILE_PATH, owned(file));
        }
        if let Some(line) = self.metadata.line() {
            record.add_attribute(CODE_LINE_NUMBER, i64::from(line));
        }
        // The target already is the scope's name, and nearly always the module.
        if let Some(module) = self.metadata.module_path()
            && module != self.metadata.target()
        {
            record.add_attribute(CODE_MODULE_NAME, owned(module));
        }
        if let Some(correlation) = self.correlation {
            record.add_attribute(CORRELATION_ID, owned(correlation));
        }
        if let Some(message) = self.scratch.text.exception()
            && self.scratch.fields.get(EXCEPTION_MESSAGE).is_none()
        {
            record.add_attribute(EXCEPTION_MESSAGE, owned(message));
        }
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
