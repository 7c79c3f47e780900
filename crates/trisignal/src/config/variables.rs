//! The one table of all variables: name, type, default and effect. Parsing and documentation both come from it.

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry_sdk::metrics::Temporality;
use tracing::level_filters::LevelFilter;
use trisignal_instrumentation::propagation::Format;

use crate::redact::Redaction;

use super::entities;
use super::exporters;
use crate::metrics::exemplar::ExemplarFilter;

use super::members;
use super::metrics;
use super::parse::{self, Problems};
use super::redaction;
use super::suppression;
use super::unsupported;
use super::{Compression, ConsoleFormat, Exporter, Protocol, sampling};
use crate::metrics::OwnMetrics;
use crate::sampling::rules::Rule;

/// One variable whose value is a `T`.
pub(super) struct Variable<T> {
    pub name: &'static str,
    /// In the syntax of the variable itself; empty when there is none.
    pub default: &'static str,
    pub parse: fn(&str, &mut Problems) -> Option<T>,
    pub show: Show,
}

/// How much of a value messages may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Plain,
    /// Without user information and query.
    Endpoint,
    /// Nothing.
    Secret,
}

/// One line of the documentation of variables.
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "a test makes the documentation from it")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub name: &'static str,
    /// What a value looks like.
    pub kind: &'static str,
    pub default: &'static str,
    pub effect: &'static str,
    /// There is a form for each signal, such as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, which wins over this one.
    pub per_signal: bool,
    /// The default goes through the parser of its own row.
    default_parses: fn() -> bool,
}

#[cfg(test)]
impl Row {
    /// True unless the default is not a valid value: the table's test asks each row.
    pub(crate) fn default_is_valid(&self) -> bool {
        (self.default_parses)()
    }
}

macro_rules! variables {
    ($(
        $id:ident: $type:ty = $name:literal $(per $signal:ident)?, $kind:literal, $default:literal,
        $parse:expr, $show:ident, $effect:literal;
    )*) => {
        $(
            pub(super) const $id: Variable<$type> =
                Variable { name: $name, default: $default, parse: $parse, show: Show::$show };
        )*

        /// Every variable that is honoured, in the order of the documentation.
        #[cfg_attr(
    not(test),
    allow(dead_code, reason = "a test makes the documentation from it")
)]
        pub(crate) static VARIABLES: &[Row] = &[$(
            Row {
                name: $name,
                kind: $kind,
                default: $default,
                effect: $effect,
                per_signal: [$(stringify!($signal),)? ""].len() > 1,
                default_parses: || $default.is_empty() || ($id.parse)($default, &mut Problems::default()).is_some(),
            },
        )*];
    };
}

variables! {
    CONFIG_FILE: PathBuf = "OTEL_CONFIG_FILE", "YAML file", "", parse::path, Plain,
        "A file in OpenTelemetry's declarative format, which replaces all other variables; see configuration-file.md.";
    EXPERIMENTAL_CONFIG_FILE: PathBuf = "OTEL_EXPERIMENTAL_CONFIG_FILE", "YAML file", "", parse::path, Plain,
        "Old name of OTEL_CONFIG_FILE.";
    SDK_DISABLED: bool = "OTEL_SDK_DISABLED", "true or false", "false", parse::boolean, Plain,
        "`true` turns off recording and exporting for all signals. Propagators still work.";
    SERVICE_NAME: String = "OTEL_SERVICE_NAME", "text", "", parse::text, Plain,
        "The resource attribute `service.name`. It wins over the name given to `init`, and over OTEL_RESOURCE_ATTRIBUTES.";
    RESOURCE_ATTRIBUTES: Vec<(String, String)> = "OTEL_RESOURCE_ATTRIBUTES", "k=v,k=v, percent-encoded", "",
        members::resource_attributes, Plain,
        "Attributes of the resource. One member that can't be read makes the whole variable void.";
    ENTITIES: Vec<(String, String)> = "OTEL_ENTITIES", "type{id=v,..}[description=v,..]@schema;..", "",
        entities::entities, Plain,
        "Entities that the service is part of: their attributes are attributes of the resource, below OTEL_RESOURCE_ATTRIBUTES. Schemas are not sent.";
    LOG_LEVEL: LevelFilter = "OTEL_LOG_LEVEL", "none, error, warn, info, debug or trace", "", parse::level, Plain,
        "What telemetry says about itself on the console; without it, what RUST_LOG says for the target `trisignal`.";
    PROPAGATORS: Vec<Format> = "OTEL_PROPAGATORS", "list of tracecontext, baggage, b3, b3multi, xray, none", "tracecontext,baggage",
        parse::propagators, Plain, "Which headers carry the context in and out.";

    TRACES_EXPORTER: Vec<Exporter> = "OTEL_TRACES_EXPORTER", "list of otlp, console, otlp/stdout; or none", "otlp",
        exporters::of_traces, Plain, "Where spans go. Several destinations each get all of them.";
    METRICS_EXPORTER: Vec<Exporter> = "OTEL_METRICS_EXPORTER", "list of otlp, prometheus, console, otlp/stdout; or none", "otlp",
        exporters::of_metrics, Plain, "Where metrics go.";
    PROMETHEUS_HOST: String = "OTEL_EXPORTER_PROMETHEUS_HOST", "host name or address", "localhost", parse::text, Plain,
        "Where the page for Prometheus is served, with `prometheus` among the exporters of metrics.";
    PROMETHEUS_PORT: u16 = "OTEL_EXPORTER_PROMETHEUS_PORT", "port, 0 is any free one", "9464", metrics::port, Plain,
        "The port of it.";
    METRICS_EXEMPLAR_FILTER: ExemplarFilter = "OTEL_METRICS_EXEMPLAR_FILTER", "trace_based, always_on or always_off",
        "trace_based", metrics::exemplar_filter, Plain,
        "Which measurements are kept as examples that lead from a metric to a trace: those in a sampled span, all, none.";
    DEFAULT_HISTOGRAM_AGGREGATION: bool = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "explicit_bucket_histogram or base2_exponential_bucket_histogram", "explicit_bucket_histogram",
        metrics::histogram, Plain, "The buckets of histograms: fixed ones, or ones that adapt. Prometheus' page shows the latter by powers of two.";
    LOGS_EXPORTER: Vec<Exporter> = "OTEL_LOGS_EXPORTER", "list of otlp, console, otlp/stdout; or none", "otlp",
        exporters::of_logs, Plain,
        "Where log records go. The console, which OTEL_RUST_CONSOLE switches, is not affected.";

    TRACES_SAMPLER: sampling::Named = "OTEL_TRACES_SAMPLER",
        "always_on, always_off, traceidratio, ratelimited, jaeger_remote, or one of these after `parentbased_`",
        "parentbased_always_on", sampling::sampler, Plain,
        "Which traces are recorded. After `parentbased_` it is asked for new traces only, and else the parent's decision holds. `xray` is not supported.";
    TRACES_SAMPLER_ARG: String = "OTEL_TRACES_SAMPLER_ARG", "number, or k=v,k=v for jaeger_remote", "", parse::text, Endpoint,
        "For `traceidratio` the share of traces, 0 to 1 (default 1.0); for `ratelimited` traces per second (default 100); for `jaeger_remote` `endpoint` (default `http://localhost:5778`, Jaeger's HTTP service), `pollingIntervalMs` (default 60000) and `initialSamplingRate` (default 0.001).";
    SAMPLING_RULES: Vec<Rule> = "OTEL_RUST_SAMPLING_RULES", "rules: `drop url.path=/health*; 0.1 name=\"GET /search\"; keep kind=consumer`", "",
        sampling::rules, Plain,
        "Asked before the sampler about spans that begin here (without a parent in this process); the first that matches decides.";
    SAMPLING_DEBUG: String = "OTEL_RUST_SAMPLING_DEBUG", "key of a baggage member", "", sampling::baggage_key, Plain,
        "Traces in which this member of the baggage is `1` or `true`, and those with the debug flag of B3, are always recorded. Callers choose it: set it where they are trusted.";

    BSP_SCHEDULE_DELAY: Duration = "OTEL_BSP_SCHEDULE_DELAY", "milliseconds", "5000", parse::duration, Plain,
        "Longest time a span waits in its queue before it is encoded.";
    BSP_EXPORT_TIMEOUT: Option<Duration> = "OTEL_BSP_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "Where set, a second upper limit to one attempt at exporting spans.";
    BSP_MAX_QUEUE_SIZE: usize = "OTEL_BSP_MAX_QUEUE_SIZE", "number of spans, not 0", "65536", parse::count, Plain,
        "Spans waiting to be encoded, of together at most 16 MiB. The specification's default of 2048 loses spans in a burst of 50 ms.";
    BSP_MAX_EXPORT_BATCH_SIZE: usize = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "number of spans, not 0", "512",
        parse::count, Plain, "Most spans encoded together; not more than the queue holds. A request carries as many of these batches as fit in 1 MiB.";
    BLRP_SCHEDULE_DELAY: Duration = "OTEL_BLRP_SCHEDULE_DELAY", "milliseconds", "1000", parse::duration, Plain,
        "Longest time a log record waits in its queue before it is encoded.";
    BLRP_EXPORT_TIMEOUT: Option<Duration> = "OTEL_BLRP_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "Where set, a second upper limit to one attempt at exporting logs.";
    BLRP_MAX_QUEUE_SIZE: usize = "OTEL_BLRP_MAX_QUEUE_SIZE", "number of records, not 0", "65536", parse::count, Plain,
        "Log records waiting to be encoded, of together at most 16 MiB. The specification's default is 2048.";
    BLRP_MAX_EXPORT_BATCH_SIZE: usize = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "number of records, not 0", "512",
        parse::count, Plain, "Most log records encoded together; not more than the queue holds. A request carries as many of these batches as fit in 1 MiB.";

    ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "", parse::length, Plain,
        "Characters kept of a text in an attribute of a span, its events and links, or a log record, where the limit of the item itself does not say otherwise.";
    ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain,
        "Attributes kept on a span or a log record, where the limit of the item itself does not say otherwise.";
    SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "",
        parse::length, Plain, "Characters kept of a text in an attribute of a span, its events and its links.";
    SPAN_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "number", "", parse::limit, Plain,
        "Attributes kept on a span.";
    SPAN_EVENT_COUNT_LIMIT: u32 = "OTEL_SPAN_EVENT_COUNT_LIMIT", "number", "128", parse::limit, Plain,
        "Events kept on a span.";
    SPAN_LINK_COUNT_LIMIT: u32 = "OTEL_SPAN_LINK_COUNT_LIMIT", "number", "128", parse::limit, Plain,
        "Links kept on a span.";
    EVENT_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain,
        "Attributes kept on an event of a span.";
    LINK_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain,
        "Attributes kept on a link of a span.";
    LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "",
        parse::length, Plain, "Characters kept of a text in an attribute of a log record.";
    LOGRECORD_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "number", "", parse::limit, Plain,
        "Attributes kept on a log record.";

    METRIC_EXPORT_INTERVAL: Duration = "OTEL_METRIC_EXPORT_INTERVAL", "milliseconds, not 0", "60000",
        parse::interval, Plain, "Time between two collections of metrics.";
    METRIC_EXPORT_TIMEOUT: Option<Duration> = "OTEL_METRIC_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "Where set, a second upper limit to one attempt at exporting metrics.";
    TEMPORALITY: Temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative, delta or lowmemory",
        "cumulative", parse::temporality, Plain, "Whether sums and histograms begin anew after each collection.";
    OWN_METRICS: Vec<OwnMetrics> = "OTEL_RUST_OWN_METRICS", "list of process, runtime, pipeline; or none", "process,runtime,pipeline",
        parse::own_metrics, Plain, "What is measured without being asked for: the process, the tokio runtime in which telemetry is set up, and the pipeline itself.";

    ENDPOINT: String = "OTEL_EXPORTER_OTLP_ENDPOINT" per signal, "URL", "", parse::text, Endpoint,
        "The backend: http://localhost:4318, or http://localhost:4317 for gRPC. For HTTP `v1/traces`, `v1/metrics` or `v1/logs` is appended; a signal's own endpoint is taken as it is.";
    INSECURE: bool = "OTEL_EXPORTER_OTLP_INSECURE" per signal, "true or false", "false", parse::boolean, Plain,
        "For gRPC endpoints without a scheme: `true` is http, else https.";
    CERTIFICATE: PathBuf = "OTEL_EXPORTER_OTLP_CERTIFICATE" per signal, "PEM file", "", parse::path, Secret,
        "Authorities that the backend's certificate is checked against, in place of the system's. The file is read again when it changes, for the next connection.";
    CLIENT_CERTIFICATE: PathBuf = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" per signal, "PEM file", "", parse::path,
        Secret, "The certificate shown to the backend. Read again like the one above, together with its key.";
    CLIENT_KEY: PathBuf = "OTEL_EXPORTER_OTLP_CLIENT_KEY" per signal, "PEM file", "", parse::path, Secret,
        "The private key of the client certificate.";
    HEADERS: http::HeaderMap = "OTEL_EXPORTER_OTLP_HEADERS" per signal, "k=v,k=v, percent-encoded", "", members::headers,
        Secret, "Sent with each request. Values are never shown.";
    COMPRESSION: Compression = "OTEL_EXPORTER_OTLP_COMPRESSION" per signal, "auto, none, gzip or zstd", "auto",
        parse::compression, Plain, "How bodies are compressed; `auto` is none on the loopback and else gzip, or zstd where an answer says that it is taken.";
    TIMEOUT: Option<Duration> = "OTEL_EXPORTER_OTLP_TIMEOUT" per signal, "milliseconds, 0 is no limit", "10000",
        parse::timeout, Plain, "Time for one attempt.";
    PROTOCOL: Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL" per signal, "grpc, http/protobuf or http/json", "http/protobuf",
        parse::protocol, Plain, "How OTLP travels.";
    SPAN_INSECURE: bool = "OTEL_EXPORTER_OTLP_SPAN_INSECURE", "true or false", "false", parse::boolean, Plain,
        "Old name of OTEL_EXPORTER_OTLP_TRACES_INSECURE.";
    METRIC_INSECURE: bool = "OTEL_EXPORTER_OTLP_METRIC_INSECURE", "true or false", "false", parse::boolean, Plain,
        "Old name of OTEL_EXPORTER_OTLP_METRICS_INSECURE.";

    HTTP_KNOWN_METHODS: Vec<String> = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "list of methods, in their case",
        "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE", parse::names, Plain,
        "The methods that HTTP spans and metrics show by name; all others are `_OTHER`. The list replaces the default one. Layers that were told otherwise by code are not affected.";
    SEMCONV_STABILITY_OPT_IN: String = "OTEL_SEMCONV_STABILITY_OPT_IN", "list of names", "", unsupported::stable_only, Plain,
        "Not needed: spans and metrics have the stable names of the conventions only. Asking for the old ones next to them (`http/dup`) is a warning.";
    SEMCONV_EXCEPTION_SIGNAL_OPT_IN: String = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs or logs/dup", "",
        unsupported::stable_only, Plain,
        "Not needed: exceptions are log records, and events of their span as well.";
    ZIPKIN_ENDPOINT: String = "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "URL", "", unsupported::zipkin, Endpoint,
        "Not supported, with a warning: the exporter is deprecated by OpenTelemetry, and Zipkin's successors take OTLP.";
    ZIPKIN_TIMEOUT: String = "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "milliseconds", "", unsupported::zipkin, Plain,
        "Not supported, as OTEL_EXPORTER_ZIPKIN_ENDPOINT.";

    RUST_LOG: String = "RUST_LOG", "filter directives", "info", parse::filter, Plain,
        "What the console shows. Nothing else: exported logs and spans have filters of their own.";
    LOGS_FILTER: String = "OTEL_RUST_LOGS_FILTER", "filter directives", "info", parse::filter, Plain,
        "Which log records are exported. Warnings and errors inside of an exported span are events of that span as well, whatever this says.";
    LOGS_TRACE_BASED: bool = "OTEL_RUST_LOGS_TRACE_BASED", "true or false", "false", parse::boolean, Plain,
        "`true`: log records of traces that are not sampled are not exported. Warnings, errors and what belongs to no trace always are, and the console shows all.";
    TRACES_FILTER: String = "OTEL_RUST_TRACES_FILTER", "filter directives", "info", parse::filter, Plain,
        "Which spans are recorded and exported.";
    CONSOLE: ConsoleFormat = "OTEL_RUST_CONSOLE", "auto, pretty, json, ecs or off", "auto", parse::console, Plain,
        "The form of the console: `auto` is pretty on a terminal and JSON lines elsewhere; `ecs` is JSON lines in the Elastic Common Schema.";
    SUPPRESSION_RATE: u32 = "OTEL_RUST_SUPPRESSION_RATE", "number of events in a second, not 0", "", suppression::rate, Plain,
        "Where set, events of one call site beyond it are neither written nor exported; how many is said by the next one.";
    SUPPRESSION_DUPLICATES: Duration = "OTEL_RUST_SUPPRESSION_DUPLICATES", "milliseconds", "", parse::duration, Plain,
        "Where set, an event is not written nor exported again for so long, if message and fields are those of one before.";
    SUPPRESSION_ERRORS: bool = "OTEL_RUST_SUPPRESSION_ERRORS", "true or false", "false", parse::boolean, Plain,
        "Whether that is so for events of the level ERROR as well.";
    REDACTION: Redaction = "OTEL_RUST_REDACTION", "list of keys, tokens, urls, card_numbers, emails; on; off", "on", redaction::kinds, Plain,
        "Which secrets are hidden in console lines, log records and spans. `on` is keys, tokens and urls; `on,emails` is one more.";
    REDACTION_KEYS: Vec<String> = "OTEL_RUST_REDACTION_KEYS", "list of words", "", redaction::names, Plain,
        "Values of keys that end in one of these words are hidden as well, whatever their case and separators.";
    REDACTION_QUERY_PARAMETERS: Vec<String> = "OTEL_RUST_REDACTION_QUERY_PARAMETERS", "list of names",
        "X-Amz-Signature,X-Amz-Credential,X-Amz-Security-Token,sig,X-Goog-Signature", redaction::names, Plain,
        "The query parameters whose values are hidden, in place of those of the conventions. Their case counts.";
    NO_COLOR: String = "NO_COLOR", "any text", "", parse::text, Plain,
        "Where set to anything, the console has no colours.";
}

/// A signal, as the names of variables spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The variable that says where this signal goes.
    pub(super) fn exporter(self) -> &'static Variable<Vec<Exporter>> {
        match self {
            Self::Traces => &TRACES_EXPORTER,
            Self::Metrics => &METRICS_EXPORTER,
            Self::Logs => &LOGS_EXPORTER,
        }
    }

    /// The form of the variable for this signal alone.
    pub(super) fn own_name(self, general: &str) -> String {
        const PREFIX: &str = "OTEL_EXPORTER_OTLP_";
        let rest = general.strip_prefix(PREFIX).unwrap_or(general);
        format!("{PREFIX}{}_{rest}", self.name().to_ascii_uppercase())
    }
}
