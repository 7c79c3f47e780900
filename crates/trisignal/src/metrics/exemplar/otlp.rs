//! Exemplars in OTLP: each is put into the data point of its series.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};

use super::{Exemplar, Number, Store, Stream};

/// Adds the exemplars that were kept after `since` to `request`, which is what `metrics` is in OTLP.
pub(crate) fn add_exemplars(
    request: &mut ExportMetricsServiceRequest,
    metrics: &ResourceMetrics,
    store: &Store,
    since: SystemTime,
) {
    let targets = request
        .resource_metrics
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_metrics);
    // Encoding keeps the order of scopes, metrics and points.
    for (target, scope) in targets.zip(metrics.scope_metrics()) {
        for (target, metric) in target.metrics.iter_mut().zip(scope.metrics()) {
            if let Some(stream) = store.find(scope.scope(), metric.name()) {
                let source = Source {
                    store,
                    stream: &stream,
                    since,
                };
                source.add_to(target, metric);
            }
        }
    }
}

/// Where the exemplars of one metric are.
struct Source<'a> {
    store: &'a Store,
    stream: &'a Stream,
    since: SystemTime,
}

impl Source<'_> {
    fn add_to(&self, target: &mut proto::Metric, metric: &Metric) {
        match metric.data() {
            AggregatedMetrics::F64(data) => self.add(target, data),
            AggregatedMetrics::I64(data) => self.add(target, data),
            AggregatedMetrics::U64(data) => self.add(target, data),
        }
    }

    fn add<T>(&self, target: &mut proto::Metric, data: &MetricData<T>) {
        match (target.data.as_mut(), data) {
            (Some(Data::Gauge(target)), MetricData::Gauge(gauge)) => {
                for (target, point) in target.data_points.iter_mut().zip(gauge.data_points()) {
                    target.exemplars = self.of(point.attributes());
                }
            }
            (Some(Data::Sum(target)), MetricData::Sum(sum)) => {
                for (target, point) in target.data_points.iter_mut().zip(sum.data_points()) {
                    target.exemplars = self.of(point.attributes());
                }
            }
            (Some(Data::Histogram(target)), MetricData::Histogram(histogram)) => {
                for (target, point) in target.data_points.iter_mut().zip(histogram.data_points()) {
                    target.exemplars = self.of(point.attributes());
                }
            }
            (
                Some(Data::ExponentialHistogram(target)),
                MetricData::ExponentialHistogram(histogram),
            ) => {
                for (target, point) in target.data_points.iter_mut().zip(histogram.data_points()) {
                    target.exemplars = self.of(point.attributes());
                }
            }
            _ => {}
        }
    }

    fn of<'a>(&self, attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<proto::Exemplar> {
        let kept = self.store.exemplars(self.stream, attributes);
        let fresh = kept.into_iter().filter(|kept| kept.time >= self.since);
        fresh.map(encoded).collect()
    }
}

fn encoded(exemplar: Exemplar) -> proto::Exemplar {
    let (trace_id, span_id) = exemplar
        .span
        .map_or_else(Default::default, |(trace, span)| {
            (trace.to_bytes().to_vec(), span.to_bytes().to_vec())
        });
    let since_epoch = exemplar.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    proto::Exemplar {
        filtered_attributes: exemplar.filtered.iter().map(Into::into).collect(),
        time_unix_nano: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
        span_id,
        trace_id,
        value: Some(match exemplar.value {
            Number::Int(value) => Value::AsInt(value),
            Number::Float(value) => Value::AsDouble(value),
        }),
    }
}
