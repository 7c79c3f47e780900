//! What the builder was told: the input of [`resolve`](super::resolve()) next to the environment.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use trisignal_instrumentation::propagation::Format;

use crate::bridge::suppress::Suppression;
use crate::metrics::exemplar::ExemplarFilter;
use crate::metrics::views::View;
use crate::redact::{OwnRule, Redaction};

use super::parse::filter_directives;
use super::redact::endpoint_for_people;
use super::{ByteSize, Compression, ConfigError, ConsoleFormat, Exporter, Protocol};
use crate::metrics::OwnMetrics;
use crate::sampling::SamplerConfig;

/// Everything that code can say. `None` and empty lists mean "not said": the environment or the default decides.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The name given to `init`: a default that the environment may override.
    pub service_name: Cow<'static, str>,
    pub service_version: Option<String>,
    /// Attributes that win over everything detected or set by the operator.
    pub resource: Vec<KeyValue>,
    /// A configuration file, in place of the variable that names one.
    pub config_file: Option<PathBuf>,
    /// By the signal's index; each once, and empty for "nowhere".
    pub exporters: [Option<Vec<Exporter>>; 3],
    /// Base endpoint for all signals; `v1/<signal>` is appended for HTTP.
    pub endpoint: Option<String>,
    pub protocol: Option<Protocol>,
    /// Added to the headers of the environment; the same name here wins.
    pub headers: Vec<(String, String)>,
    /// Time for one attempt. `Duration::ZERO` is "no limit", as it is in the environment.
    pub timeout: Option<Duration>,
    pub compression: Option<Compression>,
    pub ca_certificate: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// The code has a sampler of its own, so that the variables of samplers don't count.
    pub own_sampler: bool,
    pub sampling: Option<SamplerConfig>,
    pub logs_trace_based: Option<bool>,
    /// Of what telemetry says about itself.
    pub log_level: Option<tracing::level_filters::LevelFilter>,
    pub http_known_methods: Option<Vec<String>>,
    pub console_format: Option<ConsoleFormat>,
    pub console_filter: Option<String>,
    pub logs_filter: Option<String>,
    pub traces_filter: Option<String>,
    pub metric_interval: Option<Duration>,
    /// Each group once. Empty is "none at all".
    pub own_metrics: Option<Vec<OwnMetrics>>,
    /// Host and port of the page for Prometheus.
    pub prometheus_address: Option<(String, u16)>,
    /// The program shows a page for Prometheus itself.
    pub metrics_service: bool,
    pub exemplar_filter: Option<ExemplarFilter>,
    /// Series of one instrument.
    pub cardinality_limit: Option<usize>,
    pub views: Vec<View>,
    /// The formats of context in headers, each once. Empty is "none at all".
    pub propagators: Option<Vec<Format>>,
    /// Keys of baggage members to show on spans and logs, each once.
    pub baggage_attributes: Vec<&'static str>,
    pub suppression: Option<Suppression>,
    pub redaction: Option<Redaction>,
    /// The user's own rule, which works beside `redaction`.
    pub own_redaction: Option<OwnRule>,
    /// For spans and logs.
    pub schedule_delay: Option<Duration>,
    /// Per queue.
    pub queue_items: Option<usize>,
    /// Per queue.
    pub queue_bytes: Option<ByteSize>,
    pub batch_items: Option<usize>,
    pub outbox: Option<ByteSize>,
    pub max_age: Option<Duration>,
    pub retry_initial: Option<Duration>,
    pub retry_max: Option<Duration>,
}

impl Settings {
    /// Mistakes of the programmer, found before anything is looked up.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let too_small = [
            (
                "metric_interval",
                self.metric_interval
                    .is_some_and(|interval| interval.is_zero()),
            ),
            ("queue_items", self.queue_items == Some(0)),
            (
                "queue_bytes",
                self.queue_bytes == Some(ByteSize::from_bytes(0)),
            ),
            ("batch_items", self.batch_items == Some(0)),
            (
                "suppression.per_second",
                self.suppression
                    .is_some_and(|suppression| suppression.per_second == Some(0)),
            ),
            ("outbox", self.outbox == Some(ByteSize::from_bytes(0))),
            ("max_age", self.max_age.is_some_and(|age| age.is_zero())),
            (
                "retry_initial",
                self.retry_initial.is_some_and(|wait| wait.is_zero()),
            ),
            (
                "retry_max",
                self.retry_max.is_some_and(|wait| wait.is_zero()),
            ),
        ];
        if let Some((setting, _)) = too_small.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(ConfigError {
                setting,
                problem: "must be more than 0".into(),
            });
        }
        if let (Some(initial), Some(max)) = (self.retry_initial, self.retry_max)
            && max < initial
        {
            return Err(ConfigError {
                setting: "retry_max",
                problem: "must not be less than retry_initial".into(),
            });
        }
        if let Some(problem) = self.sampling.as_ref().and_then(SamplerConfig::problem) {
            return Err(ConfigError {
                setting: "sampling",
                problem,
            });
        }
        super::metrics::validate(self)?;
        let files = [
            ("ca_certificate", &self.ca_certificate),
            ("client_certificate", &self.client_certificate),
            ("client_key", &self.client_key),
        ];
        for (setting, file) in files {
            let is_pem = |path: &PathBuf| path.to_string_lossy().contains("-----BEGIN");
            if file.as_ref().is_some_and(is_pem) {
                // It may be a private key, so it is not repeated.
                return Err(ConfigError {
                    setting,
                    problem: "is the content of a file, not its name".into(),
                });
            }
        }
        let filters = [
            ("console_filter", &self.console_filter),
            ("logs_filter", &self.logs_filter),
            ("traces_filter", &self.traces_filter),
        ];
        for (setting, filter) in filters {
            if let Some(Err(bad)) = filter.as_deref().map(filter_directives) {
                return Err(ConfigError {
                    setting,
                    problem: format!("the directive \"{bad}\" can't be read"),
                });
            }
        }
        Ok(())
    }
}

/// By hand, because headers and endpoints may carry secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings")
            .field("service_name", &self.service_name)
            .field("config_file", &self.config_file)
            .field("service_version", &self.service_version)
            .field("resource", &self.resource)
            .field(
                "endpoint",
                &self.endpoint.as_deref().map(endpoint_for_people),
            )
            .field("protocol", &self.protocol)
            .field("header_names", &header_names)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("console_format", &self.console_format)
            .field("console_filter", &self.console_filter)
            .field("logs_filter", &self.logs_filter)
            .field("traces_filter", &self.traces_filter)
            .field("sampling", &self.sampling)
            .field("logs_trace_based", &self.logs_trace_based)
            .field("propagators", &self.propagators)
            .field("baggage_attributes", &self.baggage_attributes)
            .field("suppression", &self.suppression)
            .field("redaction", &self.redaction)
            .field("own_redaction", &self.own_redaction.is_some())
            .field("metric_interval", &self.metric_interval)
            .field("own_metrics", &self.own_metrics)
            .field("schedule_delay", &self.schedule_delay)
            .field("queue_items", &self.queue_items)
            .field("queue_bytes", &self.queue_bytes)
            .field("batch_items", &self.batch_items)
            .field("outbox", &self.outbox)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}
