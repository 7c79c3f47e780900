//! What becomes of metrics before they are exported, and the page for Prometheus.

use std::sync::Arc;

use opentelemetry_sdk::metrics::InstrumentKind;

use crate::metrics::exemplar::ExemplarFilter;
use crate::metrics::views::{CARDINALITY, View};
use crate::scopes::Scopes;

use super::parse::Problems;
use super::reader::Reader;
use super::variables::{self as table, Signal};
use super::{ConfigError, ExporterConfig, HistogramAggregation};
use super::{Exporter, Origin, Settings, SignalConfig, file, show};

/// How metrics are collected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricsConfig {
    pub prometheus: PrometheusConfig,
    pub exemplars: ExemplarFilter,
    /// Histograms that say no bounds have buckets that adapt.
    pub exponential: bool,
    /// Series of one instrument; not 0.
    pub cardinality_limit: usize,
    /// Those of single kinds of instruments, which win over the one for all.
    pub kind_limits: Vec<(InstrumentKind, usize)>,
    /// Known to be ones that the SDK takes.
    pub views: Vec<View>,
    /// Meters that are off, where any are.
    pub meters: Option<Arc<Scopes>>,
}

/// The page that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrometheusConfig {
    /// Listen on the address below.
    pub listens: bool,
    /// Collect for a page that the program shows itself.
    pub serves: bool,
    pub host: String,
    /// 0 is one that the system chooses.
    pub port: u16,
}

impl PrometheusConfig {
    /// Whether anybody may ask for a page.
    pub(crate) fn is_on(&self) -> bool {
        self.listens || self.serves
    }
}

/// What is in force, where metrics go to `target`.
pub(super) fn metrics(
    settings: &Settings,
    target: &SignalConfig,
    reader: &mut Reader<'_>,
) -> MetricsConfig {
    let (host, port) = settings
        .prometheus_address
        .clone()
        .map_or((None, None), |(host, port)| (Some(host), Some(port)));
    let listens = target.exporters.contains(&ExporterConfig::Prometheus);
    let (host_of, port_of) = (&table::PROMETHEUS_HOST, &table::PROMETHEUS_PORT);
    let prometheus = PrometheusConfig {
        listens,
        serves: settings.metrics_service,
        host: reader.pick("metrics.prometheus.host", host, host_of, show::display),
        port: reader.pick("metrics.prometheus.port", port, port_of, show::display),
    };
    let (limit, origin) = match settings.cardinality_limit {
        Some(limit) => (limit, Origin::Code),
        None => match reader.number_of_file("metrics.cardinality_limit") {
            // The largest number is one less than all, for the SDK's sake.
            Some((limit, origin)) => (
                usize::try_from(limit)
                    .unwrap_or(usize::MAX)
                    .min(usize::MAX - 1),
                origin,
            ),
            None => (CARDINALITY, Origin::Default),
        },
    };
    reader.note("metrics.cardinality_limit", limit.to_string(), origin);
    let views = match (&settings.views[..], reader.file) {
        ([], Some(document)) => file::views(document, reader),
        ([], None) => Vec::new(),
        (views, _) => {
            reader.note("metrics.views", views.len().to_string(), Origin::Code);
            views.to_vec()
        }
    };
    let histograms = reader.pick(
        "metrics.histogram_aggregation",
        settings.histogram_aggregation,
        &table::DEFAULT_HISTOGRAM_AGGREGATION,
        show::display,
    );
    MetricsConfig {
        prometheus,
        exemplars: reader.pick(
            "metrics.exemplar_filter",
            settings.exemplar_filter,
            &table::METRICS_EXEMPLAR_FILTER,
            show::display,
        ),
        exponential: histograms == HistogramAggregation::ExponentialBuckets,
        cardinality_limit: limit,
        // Code has one limit for all.
        kind_limits: match (settings.cardinality_limit, reader.file) {
            (None, Some(document)) => file::kind_limits(document),
            _ => Vec::new(),
        },
        views,
        meters: file::scopes(Signal::Metrics, reader),
    }
}

/// Mistakes of the programmer.
pub(super) fn validate(settings: &Settings) -> Result<(), ConfigError> {
    let problem = |setting, problem| Err(ConfigError { setting, problem });
    let [traces, _, logs] = &settings.exporters;
    let mut others = [traces, logs].into_iter().flatten();
    if others.any(|chosen| chosen.contains(&Exporter::Prometheus)) {
        return problem("exporters", "prometheus is for metrics only".to_owned());
    }
    // The largest number is one less than all, for the SDK's sake.
    if matches!(settings.cardinality_limit, Some(0 | usize::MAX)) {
        return problem("cardinality_limit", "must be more than 0".to_owned());
    }
    match settings.views.iter().find_map(View::problem) {
        Some(wrong) => problem("view", wrong),
        None => Ok(()),
    }
}

pub(super) fn exemplar_filter(text: &str, problems: &mut Problems) -> Option<ExemplarFilter> {
    match text.to_ascii_lowercase().as_str() {
        "trace_based" => Some(ExemplarFilter::TraceBased),
        "always_on" => Some(ExemplarFilter::AlwaysOn),
        "always_off" => Some(ExemplarFilter::AlwaysOff),
        _ => problems.reject("is none of trace_based, always_on, always_off"),
    }
}

pub(super) fn histogram(text: &str, problems: &mut Problems) -> Option<HistogramAggregation> {
    match text.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Some(HistogramAggregation::ExplicitBuckets),
        "base2_exponential_bucket_histogram" => Some(HistogramAggregation::ExponentialBuckets),
        _ => problems
            .reject("is none of explicit_bucket_histogram, base2_exponential_bucket_histogram"),
    }
}

pub(super) fn port(text: &str, problems: &mut Problems) -> Option<u16> {
    text.parse()
        .ok()
        .or_else(|| problems.reject("is not a port, a number from 0 to 65535"))
}
