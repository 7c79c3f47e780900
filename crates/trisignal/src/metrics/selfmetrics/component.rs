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
            let otlp = target
                .exporters
                .iter()
                .filter_map(|exporter| match exporter {
                    ExporterConfig::Otlp(otlp) => Some(otlp),
                    _ => None,
                });
            for (index, target) in otlp.enumerate() {
                let mut exporter = Self::numbered(otlp_type(signal, target.protocol), index);
                exporter.destination = Some(Destination { signal, index });
                exporter.attributes.extend(server(target));
                exporters.push(exporter);
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
