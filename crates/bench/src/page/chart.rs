//! A chart of the figures that matter most: a panel for each, a bar for each candidate.

use super::format::number;
use crate::job::{Candidate, Export, Job, Work};
use crate::parent::Results;

use Candidate::{Fastrace, Init, Logfire, Otel, Stock, StockLean, Trisignal};
use Export::{Http, Null};

const WIDTH: f64 = 760.0;
const LABEL: f64 = 230.0;
const BAR: f64 = 18.0;
const GAP: f64 = 6.0;
const TITLE: f64 = 34.0;

/// A panel: its title, its bars and their unit.
struct Panel {
    title: &'static str,
    bars: Vec<(&'static str, bool, f64)>,
    digits: usize,
}

/// The chart, as the text of an SVG file.
pub(super) fn svg(results: &Results) -> String {
    let mut body = String::new();
    let mut y = 10.0;
    for panel in panels(results) {
        let most = panel.bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
        body += &format!(
            "<text x=\"10\" y=\"{:.0}\" class=\"title\">{}</text>\n",
            y + 18.0,
            panel.title
        );
        y += TITLE;
        for (label, own, value) in panel.bars {
            let length = (value / most * (WIDTH - LABEL - 90.0)).max(1.0);
            let text_y = y + BAR - 5.0;
            body += &format!(
                "<text x=\"{:.0}\" y=\"{text_y:.0}\" class=\"label\">{label}</text>\
                 <rect x=\"{LABEL:.0}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"{BAR:.0}\" class=\"{}\"/>\
                 <text x=\"{:.0}\" y=\"{text_y:.0}\">{}</text>\n",
                LABEL - 8.0,
                if own { "own" } else { "peer" },
                LABEL + length + 6.0,
                number(Some(value), panel.digits),
            );
            y += BAR + GAP;
        }
        y += 14.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{y:.0}\" viewBox=\"0 0 {WIDTH:.0} {y:.0}\" role=\"img\">\n\
         <title>Trisignal and its peers: shorter is better</title>\n\
         <style>text {{ font: 12px sans-serif; fill: #333 }} .title {{ font-weight: bold; font-size: 14px }} \
         .label {{ text-anchor: end }} .own {{ fill: #1b7f5c }} .peer {{ fill: #9aa5b1 }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn panels(results: &Results) -> Vec<Panel> {
    let panel = |title,
                 work,
                 figure: &str,
                 scale: f64,
                 digits,
                 rows: &[(&'static str, Candidate, Export)]| {
        let bars = rows.iter().filter_map(|&(label, candidate, export)| {
            let value = results.figure(Job::new(candidate, work, export), figure)?;
            Some((label, candidate == Trisignal, value * scale))
        });
        Panel {
            title,
            bars: bars.collect(),
            digits,
        }
    };
    let spans = [
        ("Trisignal", Trisignal, Http),
        ("fastrace", Fastrace, Http),
        ("OpenTelemetry API", Otel, Http),
        ("tracing-opentelemetry, lean", StockLean, Http),
        ("tracing-opentelemetry", Stock, Http),
        ("init-tracing-opentelemetry", Init, Http),
        ("logfire", Logfire, Http),
    ];
    let logs = [
        ("Trisignal", Trisignal, Http),
        ("opentelemetry-appender-tracing", Stock, Http),
        ("fmt JSON, thrown away", Candidate::FmtJson, Null),
        ("init-tracing-opentelemetry", Init, Http),
        ("logfire", Logfire, Http),
    ];
    let services = [
        ("no telemetry", Candidate::None, Http),
        ("Trisignal", Trisignal, Http),
        ("OpenTelemetry API + contrib layer", Otel, Http),
        ("fastrace", Fastrace, Http),
        ("upstream by hand", StockLean, Http),
        ("logfire", Logfire, Http),
        ("init-tracing-opentelemetry", Init, Http),
    ];
    let panels = [
        panel(
            "A span on the thread that makes it, ns",
            Work::Span,
            "producing",
            1.0,
            0,
            &spans,
        ),
        panel(
            "A span, sent over HTTP, whole process, ns",
            Work::Span,
            "whole",
            1.0,
            0,
            &spans,
        ),
        panel(
            "A log record, sent over HTTP, whole process, ns",
            Work::Log,
            "whole",
            1.0,
            0,
            &logs,
        ),
        panel(
            "An axum request with telemetry, CPU, µs",
            Work::Service,
            "closed_cpu_per_request_ns",
            1e-3,
            1,
            &services,
        ),
    ];
    panels
        .into_iter()
        .filter(|panel| !panel.bars.is_empty())
        .collect()
}
