//! The messages of OTLP, as far as their JSON form needs them: the number, name and kind of each field.
//!
//! By `opentelemetry-proto`'s files `*/v1/*.proto`. Fields that are not here are left out of the JSON, which readers of
//! OTLP/JSON must be able to bear.

use crate::pipeline::signal::Signal;

/// A message: its fields, in the order of the JSON.
pub(super) struct Message(pub(super) &'static [Field]);

/// A field of a message.
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// How a value is on the wire and in JSON.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Message(&'static Message),
    Text,
    Bool,
    /// Bytes that are an ID: hexadecimal.
    Id,
    /// Any other bytes: base64.
    Bytes,
    /// A varint of 32 bits, also an enumeration: a number.
    Int32,
    /// A varint of 32 bits without a sign: a number.
    Uint32,
    /// A varint with its sign in the lowest bit, of 32 bits: a number.
    Sint32,
    /// Four bytes: a number.
    Fixed32,
    /// A varint of 64 bits with a sign: a text.
    Int64,
    /// A varint of 64 bits: a text.
    Uint64,
    /// Eight bytes: a text.
    Fixed64,
    /// Eight bytes with a sign: a text.
    Sfixed64,
    Double,
}

/// The export request of a signal.
pub(super) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        repeated: false,
    }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        repeated: true,
    }
}

use Kind::{
    Bool, Bytes, Double, Fixed32, Fixed64, Id, Int32, Int64, Message as In, Sfixed64, Sint32, Text,
    Uint32, Uint64,
};

static TRACES: Message = Message(&[many(1, "resourceSpans", In(&RESOURCE_SPANS))]);
static METRICS: Message = Message(&[many(1, "resourceMetrics", In(&RESOURCE_METRICS))]);
static LOGS: Message = Message(&[many(1, "resourceLogs", In(&RESOURCE_LOGS))]);

static RESOURCE_SPANS: Message = Message(&[
    one(1, "resource", In(&RESOURCE)),
    many(2, "scopeSpans", In(&SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_SPANS: Message = Message(&[
    one(1, "scope", In(&SCOPE)),
    many(2, "spans", In(&SPAN)),
    one(3, "schemaUrl", Text),
]);
static RESOURCE_METRICS: Message = Message(&[
    one(1, "resource", In(&RESOURCE)),
    many(2, "scopeMetrics", In(&SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_METRICS: Message = Message(&[
    one(1, "scope", In(&SCOPE)),
    many(2, "metrics", In(&METRIC)),
    one(3, "schemaUrl", Text),
]);
static RESOURCE_LOGS: Message = Message(&[
    one(1, "resource", In(&RESOURCE)),
    many(2, "scopeLogs", In(&SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_LOGS: Message = Message(&[
    one(1, "scope", In(&SCOPE)),
    many(2, "logRecords", In(&LOG_RECORD)),
    one(3, "schemaUrl", Text),
]);

static RESOURCE: Message = Message(&[
    many(1, "attributes", In(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Uint32),
    many(3, "entityRefs", In(&ENTITY_REF)),
]);
static ENTITY_REF: Message = Message(&[
    one(1, "schemaUrl", Text),
    one(2, "type", Text),
    many(3, "idKeys", Text),
    many(4, "descriptionKeys", Text),
]);
static SCOPE: Message = Message(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", In(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);
static KEY_VALUE: Message = Message(&[one(1, "key", Text), one(2, "value", In(&ANY_VALUE))]);
static ANY_VALUE: Message = Message(&[
    one(1, "stringValue", Text),
    one(2, "boolValue", Bool),
    one(3, "intValue", Int64),
    one(4, "doubleValue", Double),
    one(5, "arrayValue", In(&ARRAY_VALUE)),
    one(6, "kvlistValue", In(&KEY_VALUE_LIST)),
    one(7, "bytesValue", Bytes),
]);
static ARRAY_VALUE: Message = Message(&[many(1, "values", In(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[many(1, "values", In(&KEY_VALUE))]);

static SPAN: Message = Message(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Id),
    one(16, "flags", Fixed32),
    one(5, "name", Text),
    one(6, "kind", Int32),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", In(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Uint32),
    many(11, "events", In(&SPAN_EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", In(&SPAN_LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", In(&STATUS)),
]);
static SPAN_EVENT: Message = Message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", In(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);
static SPAN_LINK: Message = Message(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    many(4, "attributes", In(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
]);
static STATUS: Message = Message(&[one(2, "message", Text), one(3, "code", Int32)]);

static LOG_RECORD: Message = Message(&[
    one(1, "timeUnixNano", Fixed64),
    one(11, "observedTimeUnixNano", Fixed64),
    one(2, "severityNumber", Int32),
    one(3, "severityText", Text),
    one(5, "body", In(&ANY_VALUE)),
    many(6, "attributes", In(&KEY_VALUE)),
    one(7, "droppedAttributesCount", Uint32),
    one(8, "flags", Fixed32),
    one(9, "traceId", Id),
    one(10, "spanId", Id),
    one(12, "eventName", Text),
]);

static METRIC: Message = Message(&[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    one(5, "gauge", In(&GAUGE)),
    one(7, "sum", In(&SUM)),
    one(9, "histogram", In(&HISTOGRAM)),
    one(10, "exponentialHistogram", In(&EXPONENTIAL_HISTOGRAM)),
    one(11, "summary", In(&SUMMARY)),
    many(12, "metadata", In(&KEY_VALUE)),
]);
static GAUGE: Message = Message(&[many(1, "dataPoints", In(&NUMBER_POINT))]);
static SUM: Message = Message(&[
    many(1, "dataPoints", In(&NUMBER_POINT)),
    one(2, "aggregationTemporality", Int32),
    one(3, "isMonotonic", Bool),
]);
static HISTOGRAM: Message = Message(&[
    many(1, "dataPoints", In(&HISTOGRAM_POINT)),
    one(2, "aggregationTemporality", Int32),
]);
static EXPONENTIAL_HISTOGRAM: Message = Message(&[
    many(1, "dataPoints", In(&EXPONENTIAL_POINT)),
    one(2, "aggregationTemporality", Int32),
]);
static SUMMARY: Message = Message(&[many(1, "dataPoints", In(&SUMMARY_POINT))]);
static NUMBER_POINT: Message = Message(&[
    many(7, "attributes", In(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "asDouble", Double),
    one(6, "asInt", Sfixed64),
    many(5, "exemplars", In(&EXEMPLAR)),
    one(8, "flags", Uint32),
]);
static HISTOGRAM_POINT: Message = Message(&[
    many(9, "attributes", In(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", In(&EXEMPLAR)),
    one(10, "flags", Uint32),
    one(11, "min", Double),
    one(12, "max", Double),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    many(1, "attributes", In(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    one(6, "scale", Sint32),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", In(&BUCKETS)),
    one(9, "negative", In(&BUCKETS)),
    one(10, "flags", Uint32),
    many(11, "exemplars", In(&EXEMPLAR)),
    one(12, "min", Double),
    one(13, "max", Double),
    one(14, "zeroThreshold", Double),
]);
static BUCKETS: Message = Message(&[one(1, "offset", Sint32), many(2, "bucketCounts", Uint64)]);
static SUMMARY_POINT: Message = Message(&[
    many(7, "attributes", In(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", In(&QUANTILE)),
    one(8, "flags", Uint32),
]);
static QUANTILE: Message = Message(&[one(1, "quantile", Double), one(2, "value", Double)]);
static EXEMPLAR: Message = Message(&[
    many(7, "filteredAttributes", In(&KEY_VALUE)),
    one(2, "timeUnixNano", Fixed64),
    one(3, "asDouble", Double),
    one(6, "asInt", Sfixed64),
    one(4, "spanId", Id),
    one(5, "traceId", Id),
]);
