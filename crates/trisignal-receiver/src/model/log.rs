//! Log records.

use std::sync::Arc;

use opentelemetry_proto::tonic::logs::v1::LogRecord as ProtoLog;

use super::{Attributes, Malformed, Resource, Scope, Value, hex_id};

/// A received log record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// `service.name` of the resource, or an empty string.
    pub service: String,
    /// The resource that sent it.
    pub resource: Arc<Resource>,
    /// The scope that made it; its name is usually the target.
    pub scope: Arc<Scope>,
    /// When it happened, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// When the SDK saw it, in nanoseconds since the Unix epoch.
    pub observed_unix_nano: u64,
    /// Severity from 1 (TRACE) to 24 (FATAL4); 0 where the sender set none.
    pub severity_number: i32,
    /// Severity in the words of the source.
    pub severity_text: String,
    /// Body, mostly a string.
    pub body: Value,
    /// Attributes.
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// W3C trace flags in bits 0 to 7.
    pub flags: u32,
    /// Trace ID, 32 hex digits, empty outside of a trace.
    pub trace_id: String,
    /// Span ID, 16 hex digits, empty outside of a span.
    pub span_id: String,
    /// Name of the event, empty for a plain log record.
    pub event_name: String,
}

impl LogRecord {
    /// The value of an attribute.
    pub fn attr(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// The attribute `correlation.id`.
    pub fn correlation_id(&self) -> Option<&str> {
        self.attributes.str("correlation.id")
    }

    /// The target, which is the name of the scope.
    pub fn target(&self) -> &str {
        &self.scope.name
    }

    /// The body as a string, or an empty one if it is of another type.
    pub fn message(&self) -> &str {
        self.body.as_str().unwrap_or_default()
    }

    pub(crate) fn from_proto(
        proto: ProtoLog,
        resource: &Arc<Resource>,
        scope: &Arc<Scope>,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            service: resource.service().to_owned(),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
            time_unix_nano: proto.time_unix_nano,
            observed_unix_nano: proto.observed_time_unix_nano,
            severity_number: proto.severity_number,
            severity_text: proto.severity_text,
            body: Value::from_proto(proto.body),
            attributes: Attributes::from_proto(proto.attributes),
            dropped_attributes_count: proto.dropped_attributes_count,
            flags: proto.flags,
            trace_id: hex_id(&proto.trace_id, 16, "trace ID")?,
            span_id: hex_id(&proto.span_id, 8, "span ID")?,
            event_name: proto.event_name,
        })
    }
}
