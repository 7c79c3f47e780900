//! Configuration: settings of the code and variables of the operator become one immutable [`Config`].
//!
//! It is a pure step: nothing is read from the process but through [`Environment`], nothing is logged (what is wrong is in
//! [`Config::warnings`]) and no global is touched. Code wins over the environment, which wins over defaults. The
//! one exception is the service name given to `init`, which is a default.

mod contradictions;
mod endpoint;
mod entities;
mod environment;
mod exporters;
pub(crate) mod file;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod identity;
mod limits;
mod members;
mod metrics;
mod options;
mod otlp;
mod parse;
mod reader;
mod redact;
mod redaction;
mod resolve;
pub(crate) mod sampling;
mod settings;
mod show;
mod suppression;
#[cfg(test)]
mod tests;
mod types;
mod unsupported;
mod variables;
mod view;
mod warning;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use trisignal_instrumentation::http::CapturedHeaders;
use trisignal_instrumentation::propagation::Format;

use crate::bridge::suppress::Suppression;
use crate::console::ConsoleFormat;
use crate::error::Error;
use crate::limits::Limits;
use crate::metrics::OwnMetrics;
use crate::pipeline::signal::Signal;
use crate::redact::Redactor;
use crate::sampling::SamplerConfig;
use crate::scopes::Scopes;

pub use entities::Entity;
pub use environment::{Environment, ProcessEnvironment};
pub use file::FileProblem;
pub(crate) use metrics::MetricsConfig;
pub use options::{Batch, ItemLimits, Otlp};
pub(crate) use parse::{Problems, filter_directives};
pub(crate) use redact::{endpoint_for_people, value_for_people};
pub(crate) use resolve::resolve;
pub(crate) use settings::Settings;
pub use types::{ByteSize, Compression, Exporter, HistogramAggregation, Protocol, Temporality};
pub use view::Configuration;
pub use warning::Warning;

/// What is in force, with the origin of each value.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Nothing is recorded or exported; propagators still work.
    pub disabled: bool,
    pub service_name: String,
    pub resource: Resource,
    pub traces: SignalConfig,
    pub metrics: SignalConfig,
    pub logs: SignalConfig,
    pub console: ConsoleConfig,
    /// What is exported, in the syntax of `EnvFilter`; known to parse.
    pub logs_filter: String,
    /// What is exported, in the syntax of `EnvFilter`; known to parse.
    pub traces_filter: String,
    /// Tracers and loggers that are off, where any are.
    pub tracers: Option<Arc<Scopes>>,
    pub loggers: Option<Arc<Scopes>>,
    pub sampler: SamplerConfig,
    /// Log records of traces that are not recorded are not exported, below a warning.
    pub logs_trace_based: bool,
    /// Up to which level events are events of their span as well.
    pub span_events: tracing::level_filters::LevelFilter,
    /// Whether an entered span is OpenTelemetry's current context.
    pub context_activation: bool,
    /// What is kept of an item.
    pub limits: Limits,
    pub span_batch: BatchConfig,
    pub log_batch: BatchConfig,
    /// At least 1 ms.
    pub metric_interval: Duration,
    pub temporality: Temporality,
    /// What telemetry measures by itself; each group at most once.
    pub own_metrics: Vec<OwnMetrics>,
    pub metric_streams: MetricsConfig,
    /// Each at most once; empty when propagation is off.
    pub propagators: Vec<Format>,
    /// Keys of the baggage members that spans and logs show; each at most once, and never the correlation ID's.
    pub baggage_attributes: Vec<&'static str>,
    /// The methods that HTTP spans show by name, where not the instrumentation's own list.
    pub http_known_methods: Option<Vec<String>>,
    /// The headers that HTTP spans show, where neither server nor client says so itself.
    pub http_headers: CapturedHeaders,
    /// What keeps call sites of events from flooding.
    pub suppression: Suppression,
    /// What hides secrets, with the user's own rule.
    pub redaction: Redactor,
    pub outbox: ByteSize,
    /// Data older than this is dropped, and counted.
    pub max_age: Duration,
    pub retry: RetryConfig,
    /// What of the operator's input is not used as it is.
    pub warnings: Vec<Warning>,
    /// Each value in force and where it is from; rendered by [`Config::explain`].
    pub effective: Vec<Effective>,
}

impl Config {
    /// Whether anything is recorded, if telemetry is not disabled.
    pub(crate) fn records(&self) -> bool {
        self.traces.is_exported()
            || self.logs.takes_batches(Signal::Logs)
            || self.collects_metrics()
    }

    /// Whether anybody gets metrics.
    pub(crate) fn collects_metrics(&self) -> bool {
        self.metrics.is_exported() || self.metric_streams.prometheus.is_on()
    }

    /// The error of a file, with the setting that names the file before it.
    pub(crate) fn name_setting(&self, error: Error) -> Error {
        let Some(file) = error.file() else {
            return error;
        };
        let shown = value_for_people(&file.to_string_lossy());
        let settings = [
            (".certificate", "ca_certificate"),
            (".client_certificate", "client_certificate"),
            (".client_key", "client_certificate"),
        ];
        let found = self.effective.iter().find_map(|effective| {
            let is_of = |(key, _): &&(&str, &str)| effective.key.ends_with(key);
            let (_, method) = settings.iter().find(is_of)?;
            (effective.value == shown).then_some((effective, method))
        });
        match found {
            Some((effective, method)) if effective.origin == Origin::Code => {
                error.in_setting(method)
            }
            Some((effective, _)) => error.in_setting(&effective.origin.to_string()),
            None => error,
        }
    }

    /// The error of the page for Prometheus, with the settings of its address before it.
    pub(crate) fn name_address(&self, error: Error) -> Error {
        let said = |effective: &&Effective| {
            effective.key.starts_with("metrics.prometheus.") && effective.origin != Origin::Default
        };
        let said = self.effective.iter().filter(said);
        let mut places: Vec<_> = said.map(|effective| effective.origin.to_string()).collect();
        places.dedup();
        match places.is_empty() {
            true => error,
            false => error.in_setting(&places.join(", ")),
        }
    }

    /// Whether metrics are exported by themselves, not only when they are asked for.
    pub(crate) fn pushes_metrics(&self) -> bool {
        self.metrics.takes_batches(Signal::Metrics)
    }
}

/// Where one signal goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SignalConfig {
    /// Empty when the exporter is `none`. Variables and code name each kind at most once; a file may have several of OTLP.
    pub exporters: Vec<ExporterConfig>,
}

impl SignalConfig {
    /// The first OTLP target.
    #[cfg(test)]
    pub(crate) fn otlp(&self) -> Option<&OtlpConfig> {
        self.exporters.iter().find_map(|exporter| match exporter {
            ExporterConfig::Otlp(otlp) => Some(otlp),
            _ => None,
        })
    }

    /// In the order in which reports name them.
    pub(crate) fn exporters_otlp_first(&self) -> impl Iterator<Item = &ExporterConfig> {
        let is_otlp = |exporter: &&ExporterConfig| matches!(exporter, ExporterConfig::Otlp(_));
        let others = self
            .exporters
            .iter()
            .filter(move |exporter| !is_otlp(exporter));
        self.exporters.iter().filter(is_otlp).chain(others)
    }

    /// Whether encoded batches of the signal go anywhere: a page that Prometheus scrapes needs none, and the lines of the
    /// console are made where events happen.
    pub(crate) fn takes_batches(&self, signal: Signal) -> bool {
        self.exporters.iter().any(|exporter| match exporter {
            ExporterConfig::Otlp(_) | ExporterConfig::OtlpStdout => true,
            ExporterConfig::Console => signal != Signal::Logs,
            ExporterConfig::Prometheus => false,
        })
    }

    /// Whether the signal goes anywhere.
    pub(crate) fn is_exported(&self) -> bool {
        !self.exporters.is_empty()
    }
}

/// One destination of a signal.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a process has a handful of them")]
pub(crate) enum ExporterConfig {
    /// A backend that speaks OTLP.
    Otlp(OtlpConfig),
    /// Standard output, in a form for people. For logs it is the console itself.
    Console,
    /// Standard output, one line of OTLP/JSON for each batch.
    OtlpStdout,
    /// A page that Prometheus scrapes. Metrics only.
    Prometheus,
}

/// One OTLP target.
#[derive(Clone, PartialEq)]
pub(crate) struct OtlpConfig {
    /// The full URL for HTTP, scheme and authority for gRPC. It never has user information.
    pub endpoint: http::Uri,
    pub protocol: Protocol,
    /// Values are marked as sensitive.
    pub headers: http::HeaderMap,
    /// A file with the token that each request shows; read for each of them.
    pub bearer_token_file: Option<PathBuf>,
    /// For one attempt; `None` is "no limit".
    pub timeout: Option<Duration>,
    pub compression: Compression,
    pub tls: TlsConfig,
}

impl OtlpConfig {
    /// The endpoint without what may be secret in it.
    pub(crate) fn endpoint_for_people(&self) -> String {
        endpoint_for_people(&self.endpoint.to_string())
    }
}

/// By hand: an endpoint's query and the headers may carry secrets.
impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint_for_people())
            .field("protocol", &self.protocol)
            .field("header_names", &header_names)
            .field("bearer_token_file", &self.bearer_token_file)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("tls", &self.tls)
            .finish()
    }
}

/// PEM files; paths, never their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    /// Trust these instead of the system's.
    pub ca: Option<PathBuf>,
    /// Set exactly when `key` is.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// What stdout shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsoleConfig {
    pub format: ConsoleFormat,
    /// In the syntax of `EnvFilter`; known to parse.
    pub filter: String,
    /// False when `NO_COLOR` is set; whether stdout is a terminal is not known here.
    pub color: bool,
}

/// How spans or logs are collected before they are encoded. No number is 0, and a batch is not larger than its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchConfig {
    /// At least 1 ms.
    pub delay: Duration,
    pub max_queue_items: usize,
    pub max_queue_bytes: ByteSize,
    pub max_batch_items: usize,
}

/// Waiting between attempts: full jitter below a bound that doubles from `initial` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryConfig {
    pub initial: Duration,
    pub max: Duration,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// Found out about the process and its machine.
    Detected,
    /// The name of the variable; of two that make one value, with `, ` between them.
    Environment(String),
    /// A line of the configuration file.
    File {
        path: String,
        line: u32,
    },
    Code,
    /// Changed since the start.
    RunTime,
}

/// One line of [`Config::explain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// Such as `traces.endpoint`.
    pub key: String,
    /// Fit for people: no secrets.
    pub value: String,
    pub origin: Origin,
}

/// The code asked for something impossible. Texts hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The setter's name.
    pub setting: &'static str,
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}
