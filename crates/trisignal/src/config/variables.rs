//! The one table of all variables: name, type, default and effect. Parsing and documentation both come from it.

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
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
use super::{
    Compression, ConsoleFormat, Entity, Exporter, HistogramAggregation, Protocol, Temporality,
    sampling,
};
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
    /// The method of the builder that says the same in code; empty for what has no effect.
    pub builder: &'static str,
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
        $parse:expr, $show:ident, $builder:literal, $effect:literal;
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
                builder: $builder,
                effect: $effect,
                per_signal: [$(stringify!($signal),)? ""].len() > 1,
                default_parses: || $default.is_empty() || ($id.parse)($default, &mut Problems::default()).is_some(),
            },
        )*];
    };
}

variables! {
    CONFIG_FILE: PathBuf = "OTEL_CONFIG_FILE", "YAML file", "", parse::path, Plain, "config_file",
        "A file in OpenTelemetry's declarative format, which replaces all other variables; see configuration-file.md.";
    EXPERIMENTAL_CONFIG_FILE: PathBuf = "OTEL_EXPERIMENTAL_CONFIG_FILE", "YAML file", "", parse::path, Plain, "config_file",
        "Old name of OTEL_CONFIG_FILE.";
    SDK_DISABLED: bool = "OTEL_SDK_DISABLED", "true or false", "false", parse::boolean, Plain, "disabled",
        "`true` turns off recording and exporting for all signals. Propagators still work.";
    SERVICE_NAME: String = "OTEL_SERVICE_NAME", "text", "", parse::text, Plain, "resource",
        "The resource attribute `service.name`. It wins over the name given to `init`, and over OTEL_RESOURCE_ATTRIBUTES.";
    RESOURCE_ATTRIBUTES: Vec<KeyValue> = "OTEL_RESOURCE_ATTRIBUTES", "k=v,k=v, percent-encoded", "",
        members::resource_attributes, Plain, "resource",
        "Attributes of the resource. One member that can't be read makes the whole variable void.";
    ENTITIES: Vec<Entity> = "OTEL_ENTITIES", "type{id=v,..}[description=v,..]@schema;..", "",
        entities::entities, Plain, "entities",
        "Entities that the service is part of: their attributes are attributes of the resource, below OTEL_RESOURCE_ATTRIBUTES. Schemas are not sent.";
    LOG_LEVEL: LevelFilter = "OTEL_LOG_LEVEL", "none, error, warn, info, debug or trace", "", parse::level, Plain, "log_level",
        "What telemetry says about itself on the console; without it, what RUST_LOG says for the target `trisignal`.";
    PROPAGATORS: Vec<Format> = "OTEL_PROPAGATORS", "list of tracecontext, baggage, b3, b3multi, xray, none", "tracecontext,baggage",
        parse::propagators, Plain, "propagators", "Which headers carry the context in and out. `jaeger` and `ottrace` are deprecated by OpenTelemetry in favour of `tracecontext`: they are left out, with a warning.";

    TRACES_EXPORTER: Vec<Exporter> = "OTEL_TRACES_EXPORTER", "list of otlp, console, otlp/stdout; or none", "otlp",
        exporters::of_traces, Plain, "exporters", "Where spans go. Several destinations each get all of them.";
    METRICS_EXPORTER: Vec<Exporter> = "OTEL_METRICS_EXPORTER", "list of otlp, prometheus, console, otlp/stdout; or none", "otlp",
        exporters::of_metrics, Plain, "exporters", "Where metrics go.";
    PROMETHEUS_HOST: String = "OTEL_EXPORTER_PROMETHEUS_HOST", "host name or address", "localhost", parse::text, Plain, "prometheus_address",
        "Where the page for Prometheus is served, with `prometheus` among the exporters of metrics.";
    PROMETHEUS_PORT: u16 = "OTEL_EXPORTER_PROMETHEUS_PORT", "port, 0 is any free one", "9464", metrics::port, Plain, "prometheus_address",
        "The port of it.";
    METRICS_EXEMPLAR_FILTER: ExemplarFilter = "OTEL_METRICS_EXEMPLAR_FILTER", "trace_based, always_on or always_off",
        "trace_based", metrics::exemplar_filter, Plain, "exemplar_filter",
        "Which measurements are kept as examples that lead from a metric to a trace: those in a sampled span, all, none.";
    DEFAULT_HISTOGRAM_AGGREGATION: HistogramAggregation = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "explicit_bucket_histogram or base2_exponential_bucket_histogram", "explicit_bucket_histogram",
        metrics::histogram, Plain, "histogram_aggregation", "The buckets of histograms: fixed ones, or ones that adapt. Prometheus' page shows the latter by powers of two.";
    LOGS_EXPORTER: Vec<Exporter> = "OTEL_LOGS_EXPORTER", "list of otlp, console, otlp/stdout; or none", "otlp",
        exporters::of_logs, Plain, "exporters",
        "Where log records go. The console, which OTEL_RUST_CONSOLE switches, is not affected.";

    TRACES_SAMPLER: sampling::Named = "OTEL_TRACES_SAMPLER",
        "always_on, always_off, traceidratio, ratelimited, jaeger_remote, or one of these after `parentbased_`",
        "parentbased_always_on", sampling::sampler, Plain, "sampling",
        "Which traces are recorded. After `parentbased_` it is asked for new traces only, and else the parent's decision holds. `xray` is not supported, with a warning: it would have to ask a service of AWS; `ratelimited` and rules are here instead.";
    TRACES_SAMPLER_ARG: String = "OTEL_TRACES_SAMPLER_ARG", "number, or k=v,k=v for jaeger_remote", "", parse::text, Endpoint, "sampling",
        "For `traceidratio` the share of traces, 0 to 1 (default 1.0); for `ratelimited` traces per second (default 100); for `jaeger_remote` `endpoint` (default `http://localhost:5778`, Jaeger's HTTP service), `pollingIntervalMs` (default 60000) and `initialSamplingRate` (default 0.001).";
    SAMPLING_RULES: Vec<Rule> = "OTEL_RUST_SAMPLING_RULES", "rules: `drop url.path=/health*; 0.1 name=\"GET /search\"; keep kind=consumer`", "",
        sampling::rules, Plain, "sampling",
        "Asked before the sampler about spans that begin here (without a parent in this process); the first that matches decides.";
    SAMPLING_DEBUG: String = "OTEL_RUST_SAMPLING_DEBUG", "key of a baggage member", "", sampling::baggage_key, Plain, "sampling",
        "Traces in which this member of the baggage is `1` or `true`, and those with the debug flag of B3, are always recorded. Callers choose it: set it where they are trusted.";

    BSP_SCHEDULE_DELAY: Duration = "OTEL_BSP_SCHEDULE_DELAY", "milliseconds", "5000", parse::duration, Plain, "span_batch",
        "Longest time a span waits in its queue before it is encoded.";
    BSP_EXPORT_TIMEOUT: Option<Duration> = "OTEL_BSP_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "span_batch", "Where set, a second upper limit to one attempt at exporting spans.";
    BSP_MAX_QUEUE_SIZE: usize = "OTEL_BSP_MAX_QUEUE_SIZE", "number of spans, not 0", "65536", parse::count, Plain, "span_batch",
        "Spans waiting to be encoded, of together at most 16 MiB. The specification's default of 2048 loses spans in a burst of 50 ms.";
    BSP_MAX_EXPORT_BATCH_SIZE: usize = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "number of spans, not 0", "2048",
        parse::count, Plain, "span_batch", "Most spans encoded together, 512 by the specification; not more than the queue holds. A request carries as many of these batches as fit in 1 MiB.";
    BLRP_SCHEDULE_DELAY: Duration = "OTEL_BLRP_SCHEDULE_DELAY", "milliseconds", "1000", parse::duration, Plain, "log_batch",
        "Longest time a log record waits in its queue before it is encoded.";
    BLRP_EXPORT_TIMEOUT: Option<Duration> = "OTEL_BLRP_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "log_batch", "Where set, a second upper limit to one attempt at exporting logs.";
    BLRP_MAX_QUEUE_SIZE: usize = "OTEL_BLRP_MAX_QUEUE_SIZE", "number of records, not 0", "65536", parse::count, Plain, "log_batch",
        "Log records waiting to be encoded, of together at most 16 MiB. The specification's default is 2048.";
    BLRP_MAX_EXPORT_BATCH_SIZE: usize = "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "number of records, not 0", "2048",
        parse::count, Plain, "log_batch", "Most log records encoded together, 512 by the specification; not more than the queue holds. A request carries as many of these batches as fit in 1 MiB.";

    ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "", parse::length, Plain, "item_limits",
        "Characters kept of a text in an attribute of a span, its events and links, or a log record, where the limit of the item itself does not say otherwise.";
    ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain, "item_limits",
        "Attributes kept on a span or a log record, where the limit of the item itself does not say otherwise.";
    SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "",
        parse::length, Plain, "item_limits", "Characters kept of a text in an attribute of a span, its events and its links.";
    SPAN_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "number", "", parse::limit, Plain, "item_limits",
        "Attributes kept on a span.";
    SPAN_EVENT_COUNT_LIMIT: u32 = "OTEL_SPAN_EVENT_COUNT_LIMIT", "number", "128", parse::limit, Plain, "item_limits",
        "Events kept on a span.";
    SPAN_LINK_COUNT_LIMIT: u32 = "OTEL_SPAN_LINK_COUNT_LIMIT", "number", "128", parse::limit, Plain, "item_limits",
        "Links kept on a span.";
    EVENT_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain, "item_limits",
        "Attributes kept on an event of a span.";
    LINK_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "number", "128", parse::limit, Plain, "item_limits",
        "Attributes kept on a link of a span.";
    LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: usize = "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "number of characters", "",
        parse::length, Plain, "item_limits", "Characters kept of a text in an attribute of a log record.";
    LOGRECORD_ATTRIBUTE_COUNT_LIMIT: u32 = "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "number", "", parse::limit, Plain, "item_limits",
        "Attributes kept on a log record.";

    METRIC_EXPORT_INTERVAL: Duration = "OTEL_METRIC_EXPORT_INTERVAL", "milliseconds, not 0", "60000",
        parse::interval, Plain, "metric_interval", "Time between two collections of metrics.";
    METRIC_EXPORT_TIMEOUT: Option<Duration> = "OTEL_METRIC_EXPORT_TIMEOUT", "milliseconds, 0 is no limit", "",
        parse::timeout, Plain, "metric_timeout", "Where set, a second upper limit to one attempt at exporting metrics.";
    TEMPORALITY: Temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative, delta or lowmemory",
        "cumulative", parse::temporality, Plain, "temporality", "Whether sums and histograms begin anew after each collection.";
    OWN_METRICS: Vec<OwnMetrics> = "OTEL_RUST_OWN_METRICS", "list of process, runtime, pipeline; or none", "process,runtime,pipeline",
        parse::own_metrics, Plain, "own_metrics", "What is measured without being asked for: the process, the tokio runtime in which telemetry is set up, and the pipeline itself.";

    ENDPOINT: String = "OTEL_EXPORTER_OTLP_ENDPOINT" per signal, "URL", "", parse::text, Endpoint, "endpoint",
        "The backend: http://localhost:4318, or http://localhost:4317 for gRPC. For HTTP `v1/traces`, `v1/metrics` or `v1/logs` is appended; a signal's own endpoint is taken as it is.";
    INSECURE: bool = "OTEL_EXPORTER_OTLP_INSECURE" per signal, "true or false", "false", parse::boolean, Plain, "insecure",
        "For gRPC endpoints without a scheme: `true` is http, else https.";
    CERTIFICATE: PathBuf = "OTEL_EXPORTER_OTLP_CERTIFICATE" per signal, "PEM file", "", parse::path, Secret, "ca_certificate",
        "Authorities that the backend's certificate is checked against, in place of the system's. The file is read again when it changes, for the next connection.";
    CLIENT_CERTIFICATE: PathBuf = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" per signal, "PEM file", "", parse::path,
        Secret, "client_certificate", "The certificate shown to the backend. Read again like the one above, together with its key.";
    CLIENT_KEY: PathBuf = "OTEL_EXPORTER_OTLP_CLIENT_KEY" per signal, "PEM file", "", parse::path, Secret, "client_certificate",
        "The private key of the client certificate.";
    HEADERS: http::HeaderMap = "OTEL_EXPORTER_OTLP_HEADERS" per signal, "k=v,k=v, percent-encoded", "", members::headers,
        Secret, "header", "Sent with each request. Values are never shown.";
    BEARER_TOKEN_FILE: PathBuf = "OTEL_RUST_BEARER_TOKEN_FILE", "file with a token", "", parse::path, Secret, "bearer_token_file",
        "The token in it is sent as `authorization: Bearer …`. The file is read for each request, so it can be rotated; while it can't be read, data waits as it does for a backend that is away.";
    COMPRESSION: Compression = "OTEL_EXPORTER_OTLP_COMPRESSION" per signal, "auto, none, gzip or zstd", "auto",
        parse::compression, Plain, "compression", "How bodies are compressed; `auto` is none on the loopback and else gzip, or zstd where an answer says that it is taken.";
    TIMEOUT: Option<Duration> = "OTEL_EXPORTER_OTLP_TIMEOUT" per signal, "milliseconds, 0 is no limit", "10000",
        parse::timeout, Plain, "timeout", "Time for one attempt.";
    PROTOCOL: Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL" per signal, "grpc, http/protobuf or http/json", "http/protobuf",
        parse::protocol, Plain, "protocol", "How OTLP travels.";
    SPAN_INSECURE: bool = "OTEL_EXPORTER_OTLP_SPAN_INSECURE", "true or false", "false", parse::boolean, Plain, "otlp",
        "Old name of OTEL_EXPORTER_OTLP_TRACES_INSECURE.";
    METRIC_INSECURE: bool = "OTEL_EXPORTER_OTLP_METRIC_INSECURE", "true or false", "false", parse::boolean, Plain, "otlp",
        "Old name of OTEL_EXPORTER_OTLP_METRICS_INSECURE.";

    HTTP_KNOWN_METHODS: Vec<String> = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "list of methods, in their case",
        "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE", parse::names, Plain, "http_known_methods",
        "The methods that HTTP spans and metrics show by name; all others are `_OTHER`. The list replaces the default one. Layers that were told otherwise by code are not affected.";
    SEMCONV_STABILITY_OPT_IN: String = "OTEL_SEMCONV_STABILITY_OPT_IN", "list of names", "", unsupported::stable_only, Plain, "",
        "No effect: spans and metrics have the stable names of the conventions only, which `http` asks for. Asking for the old ones next to them (`http/dup`) is a warning.";
    SEMCONV_EXCEPTION_SIGNAL_OPT_IN: String = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs or logs/dup", "",
        unsupported::exception_signal, Plain, "",
        "No effect: exceptions are log records, and events of their span as well, as `logs/dup` asks.";
    ZIPKIN_ENDPOINT: String = "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "URL", "", unsupported::zipkin, Endpoint, "",
        "No effect, with a warning: Zipkin is not supported, its exporter is deprecated by OpenTelemetry. Send OTLP to a Collector with the exporter `zipkin`, or to a backend that takes OTLP.";
    ZIPKIN_TIMEOUT: String = "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "milliseconds", "", unsupported::zipkin, Plain, "",
        "No effect, with a warning, as OTEL_EXPORTER_ZIPKIN_ENDPOINT.";
    ZIPKIN_PROTOCOL: String = "OTEL_EXPORTER_ZIPKIN_PROTOCOL", "reserved", "", unsupported::zipkin, Plain, "",
        "No effect, with a warning, as OTEL_EXPORTER_ZIPKIN_ENDPOINT.";

    RUST_LOG: String = "RUST_LOG", "filter directives", "info", parse::filter, Plain, "console_filter",
        "What the console shows. Nothing else: exported logs and spans have filters of their own.";
    LOGS_FILTER: String = "OTEL_RUST_LOGS_FILTER", "filter directives", "info", parse::filter, Plain, "logs_filter",
        "Which log records are exported. Warnings and errors inside of an exported span are events of that span as well, whatever this says.";
    LOGS_TRACE_BASED: bool = "OTEL_RUST_LOGS_TRACE_BASED", "true or false", "false", parse::boolean, Plain, "logs_trace_based",
        "`true`: log records of traces that are not sampled are not exported. Warnings, errors and what belongs to no trace always are, and the console shows all.";
    SPAN_EVENTS: LevelFilter = "OTEL_RUST_SPAN_EVENTS", "none, error, warn, info, debug or trace", "warn", parse::level, Plain, "span_events",
        "Up to which level events of `tracing` are events of the exported span that they are in as well, whatever the filters of console and logs say.";
    CONTEXT_ACTIVATION: bool = "OTEL_RUST_CONTEXT_ACTIVATION", "on or off", "on", parse::switch, Plain, "context_activation",
        "`off`: an entered span is not made OpenTelemetry's current context, which saves time each time. For services without code on OpenTelemetry's API: our own layers, logs and metrics find the span all the same.";
    TRACES_FILTER: String = "OTEL_RUST_TRACES_FILTER", "filter directives", "info", parse::filter, Plain, "traces_filter",
        "Which spans are recorded and exported.";
    CONSOLE: ConsoleFormat = "OTEL_RUST_CONSOLE", "auto, pretty, json, ecs or off", "auto", parse::console, Plain, "console",
        "The form of the console: `auto` is pretty on a terminal and JSON lines elsewhere; `ecs` is JSON lines in the Elastic Common Schema.";
    SUPPRESSION_RATE: u32 = "OTEL_RUST_SUPPRESSION_RATE", "number of events in a second, not 0", "", suppression::rate, Plain, "suppression",
        "Where set, events of one call site beyond it are neither written nor exported; how many is said by the next one.";
    SUPPRESSION_DUPLICATES: Duration = "OTEL_RUST_SUPPRESSION_DUPLICATES", "milliseconds", "", parse::duration, Plain, "suppression",
        "Where set, an event is not written nor exported again for so long, if message and fields are those of one before.";
    SUPPRESSION_ERRORS: bool = "OTEL_RUST_SUPPRESSION_ERRORS", "true or false", "false", parse::boolean, Plain, "suppression",
        "Whether that is so for events of the level ERROR as well.";
    REDACTION: Redaction = "OTEL_RUST_REDACTION", "list of keys, tokens, urls, card_numbers, emails; on; off", "on", redaction::kinds, Plain, "redaction",
        "Which secrets are hidden in console lines, log records and spans. `on` is keys, tokens and urls; `on,emails` is one more.";
    REDACTION_KEYS: Vec<String> = "OTEL_RUST_REDACTION_KEYS", "list of words", "", redaction::words, Plain, "redaction",
        "Values of keys that end in one of these words are hidden as well, whatever their case and separators.";
    REDACTION_QUERY_PARAMETERS: Vec<String> = "OTEL_RUST_REDACTION_QUERY_PARAMETERS", "list of names",
        "X-Amz-Signature,X-Amz-Credential,X-Amz-Security-Token,sig,X-Goog-Signature", parse::names, Plain, "redaction",
        "The query parameters whose values are hidden, in place of those of the conventions. Their case counts.";
    NO_COLOR: String = "NO_COLOR", "any text", "", parse::text, Plain, "console_color",
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
    /// As [`pipeline::signal::Signal`](crate::Signal) counts.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Traces => 0,
            Self::Metrics => 1,
            Self::Logs => 2,
        }
    }

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
