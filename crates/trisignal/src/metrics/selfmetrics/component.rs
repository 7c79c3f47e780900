//! The parts of the pipeline, as `otel.component.*` names them.

use opentelemetry::KeyValue;

use crate::config::{Config, ExporterConfig, OtlpConfig, Protocol};
use crate::pipeline::signal::{Destination, Signal};

/// One part, with the attributes that tell which.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// For exporters.
    pub(super) destination: Option<Destination>,
    pub(super) attributes: Vec<KeyValue>,
}

impl Component {
    /// The only one of its type.
    pub(super) fn named(kind: &'static str) -> Self {
        Self::numbered(kind, 0)
    }

    fn numbered(kind: &'static str, number: usize) -> Self {
        Self {
            destination: None,
            attributes: vec![
                KeyValue::new("otel.component.type", kind),
                // Numbers begin anew with each process, so that there are few names.
                KeyValue::new("otel.component.name", format!("{kind}/{number}")),
            ],
        }
    }

    /// The exporters of `config`, as the sender has lanes for them.
    pub(super) fn exporters(config: &Config) -> Vec<Self> {
        let signals = [
            (Signal::Traces, &config.traces),
            (Signal::Metrics, &config.metrics),
            (Signal::Logs, &config.logs),
        ];
        let mut exporters = Vec::new();
        for (signal, target) in signals {
            let of_batches = target
                .exporters_otlp_first()
                .filter_map(|exporter| Some((exporter, type_of(signal, exporter)?)));
            for (index, (exporter, kind)) in of_batches.enumerate() {
                let mut part = Self::numbered(kind, index);
                part.destination = Some(Destination { signal, index });
                if let ExporterConfig::Otlp(otlp) = exporter {
                    part.attributes.extend(server(otlp));
                }
                exporters.push(part);
            }
        }
        exporters
    }

    /// The attributes of this part and one more.
    pub(super) fn with_error(&self, error: &'static str) -> Vec<KeyValue> {
        let mut attributes = self.attributes.clone();
        attributes.push(KeyValue::new("error.type", error));
        attributes
    }
}

/// None for those that take no batches: the lines of the console are made where events happen, and pages are asked for.
fn type_of(signal: Signal, exporter: &ExporterConfig) -> Option<&'static str> {
    Some(match (exporter, signal) {
        (ExporterConfig::Otlp(otlp), _) => otlp_type(signal, otlp.protocol),
        (ExporterConfig::OtlpStdout, Signal::Traces) => "otlp_stdout_span_exporter",
        (ExporterConfig::OtlpStdout, Signal::Metrics) => "otlp_stdout_metric_exporter",
        (ExporterConfig::OtlpStdout, Signal::Logs) => "otlp_stdout_log_exporter",
        (ExporterConfig::Console, Signal::Traces) => "console_span_exporter",
        (ExporterConfig::Console, Signal::Metrics) => "console_metric_exporter",
        (ExporterConfig::Console, Signal::Logs) | (ExporterConfig::Prometheus, _) => return None,
    })
}

fn otlp_type(signal: Signal, protocol: Protocol) -> &'static str {
    match (signal, protocol) {
        (Signal::Traces, Protocol::Grpc) => "otlp_grpc_span_exporter",
        (Signal::Metrics, Protocol::Grpc) => "otlp_grpc_metric_exporter",
        (Signal::Logs, Protocol::Grpc) => "otlp_grpc_log_exporter",
        (Signal::Traces, Protocol::HttpProtobuf) => "otlp_http_span_exporter",
        (Signal::Metrics, Protocol::HttpProtobuf) => "otlp_http_metric_exporter",
        (Signal::Logs, Protocol::HttpProtobuf) => "otlp_http_log_exporter",
        (Signal::Traces, Protocol::HttpJson) => "otlp_http_json_span_exporter",
        (Signal::Metrics, Protocol::HttpJson) => "otlp_http_json_metric_exporter",
        (Signal::Logs, Protocol::HttpJson) => "otlp_http_json_log_exporter",
    }
}

fn server(target: &OtlpConfig) -> impl Iterator<Item = KeyValue> {
    let endpoint = &target.endpoint;
    let address = endpoint
        .host()
        .map(|host| KeyValue::new("server.address", host.to_owned()));
    let port = endpoint.port_u16().or(match endpoint.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    });
    let port = port.map(|port| KeyValue::new("server.port", i64::from(port)));
    address.into_iter().chain(port)
}
