//! Which destinations each signal has, by name.

use super::Exporter;
use super::parse::{Problem, Problems, list};
use super::redact::value_for_people;

pub(super) fn of_traces(text: &str, problems: &mut Problems) -> Option<Vec<Exporter>> {
    exporters(text, problems, false)
}

pub(super) fn of_metrics(text: &str, problems: &mut Problems) -> Option<Vec<Exporter>> {
    exporters(text, problems, true)
}

pub(super) fn of_logs(text: &str, problems: &mut Problems) -> Option<Vec<Exporter>> {
    exporters(text, problems, false)
}

/// Each once and in order; empty for `none` alone. Next to another exporter `none` makes no sense, and sending data is
/// the mistake that can be mended.
fn exporters(text: &str, problems: &mut Problems, pages: bool) -> Option<Vec<Exporter>> {
    let mut chosen = Vec::new();
    let mut none = false;
    let mut unknown = Vec::new();
    for name in list(text) {
        let exporter = match name.as_str() {
            "otlp" => Exporter::Otlp,
            "console" => Exporter::Console,
            "otlp/stdout" => Exporter::OtlpStdout,
            "prometheus" if pages => Exporter::Prometheus,
            "none" => {
                none = true;
                continue;
            }
            _ => {
                unknown.push(name);
                continue;
            }
        };
        if !chosen.contains(&exporter) {
            chosen.push(exporter);
        }
    }
    let nothing_left = chosen.is_empty() && !none;
    for name in unknown {
        let problem = format!(
            "asks for the exporter \"{}\", which is {}",
            value_for_people(&name),
            why_not(&name)
        );
        let instead = (!nothing_left).then(|| "it is left out".to_owned());
        problems.0.push(Problem { problem, instead });
    }
    if none && !chosen.is_empty() {
        problems.note(
            "asks for `none` next to other exporters",
            "`none` is left out",
        );
    }
    (!nothing_left).then_some(chosen)
}

fn why_not(name: &str) -> &'static str {
    match name {
        "logging" => "a deprecated name of `console`, and not supported",
        "zipkin" => "not supported: send OTLP to a Collector with the exporter `zipkin` instead",
        "prometheus" => "for metrics only",
        _ => "not known",
    }
}
