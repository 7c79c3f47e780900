//! What an operator says that does not go together: each value by itself is fine.

use http::uri::Scheme;

use super::reader::Reader;
use super::variables as table;
use super::{
    Config, ConsoleFormat, ExporterConfig, Origin, OtlpConfig, Protocol, SignalConfig, Warning,
};

/// Warns of what has no effect because of something else, or can hardly be meant.
pub(super) fn warn(config: &Config, reader: &mut Reader<'_>) {
    console_that_is_off(config, reader);
    let signals = [
        ("traces", &config.traces),
        ("metrics", &config.metrics),
        ("logs", &config.logs),
    ];
    for (name, signal) in signals {
        if let Some(otlp) = only_otlp(signal) {
            port_of_another_protocol(name, otlp, reader);
            scheme_over_insecure(name, otlp, reader);
        }
    }
    certificates_in_the_clear(signals, reader);
}

/// The one that variables are about. What a file has for several of them is told apart by its own place.
fn only_otlp(signal: &SignalConfig) -> Option<&OtlpConfig> {
    let mut all = signal
        .exporters
        .iter()
        .filter_map(|exporter| match exporter {
            ExporterConfig::Otlp(otlp) => Some(otlp),
            _ => None,
        });
    all.next().filter(|_| all.next().is_none())
}

/// Where the operator has said `key`; `None` where code or nobody has.
fn said(key: &str, reader: &Reader<'_>) -> Option<Origin> {
    let found = reader.effective.iter().find(|line| line.key == key)?;
    let by_operator = matches!(found.origin, Origin::Environment(_) | Origin::File { .. });
    by_operator.then(|| found.origin.clone())
}

/// Logs that go to the console only, which is off, go nowhere.
fn console_that_is_off(config: &Config, reader: &mut Reader<'_>) {
    let is_off = config.console.format == ConsoleFormat::Off;
    if !is_off || !config.logs.exporters.contains(&ExporterConfig::Console) {
        return;
    }
    // Code that says both means it.
    if let Some(place) = said("logs.exporter", reader) {
        let mut effective = reader.effective.iter();
        let console = effective.find(|line| line.key == "console.format");
        let console = console.map_or(&Origin::Default, |line| &line.origin);
        let problem = format!("asks for logs on the console, which is off ({console})");
        let instead = "no log record is written there";
        reader.warn(Warning::new(place.to_string(), None, problem, instead));
    }
}

/// By far the most frequent mistake: the port of the one protocol, and the other protocol.
fn port_of_another_protocol(name: &str, otlp: &OtlpConfig, reader: &mut Reader<'_>) {
    let (port, expected) = match (otlp.endpoint.port_u16(), otlp.protocol) {
        (Some(4317), Protocol::HttpProtobuf | Protocol::HttpJson) => (4317, "grpc"),
        (Some(4318), Protocol::Grpc) => (4318, "http/protobuf"),
        _ => return,
    };
    if let Some(place) = said(&format!("{name}.endpoint"), reader) {
        let used = otlp.protocol;
        let problem = format!(
            "has the port {port}, which is meant for {expected}, and the protocol is {used}"
        );
        let instead = match &place {
            Origin::Environment(_) => format!(
                "both are used all the same, {} has the protocol",
                table::PROTOCOL.name
            ),
            _ => "both are used all the same".to_owned(),
        };
        reader.warn(Warning::new(place.to_string(), None, problem, instead));
    }
}

/// A scheme says more than the variable for endpoints without one.
fn scheme_over_insecure(name: &str, otlp: &OtlpConfig, reader: &mut Reader<'_>) {
    let is_insecure =
        |line: &&super::Effective| line.key == format!("{name}.insecure") && line.value == "true";
    let insecure = reader.effective.iter().any(|line| is_insecure(&line));
    let secure = otlp.endpoint.scheme() == Some(&Scheme::HTTPS);
    let (true, true, Some(place)) = (insecure, secure, said(&format!("{name}.insecure"), reader))
    else {
        return;
    };
    reader.warn(Warning::new(
        place.to_string(),
        Some("true".to_owned()),
        "is for endpoints without a scheme, and the endpoint says https",
        "https is used",
    ));
}

/// Files of TLS that no signal needs: the operator may believe that the connection is safe.
fn certificates_in_the_clear(signals: [(&str, &SignalConfig); 3], reader: &mut Reader<'_>) {
    for what in ["certificate", "client_certificate", "client_key"] {
        let places = signals.map(|(name, signal)| {
            let place = said(&format!("{name}.{what}"), reader)?;
            let secure = |exporter: &ExporterConfig| match exporter {
                ExporterConfig::Otlp(otlp) => otlp.endpoint.scheme() == Some(&Scheme::HTTPS),
                _ => false,
            };
            Some((place, signal.exporters.iter().any(secure)))
        });
        for (place, _) in places.iter().flatten() {
            let same = |found: &&(Origin, bool)| found.0 == *place;
            if !places
                .iter()
                .flatten()
                .filter(same)
                .any(|(_, secure)| *secure)
            {
                reader.warn(Warning::new(
                    place.to_string(),
                    None,
                    "is for https, and the endpoint says http",
                    "it is not used, nothing is encrypted",
                ));
            }
        }
    }
}
