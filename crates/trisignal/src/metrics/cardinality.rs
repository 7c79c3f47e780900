//! Too many series of one instrument: the SDK puts them into one, and here it is said which instrument has them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

/// The attribute of the series that all further ones go into.
pub(crate) const OVERFLOW: &str = "otel.metric.overflow";
/// Instruments that are named, at most: beyond it somebody makes up names.
const MOST_NAMES: usize = 1_000;

/// Says once for each instrument that it has too many series.
#[derive(Debug, Default)]
pub(crate) struct OverflowWatch {
    said: Mutex<HashSet<(String, String)>>,
}

impl OverflowWatch {
    /// Looks for series that overflowed.
    pub(crate) fn look(&self, metrics: &ResourceMetrics) {
        for scope in metrics.scope_metrics() {
            for metric in scope.metrics() {
                let has_overflowed = match metric.data() {
                    AggregatedMetrics::F64(data) => overflowed(data),
                    AggregatedMetrics::I64(data) => overflowed(data),
                    AggregatedMetrics::U64(data) => overflowed(data),
                };
                if has_overflowed && self.is_news(scope.scope(), metric.name()) {
                    let instrument = metric.name();
                    let scope = scope.scope().name();
                    tracing::warn!(
                        target: "trisignal",
                        instrument,
                        scope,
                        "an instrument has more series than its limit, all further ones are counted as one"
                    );
                }
            }
        }
    }

    fn is_news(&self, scope: &InstrumentationScope, name: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < MOST_NAMES && said.insert((scope.name().to_owned(), name.to_owned()))
    }
}

fn overflowed<T>(data: &MetricData<T>) -> bool {
    match data {
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .any(|point| is_overflow(point.attributes())),
        MetricData::Sum(sum) => sum
            .data_points()
            .any(|point| is_overflow(point.attributes())),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .any(|point| is_overflow(point.attributes())),
        MetricData::ExponentialHistogram(histogram) => histogram
            .data_points()
            .any(|point| is_overflow(point.attributes())),
    }
}

fn is_overflow<'a>(mut attributes: impl Iterator<Item = &'a KeyValue>) -> bool {
    attributes
        .next()
        .is_some_and(|only| only.key.as_str() == OVERFLOW)
        && attributes.next().is_none()
}
