//! Metrics and their data points.

use std::sync::Arc;

use opentelemetry_proto::tonic::metrics::v1::Metric as ProtoMetric;

use super::points::kind_and_points;
use super::{Attributes, Malformed, Resource, Scope, Value};

/// One metric as one request carried it; the same metric comes again with every export.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// `service.name` of the resource, or an empty string.
    pub service: String,
    /// The resource that sent it.
    pub resource: Arc<Resource>,
    /// The scope that made it.
    pub scope: Arc<Scope>,
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Description.
    pub description: String,
    /// Kind, with what belongs to it.
    pub kind: MetricKind,
    /// Data points, in the order of the wire.
    pub points: Vec<DataPoint>,
}

impl Metric {
    /// The first data point whose attribute `key` is `value`.
    pub fn point(&self, key: &str, value: impl Into<Value>) -> Option<&DataPoint> {
        let value = value.into();
        self.points
            .iter()
            .find(|point| point.attr(key) == Some(&value))
    }

    pub(crate) fn from_proto(
        metric: ProtoMetric,
        resource: &Arc<Resource>,
        scope: &Arc<Scope>,
    ) -> Result<Self, Malformed> {
        let (kind, points) = kind_and_points(metric.data)?;
        Ok(Self {
            service: resource.service().to_owned(),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
            name: metric.name,
            unit: metric.unit,
            description: metric.description,
            kind,
            points,
        })
    }
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// The sender set no data.
    Empty,
    /// The value at one time.
    Gauge,
    /// A sum.
    Sum {
        /// Whether it only grows.
        monotonic: bool,
        /// Whether points are totals or differences.
        temporality: Temporality,
    },
    /// A histogram with explicit bounds.
    Histogram {
        /// Whether points are totals or differences.
        temporality: Temporality,
    },
    /// A histogram with exponential buckets.
    ExponentialHistogram {
        /// Whether points are totals or differences.
        temporality: Temporality,
    },
    /// Quantiles computed by the sender.
    Summary,
}

/// Whether points are totals since the start or differences since the last export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// Not set.
    Unspecified,
    /// Differences.
    Delta,
    /// Totals.
    Cumulative,
}

impl Temporality {
    pub(super) fn from_proto(temporality: i32) -> Self {
        match temporality {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

/// A data point of any kind of metric.
#[derive(Clone, Debug, PartialEq)]
pub struct DataPoint {
    /// Attributes.
    pub attributes: Attributes,
    /// Start of the interval, in nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// Time of the value, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// Flags; bit 0 says that no value was recorded.
    pub flags: u32,
    /// The value.
    pub value: PointValue,
    /// Exemplars, which lead to traces.
    pub exemplars: Vec<Exemplar>,
}

impl DataPoint {
    /// The value of an attribute.
    pub fn attr(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// The number of a sum or a gauge.
    pub fn as_f64(&self) -> Option<f64> {
        match self.value {
            PointValue::Int(value) => Some(value as f64),
            PointValue::Double(value) => Some(value),
            _ => None,
        }
    }

    /// The number of a sum or a gauge of integers.
    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            PointValue::Int(value) => Some(value),
            _ => None,
        }
    }

    /// How many measurements a histogram or a summary has.
    pub fn count(&self) -> Option<u64> {
        match self.value {
            PointValue::Histogram { count, .. }
            | PointValue::ExponentialHistogram { count, .. }
            | PointValue::Summary { count, .. } => Some(count),
            _ => None,
        }
    }

    /// The sum of all measurements of a histogram or a summary.
    pub fn sum(&self) -> Option<f64> {
        match self.value {
            PointValue::Histogram { sum, .. } | PointValue::ExponentialHistogram { sum, .. } => sum,
            PointValue::Summary { sum, .. } => Some(sum),
            _ => None,
        }
    }
}

/// The value of a data point.
#[derive(Clone, Debug, PartialEq)]
pub enum PointValue {
    /// The sender set none.
    Empty,
    /// An integer of a sum or a gauge.
    Int(i64),
    /// A double of a sum or a gauge.
    Double(f64),
    /// A histogram.
    Histogram {
        /// Number of measurements.
        count: u64,
        /// Their sum, where the sender knows it.
        sum: Option<f64>,
        /// The smallest, where the sender knows it.
        min: Option<f64>,
        /// The largest, where the sender knows it.
        max: Option<f64>,
        /// Upper bounds (inclusive) of all buckets but the last.
        bounds: Vec<f64>,
        /// Measurements per bucket, one more than there are bounds.
        buckets: Vec<u64>,
    },
    /// An exponential histogram.
    ExponentialHistogram {
        /// Number of measurements.
        count: u64,
        /// Their sum, where the sender knows it.
        sum: Option<f64>,
        /// The smallest, where the sender knows it.
        min: Option<f64>,
        /// The largest, where the sender knows it.
        max: Option<f64>,
        /// The base is 2 to the power of 2 to the power of minus this.
        scale: i32,
        /// Measurements around zero.
        zero_count: u64,
        /// Index of the first positive bucket, and the measurements per bucket.
        positive: (i32, Vec<u64>),
        /// Index of the first negative bucket, and the measurements per bucket.
        negative: (i32, Vec<u64>),
    },
    /// A summary.
    Summary {
        /// Number of measurements.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Pairs of quantile (0 to 1) and value.
        quantiles: Vec<(f64, f64)>,
    },
}

/// A single measurement, kept as an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// The measured number.
    pub value: f64,
    /// Trace ID, 32 hex digits, empty outside of a trace.
    pub trace_id: String,
    /// Span ID, 16 hex digits, empty outside of a span.
    pub span_id: String,
    /// Attributes that the data point does not have.
    pub attributes: Attributes,
}
