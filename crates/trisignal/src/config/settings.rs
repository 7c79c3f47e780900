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
use super::variables::Signal;
use super::{
    Batch, ByteSize, ConfigError, ConsoleFormat, Entity, Exporter, HistogramAggregation,
    ItemLimits, Otlp, Temporality,
};
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
    /// Nothing is recorded or exported.
    pub disabled: Option<bool>,
    /// What the service is part of. Their attributes are below those of `resource`.
    pub entities: Option<Vec<Entity>>,
    /// For all signals. The endpoint is the base one, to which `v1/<signal>` is appended for HTTP; headers are added to
    /// those of the environment.
    pub otlp: Otlp,
    /// For single signals, by the signal's index.
    pub otlp_of: [Otlp; 3],
    /// The code has a sampler of its own, so that the variables of samplers don't count.
    pub own_sampler: bool,
    pub sampling: Option<SamplerConfig>,
    pub logs_trace_based: Option<bool>,
    pub span_events: Option<tracing::level_filters::LevelFilter>,
    pub context_activation: Option<bool>,
    /// Of what telemetry says about itself.
    pub log_level: Option<tracing::level_filters::LevelFilter>,
    pub http_known_methods: Option<Vec<String>>,
    pub console_format: Option<ConsoleFormat>,
    pub console_filter: Option<String>,
    pub console_color: Option<bool>,
    pub logs_filter: Option<String>,
    pub traces_filter: Option<String>,
    pub metric_interval: Option<Duration>,
    /// As `Batch::export_timeout`.
    pub metric_timeout: Option<Duration>,
    pub temporality: Option<Temporality>,
    pub histogram_aggregation: Option<HistogramAggregation>,
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
    /// For spans and logs each.
    pub batch: Batch,
    pub span_batch: Batch,
    pub log_batch: Batch,
    pub item_limits: ItemLimits,
    pub outbox: Option<ByteSize>,
    pub max_age: Option<Duration>,
    pub retry_initial: Option<Duration>,
    pub retry_max: Option<Duration>,
}

impl Settings {
    /// The attributes of the resource that code has, the strongest last.
    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        let entities = self.entities.iter().flatten();
        let version = self.service_version.clone();
        entities
            .flat_map(Entity::attributes)
            .cloned()
            .chain(version.map(|version| KeyValue::new("service.version", version)))
            .chain(self.resource.iter().cloned())
            .collect()
    }

    /// What code says about OTLP for one signal, without the endpoint for all of them.
    pub(super) fn otlp_for(&self, signal: Signal) -> Otlp {
        self.otlp_of[signal.index()].over(&self.otlp)
    }

    /// What code says about batches of spans or logs, and how long exporting metrics takes at most.
    pub(super) fn batch_for(&self, signal: Signal) -> Batch {
        match signal {
            Signal::Traces => self.span_batch.over(self.batch),
            Signal::Logs => self.log_batch.over(self.batch),
            Signal::Metrics => Batch {
                export_timeout: self.metric_timeout,
                ..Batch::default()
            },
        }
    }

    /// Mistakes of the programmer, found before anything is looked up.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.validate_numbers()?;
        if let Some(problem) = self.sampling.as_ref().and_then(SamplerConfig::problem) {
            return Err(error("sampling", problem));
        }
        super::metrics::validate(self)?;
        for entity in self.entities.iter().flatten() {
            if let Some(problem) = entity.problem() {
                return Err(error("entities", problem));
            }
        }
        self.validate_files()?;
        let filters = [
            ("console_filter", &self.console_filter),
            ("logs_filter", &self.logs_filter),
            ("traces_filter", &self.traces_filter),
        ];
        for (setting, filter) in filters {
            if let Some(Err(bad)) = filter.as_deref().map(filter_directives) {
                let problem = format!("the directive \"{bad}\" can't be read");
                return Err(error(setting, problem));
            }
        }
        Ok(())
    }

    fn validate_numbers(&self) -> Result<(), ConfigError> {
        let is_zero = |duration: Option<Duration>| duration.is_some_and(|it| it.is_zero());
        let no_bytes = |size: Option<ByteSize>| size.is_some_and(|size| size.bytes() == 0);
        let no_rate = |it: Suppression| it.per_second == Some(0);
        let batches = [self.batch, self.span_batch, self.log_batch];
        let in_batch = |test: fn(&Batch) -> bool| batches.iter().any(test);
        let too_small = [
            ("metric_interval", is_zero(self.metric_interval)),
            (
                "queue_items",
                in_batch(|batch| batch.queue_items == Some(0)),
            ),
            (
                "queue_bytes",
                batches.iter().any(|batch| no_bytes(batch.queue_bytes)),
            ),
            (
                "batch_items",
                in_batch(|batch| batch.batch_items == Some(0)),
            ),
            (
                "suppression.per_second",
                self.suppression.is_some_and(no_rate),
            ),
            ("outbox", no_bytes(self.outbox)),
            ("max_age", is_zero(self.max_age)),
            ("retry_initial", is_zero(self.retry_initial)),
            ("retry_max", is_zero(self.retry_max)),
        ];
        if let Some((setting, _)) = too_small.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(error(setting, "must be more than 0"));
        }
        match (self.retry_initial, self.retry_max) {
            (Some(initial), Some(max)) if max < initial => {
                Err(error("retry_max", "must not be less than retry_initial"))
            }
            _ => Ok(()),
        }
    }

    fn validate_files(&self) -> Result<(), ConfigError> {
        let is_pem = |path: &PathBuf| path.to_string_lossy().contains("-----BEGIN");
        for otlp in std::iter::once(&self.otlp).chain(&self.otlp_of) {
            let files = [
                ("bearer_token_file", &otlp.bearer_token_file),
                ("ca_certificate", &otlp.ca_certificate),
                ("client_certificate", &otlp.client_certificate),
                ("client_key", &otlp.client_key),
            ];
            for (setting, file) in files {
                if file.as_ref().is_some_and(is_pem) {
                    // It may be a private key, so it is not repeated.
                    return Err(error(setting, "is the content of a file, not its name"));
                }
            }
            if otlp.client_certificate.is_some() != otlp.client_key.is_some() {
                let problem = "needs both the certificate and its key";
                return Err(error("client_certificate", problem));
            }
        }
        Ok(())
    }
}

fn error(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        setting,
        problem: problem.into(),
    }
}

/// By hand, because headers and endpoints may carry secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("service_name", &self.service_name)
            .field("config_file", &self.config_file)
            .field("service_version", &self.service_version)
            .field("resource", &self.resource)
            .field("otlp", &self.otlp)
            .field("otlp_of", &self.otlp_of)
            .field("console_format", &self.console_format)
            .field("console_filter", &self.console_filter)
            .field("logs_filter", &self.logs_filter)
            .field("traces_filter", &self.traces_filter)
            .field("sampling", &self.sampling)
            .field("logs_trace_based", &self.logs_trace_based)
            .field("span_events", &self.span_events)
            .field("context_activation", &self.context_activation)
            .field("propagators", &self.propagators)
            .field("baggage_attributes", &self.baggage_attributes)
            .field("suppression", &self.suppression)
            .field("redaction", &self.redaction)
            .field("own_redaction", &self.own_redaction.is_some())
            .field("metric_interval", &self.metric_interval)
            .field("own_metrics", &self.own_metrics)
            .field("batch", &self.batch)
            .field("span_batch", &self.span_batch)
            .field("log_batch", &self.log_batch)
            .field("item_limits", &self.item_limits)
            .field("outbox", &self.outbox)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}
