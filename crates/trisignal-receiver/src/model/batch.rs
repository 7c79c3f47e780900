//! One decoded request: its records, and what the store needs to bound and count them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric as ProtoMetric, metric::Data};
use prost::Message;

use super::{LogRecord, Metric, Resource, Scope, Span};

/// One of the three signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The last part of its HTTP path: `traces`, `metrics` or `logs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The records of one request, as a [rule](crate::Rule::when) sees them before they are stored.
///
/// Only the list of the request's own signal has entries.
#[derive(Debug)]
pub struct Batch {
    /// The signal.
    pub signal: Signal,
    /// Spans, in the order of the wire.
    pub spans: Vec<Span>,
    /// Log records, in the order of the wire.
    pub logs: Vec<LogRecord>,
    /// Metrics, in the order of the wire.
    pub metrics: Vec<Metric>,
    /// One for each item: span, log record or data point.
    identities: Vec<Identity>,
    /// Estimated bytes of each record: span, log record or metric.
    costs: Vec<usize>,
}

/// How the counters tell one item from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Equal for two deliveries of the same item.
    pub(crate) key: (u128, u64),
    /// Hash of the payload: equal keys with other payloads are a fault of the sender.
    pub(crate) payload: u64,
}

/// Why a request could not be understood.
#[derive(Debug)]
pub(crate) struct Malformed(pub(crate) String);

impl Batch {
    /// How many items: spans, log records, or data points (not metrics, as OTLP counts).
    pub fn items(&self) -> usize {
        self.identities.len()
    }

    pub(crate) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    pub(crate) fn costs(&self) -> &[usize] {
        &self.costs
    }

    /// Forgets all but the first `items` items.
    pub(crate) fn keep_first(&mut self, items: usize) {
        self.identities.truncate(items);
        self.spans.truncate(items);
        self.logs.truncate(items);
        let mut left = items;
        for metric in &mut self.metrics {
            metric.points.truncate(left);
            left -= metric.points.len();
        }
        self.metrics.retain(|metric| !metric.points.is_empty());
        self.costs
            .truncate(self.spans.len() + self.logs.len() + self.metrics.len());
    }

    pub(crate) fn from_traces(request: ExportTraceServiceRequest) -> Result<Self, Malformed> {
        let mut batch = Self::empty(Signal::Traces);
        for block in request.resource_spans {
            let resource_bytes = block.resource.as_ref().map_or(0, Message::encoded_len);
            let resource = Arc::new(Resource::from_proto(block.resource, block.schema_url));
            for scoped in block.scope_spans {
                let share = resource_bytes / scoped.spans.len().max(1);
                let scope = Arc::new(Scope::from_proto(scoped.scope, scoped.schema_url));
                for span in scoped.spans {
                    let payload = hash(&(0, span.encode_to_vec()));
                    let key = (number(&span.trace_id), number(&span.span_id) as u64);
                    batch.add(Identity { key, payload }, span.encoded_len() + share);
                    batch.spans.push(Span::from_proto(span, &resource, &scope)?);
                }
            }
        }
        Ok(batch)
    }

    /// `identity` is the attribute that tells log records apart; without it, or on records without it, the payload does.
    pub(crate) fn from_logs(
        request: ExportLogsServiceRequest,
        identity: Option<&str>,
    ) -> Result<Self, Malformed> {
        let mut batch = Self::empty(Signal::Logs);
        for block in request.resource_logs {
            let resource_bytes = block.resource.as_ref().map_or(0, Message::encoded_len);
            let origin = block
                .resource
                .as_ref()
                .map_or(0, |r| hash(&r.encode_to_vec()));
            let resource = Arc::new(Resource::from_proto(block.resource, block.schema_url));
            for scoped in block.scope_logs {
                let share = resource_bytes / scoped.log_records.len().max(1);
                let scope = Arc::new(Scope::from_proto(scoped.scope, scoped.schema_url));
                for log in scoped.log_records {
                    let bytes = log.encode_to_vec();
                    let log = LogRecord::from_proto(log, &resource, &scope)?;
                    let id = identity
                        .and_then(|key| log.attr(key))
                        .map(ToString::to_string);
                    let key = match id {
                        Some(id) => wide_hash(&id),
                        None => wide_hash(&(origin, &scope.name, &bytes)),
                    };
                    let payload = hash(&(origin, &scope.name, &bytes));
                    batch.add(Identity { key, payload }, bytes.len() + share);
                    batch.logs.push(log);
                }
            }
        }
        Ok(batch)
    }

    pub(crate) fn from_metrics(request: ExportMetricsServiceRequest) -> Result<Self, Malformed> {
        let mut batch = Self::empty(Signal::Metrics);
        for block in request.resource_metrics {
            let resource_bytes = block.resource.as_ref().map_or(0, Message::encoded_len);
            let origin = block
                .resource
                .as_ref()
                .map_or(0, |r| hash(&r.encode_to_vec()));
            let resource = Arc::new(Resource::from_proto(block.resource, block.schema_url));
            for scoped in block.scope_metrics {
                let share = resource_bytes / scoped.metrics.len().max(1);
                let scope = Arc::new(Scope::from_proto(scoped.scope, scoped.schema_url));
                for metric in scoped.metrics {
                    for point in encoded_points(&metric) {
                        let key = wide_hash(&(origin, &scope.name, &metric.name, point));
                        batch.identities.push(Identity { key, payload: 0 });
                    }
                    batch.costs.push(metric.encoded_len() + share);
                    batch
                        .metrics
                        .push(Metric::from_proto(metric, &resource, &scope)?);
                }
            }
        }
        Ok(batch)
    }

    fn empty(signal: Signal) -> Self {
        Self {
            signal,
            spans: Vec::new(),
            logs: Vec::new(),
            metrics: Vec::new(),
            identities: Vec::new(),
            costs: Vec::new(),
        }
    }

    fn add(&mut self, identity: Identity, cost: usize) {
        self.identities.push(identity);
        self.costs.push(cost);
    }
}

fn encoded_points(metric: &ProtoMetric) -> Vec<Vec<u8>> {
    fn encode<M: Message>(points: &[M]) -> Vec<Vec<u8>> {
        points.iter().map(Message::encode_to_vec).collect()
    }
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(data)) => encode(&data.data_points),
        Some(Data::Sum(data)) => encode(&data.data_points),
        Some(Data::Histogram(data)) => encode(&data.data_points),
        Some(Data::ExponentialHistogram(data)) => encode(&data.data_points),
        Some(Data::Summary(data)) => encode(&data.data_points),
    }
}

/// Big-endian number of an ID; IDs of a wrong length are refused later, so nothing is lost here.
fn number(id: &[u8]) -> u128 {
    id.iter()
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// 128 bits, so that equal hashes of different items stay out of reach of any test.
fn wide_hash(value: &impl Hash) -> (u128, u64) {
    (u128::from(hash(&(1, value))), hash(&(2, value)))
}
