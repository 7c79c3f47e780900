//! Which destinations each signal has, by name.

use super::Exporter;
use super::parse::{Problems, list, name_for_people};

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
        let exporter = match name.to_ascii_lowercase().as_str() {
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
            name_for_people(name),
            why_not(name, pages)
        );
        let instead = (!nothing_left).then(|| "it is left out".to_owned());
        problems.add(problem, instead);
    }
    if none && !chosen.is_empty() {
        problems.note(
            "asks for `none` next to other exporters",
            "`none` is left out",
        );
    }
    (!nothing_left).then_some(chosen)
}

fn why_not(name: &str, pages: bool) -> &'static str {
    match (name.to_ascii_lowercase().as_str(), pages) {
        ("logging", _) => "a deprecated name of `console`, and not supported",
        ("zipkin", _) => {
            "not supported: send OTLP to a Collector with the exporter `zipkin` instead"
        }
        ("prometheus", _) => "for metrics only",
        (_, true) => "none of otlp, prometheus, console, otlp/stdout, none",
        (_, false) => "none of otlp, console, otlp/stdout, none",
    }
}
