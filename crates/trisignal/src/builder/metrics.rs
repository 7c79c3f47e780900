//! What is measured, and how it leaves.

use std::time::Duration;

use super::{Builder, add_new};
use crate::config::{HistogramAggregation, Temporality};
use crate::metrics::OwnMetrics;
use crate::metrics::exemplar::ExemplarFilter;
use crate::metrics::views::View;

impl Builder {
    /// How often metrics are exported. Default 60 s.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.settings.metric_interval = Some(interval);
        self
    }

    /// A second upper limit to one attempt at exporting metrics, next to the timeout of OTLP, instead of
    /// `OTEL_METRIC_EXPORT_TIMEOUT`; zero is "no limit". Default none.
    pub fn metric_timeout(mut self, timeout: Duration) -> Self {
        self.settings.metric_timeout = Some(timeout);
        self
    }

    /// What sums and histograms that are pushed count from, instead of
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`. Default [`Temporality::Cumulative`].
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.settings.temporality = Some(temporality);
        self
    }

    /// The buckets of histograms for which neither instrument nor view says bounds, instead of
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`. Default
    /// [`HistogramAggregation::ExplicitBuckets`].
    pub fn histogram_aggregation(mut self, aggregation: HistogramAggregation) -> Self {
        self.settings.histogram_aggregation = Some(aggregation);
        self
    }

    /// What is measured without being asked for, instead of `OTEL_RUST_OWN_METRICS`. None at all turns it off. Default
    /// [`OwnMetrics::ALL`].
    ///
    /// ```
    /// use trisignal::OwnMetrics;
    ///
    /// let builder = trisignal::builder("checkout").own_metrics([OwnMetrics::Process]);
    /// # let _ = builder;
    /// ```
    pub fn own_metrics(mut self, groups: impl IntoIterator<Item = OwnMetrics>) -> Self {
        let chosen = self.settings.own_metrics.insert(Vec::new());
        add_new(chosen, groups);
        self
    }

    /// Where the page for Prometheus is served, with [`Exporter::Prometheus`](crate::Exporter::Prometheus) among the exporters of metrics: a host name
    /// or an address, and a port, where 0 is any that is free; [`Telemetry::metrics_address`](crate::Telemetry::metrics_address) tells it. Default
    /// `localhost`, 9464.
    ///
    /// The page shows the resource, and names and attributes of metrics, to everybody who can reach the address.
    ///
    /// ```
    /// use trisignal::{Exporter, Signal};
    ///
    /// let builder = trisignal::builder("checkout")
    ///     .exporters(Signal::Metrics, [Exporter::Otlp, Exporter::Prometheus])
    ///     .prometheus_address("localhost", 0);
    /// # let _ = builder;
    /// ```
    pub fn prometheus_address(mut self, host: impl Into<String>, port: u16) -> Self {
        self.settings.prometheus_address = Some((host.into(), port));
        self
    }

    /// Collects metrics for [`Telemetry::metrics_service`](crate::Telemetry::metrics_service), besides what the exporters of metrics are.
    pub fn metrics_service(mut self) -> Self {
        self.settings.metrics_service = true;
        self
    }

    /// Which measurements are kept as examples that lead from a metric to a trace. Default
    /// [`ExemplarFilter::TraceBased`].
    pub fn exemplar_filter(mut self, filter: ExemplarFilter) -> Self {
        self.settings.exemplar_filter = Some(filter);
        self
    }

    /// Series of one instrument, at least 1. All beyond it are one, with the attribute `otel.metric.overflow`, and a log
    /// line names the instrument once. Default 2,000.
    pub fn cardinality_limit(mut self, limit: usize) -> Self {
        self.settings.cardinality_limit = Some(limit);
        self
    }

    /// Adds a view: what some instruments bring is dropped, renamed or cut down.
    pub fn view(mut self, view: View) -> Self {
        self.settings.views.push(view);
        self
    }
}
