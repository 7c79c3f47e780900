//! Spans.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::{Span as ProtoSpan, Status, span};

use super::{Attributes, Malformed, Resource, Scope, Value, hex_id};

/// A received span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// `service.name` of the resource, or an empty string.
    pub service: String,
    /// The resource that sent it.
    pub resource: Arc<Resource>,
    /// The scope that made it.
    pub scope: Arc<Scope>,
    /// Trace ID, 32 hex digits.
    pub trace_id: String,
    /// Span ID, 16 hex digits.
    pub span_id: String,
    /// Span ID of the parent, empty for a root.
    pub parent_span_id: String,
    /// The W3C `tracestate`, empty where there is none.
    pub trace_state: String,
    /// W3C trace flags in bits 0 to 7; bit 8 says that bit 9 (the parent is remote) is meant.
    pub flags: u32,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: SpanKind,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events, in the order of the wire.
    pub events: Vec<SpanEvent>,
    /// How many events the sender dropped.
    pub dropped_events_count: u32,
    /// Links, in the order of the wire.
    pub links: Vec<SpanLink>,
    /// How many links the sender dropped.
    pub dropped_links_count: u32,
    /// Status.
    pub status: SpanStatus,
}

impl Span {
    /// The value of an attribute.
    pub fn attr(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// The attribute `correlation.id`.
    pub fn correlation_id(&self) -> Option<&str> {
        self.attributes.str("correlation.id")
    }

    /// Whether the sender gave no parent.
    pub fn is_root(&self) -> bool {
        self.parent_span_id.is_empty()
    }

    /// Whether the parent is known to be in another process; `None` where the sender does not say.
    pub fn parent_is_remote(&self) -> Option<bool> {
        (self.flags & 0x100 != 0).then_some(self.flags & 0x200 != 0)
    }

    /// From start to end; zero if the clock went backwards.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_unix_nano.saturating_sub(self.start_unix_nano))
    }

    pub(crate) fn from_proto(
        proto: ProtoSpan,
        resource: &Arc<Resource>,
        scope: &Arc<Scope>,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            service: resource.service().to_owned(),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
            trace_id: hex_id(&proto.trace_id, 16, "trace ID")?,
            span_id: hex_id(&proto.span_id, 8, "span ID")?,
            parent_span_id: hex_id(&proto.parent_span_id, 8, "parent span ID")?,
            trace_state: proto.trace_state,
            flags: proto.flags,
            name: proto.name,
            kind: SpanKind::from_proto(proto.kind),
            start_unix_nano: proto.start_time_unix_nano,
            end_unix_nano: proto.end_time_unix_nano,
            attributes: Attributes::from_proto(proto.attributes),
            dropped_attributes_count: proto.dropped_attributes_count,
            events: proto
                .events
                .into_iter()
                .map(SpanEvent::from_proto)
                .collect(),
            dropped_events_count: proto.dropped_events_count,
            links: proto
                .links
                .into_iter()
                .map(SpanLink::from_proto)
                .collect::<Result<_, _>>()?,
            dropped_links_count: proto.dropped_links_count,
            status: SpanStatus::from_proto(proto.status),
        })
    }
}

/// The kind of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Not set, or a number that OTLP does not know.
    Unspecified,
    /// Inside one process.
    Internal,
    /// The answering side of a call.
    Server,
    /// The asking side of a call.
    Client,
    /// Makes or sends a message.
    Producer,
    /// Takes or handles a message.
    Consumer,
}

impl SpanKind {
    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    fn from_proto(kind: i32) -> Self {
        match span::SpanKind::try_from(kind) {
            Ok(span::SpanKind::Internal) => Self::Internal,
            Ok(span::SpanKind::Server) => Self::Server,
            Ok(span::SpanKind::Client) => Self::Client,
            Ok(span::SpanKind::Producer) => Self::Producer,
            Ok(span::SpanKind::Consumer) => Self::Consumer,
            Ok(span::SpanKind::Unspecified) | Err(_) => Self::Unspecified,
        }
    }
}

/// The status of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpanStatus {
    /// Nobody set one.
    #[default]
    Unset,
    /// Set to OK by hand.
    Ok,
    /// An error, with its description, which may be empty.
    Error(String),
}

impl SpanStatus {
    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    fn from_proto(status: Option<Status>) -> Self {
        match status {
            Some(status) if status.code == 1 => Self::Ok,
            Some(status) if status.code == 2 => Self::Error(status.message),
            _ => Self::Unset,
        }
    }
}

/// An event of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// Name.
    pub name: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

impl SpanEvent {
    fn from_proto(event: span::Event) -> Self {
        Self {
            name: event.name,
            time_unix_nano: event.time_unix_nano,
            attributes: Attributes::from_proto(event.attributes),
            dropped_attributes_count: event.dropped_attributes_count,
        }
    }
}

/// A link from a span to another.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanLink {
    /// Trace ID of the linked span, 32 hex digits.
    pub trace_id: String,
    /// Span ID of the linked span, 16 hex digits.
    pub span_id: String,
    /// `tracestate` of the linked span.
    pub trace_state: String,
    /// Flags of the linked span, see [`Span::flags`].
    pub flags: u32,
    /// Attributes of the link.
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

impl SpanLink {
    fn from_proto(link: span::Link) -> Result<Self, Malformed> {
        Ok(Self {
            trace_id: hex_id(&link.trace_id, 16, "trace ID of a link")?,
            span_id: hex_id(&link.span_id, 8, "span ID of a link")?,
            trace_state: link.trace_state,
            flags: link.flags,
            attributes: Attributes::from_proto(link.attributes),
            dropped_attributes_count: link.dropped_attributes_count,
        })
    }
}
