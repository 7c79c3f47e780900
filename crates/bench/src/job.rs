//! What one child process measures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One piece of work for one candidate.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) candidate: Candidate,
    pub(crate) work: Work,
    #[serde(default)]
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) export: Export,
    #[serde(default)]
    pub(crate) compression: Compression,
    #[serde(default = "one")]
    pub(crate) threads: usize,
    /// How much work, in percent of what a full run does.
    #[serde(default = "hundred")]
    pub(crate) percent: u64,
}

/// Whose telemetry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Candidate {
    /// No telemetry at all.
    None,
    /// `tracing` with a registry and no layer.
    Tracing,
    Trisignal,
    /// tracing-opentelemetry, opentelemetry-appender-tracing and the SDK with its batch processors, as they come.
    Stock,
    /// The same with all that tracing-opentelemetry adds switched off.
    StockLean,
    Logfire,
    /// init-tracing-opentelemetry.
    Init,
    Fastrace,
    /// The OpenTelemetry API and SDK without `tracing`.
    Otel,
    /// The JSON lines of `tracing_subscriber::fmt`, thrown away.
    FmtJson,
    PrometheusClient,
}

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// A parent with three children, five attributes each, and one event. The unit is a span.
    Span,
    /// A span that is entered and left again, as by each poll of an instrumented future.
    Reenter,
    /// An event with four fields inside of a span.
    Log,
    /// A counter with three attributes.
    Counter,
    /// A counter whose attributes were given before.
    CounterBound,
    /// A histogram with three attributes.
    Histogram,
    /// A histogram whose attributes were given before.
    HistogramBound,
    /// Spans from all threads, as fast as they can.
    Flood,
    /// 100,000 spans a second.
    Paced,
    /// An axum service that is asked.
    Service,
    /// Setting up, and ending.
    Start,
}

/// What telemetry was told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    #[default]
    Sampled,
    /// A ratio of zero at the root.
    Unsampled,
    /// `OTEL_SDK_DISABLED=true`.
    Disabled,
    /// Sampled, but spans are not OpenTelemetry's current context: for services without code on its API.
    ContextOff,
}

/// Where it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Export {
    /// An exporter that throws away, in the same process.
    Null,
    #[default]
    Http,
    Grpc,
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl Job {
    /// All of the work, on one thread, with everything on and nothing compressed.
    pub(crate) fn new(candidate: Candidate, work: Work, export: Export) -> Self {
        Self {
            candidate,
            work,
            mode: Mode::Sampled,
            export,
            compression: Compression::None,
            threads: one(),
            percent: hundred(),
        }
    }

    pub(crate) fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    pub(crate) fn compression(self, compression: Compression) -> Self {
        Self {
            compression,
            ..self
        }
    }

    /// Whether it is the same for the same candidate, however much of it is done.
    pub(crate) fn is(&self, other: Self) -> bool {
        (self.candidate, self.work, self.mode) == (other.candidate, other.work, other.mode)
            && (self.export, self.compression) == (other.export, other.compression)
            && self.threads == other.threads
    }

    /// The variables that tell every candidate the same, in the names of OpenTelemetry. The sink is at `host:port`.
    pub(crate) fn environment(&self, sink: &str) -> BTreeMap<&'static str, String> {
        let mut variables = BTreeMap::from([
            ("OTEL_SERVICE_NAME", "bench".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{sink}")),
            ("OTEL_METRIC_EXPORT_INTERVAL", "3600000".to_owned()),
        ]);
        let protocol = match self.export {
            Export::Grpc => "grpc",
            Export::Null | Export::Http => "http/protobuf",
        };
        variables.insert("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned());
        let compression = match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        if let Some(compression) = compression {
            variables.insert("OTEL_EXPORTER_OTLP_COMPRESSION", compression.to_owned());
        }
        match self.mode {
            // There is no variable for the latter that all would know.
            Mode::Sampled | Mode::ContextOff => {}
            Mode::Unsampled => {
                variables.insert("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned());
                variables.insert("OTEL_TRACES_SAMPLER_ARG", "0".to_owned());
            }
            Mode::Disabled => {
                variables.insert("OTEL_SDK_DISABLED", "true".to_owned());
            }
        }
        if self.needs_room() {
            variables.insert("OTEL_BSP_MAX_QUEUE_SIZE", "2000000".to_owned());
            variables.insert("OTEL_BLRP_MAX_QUEUE_SIZE", "2000000".to_owned());
        }
        variables
    }

    /// Whether the queues are to hold everything, instead of what they hold as they come.
    ///
    /// What is done in small pieces is to be done by all, and none may save itself some of it by dropping. In a flood
    /// and in a service everything is as it comes.
    pub(crate) fn needs_room(&self) -> bool {
        self.work.is_micro()
    }

    /// What it is called in messages.
    pub(crate) fn title(&self) -> String {
        let Self {
            candidate,
            work,
            mode,
            export,
            compression,
            threads,
            ..
        } = self;
        format!("{work:?} {candidate:?} {mode:?} {export:?} {compression:?} {threads} thread(s)")
    }

    /// Whether log records are part of the work.
    pub(crate) fn has_logs(&self) -> bool {
        matches!(self.work, Work::Log | Work::Service | Work::Start)
    }
}

fn one() -> usize {
    1
}

fn hundred() -> u64 {
    100
}

impl Work {
    /// Whether it is a small thing that is done again and again.
    pub(crate) fn is_micro(self) -> bool {
        !matches!(
            self,
            Self::Flood | Self::Paced | Self::Service | Self::Start
        )
    }
}
