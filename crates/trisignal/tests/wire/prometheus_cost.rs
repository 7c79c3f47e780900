//! What a page and exemplars cost. Not run with the others: it wants a build with optimisations and a quiet machine.
//!
//! ```text
//! cargo test --release -p trisignal --test wire prometheus_cost -- --ignored --nocapture --test-threads=1
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use trisignal::{ExemplarFilter, Exporter, Protocol, Signal, Telemetry};

use super::common::{builder_to, record};
use super::prometheus::{OPEN_METRICS, ask};

/// Pages of each size.
const PAGES: u32 = 101;
/// Additions in one round, and rounds.
const ADDITIONS: u32 = 10_000;
const ROUNDS: usize = 500;

fn telemetry(filter: ExemplarFilter) -> Telemetry {
    builder_to("http://127.0.0.1:9".to_owned(), Protocol::HttpProtobuf)
        .exporters(Signal::Metrics, [Exporter::Prometheus])
        .prometheus_address("127.0.0.1", 0)
        .own_metrics([])
        .cardinality_limit(20_000)
        .exemplar_filter(filter)
        .build()
        .unwrap()
}

/// `requests` with two attributes, in which half of the series are counters and half gauges.
fn fill(telemetry: &Telemetry, series: i64) {
    let meter = telemetry.meter("cost");
    let (counter, gauge) = (
        meter.u64_counter("cost.requests").build(),
        meter.f64_gauge("cost.level").build(),
    );
    for number in 0..series / 2 {
        let attributes = [
            KeyValue::new("http.route", format!("/orders/{number}")),
            KeyValue::new("http.request.method", "GET"),
        ];
        counter.add(1, &attributes);
        gauge.record(0.5, &attributes);
    }
}

/// Processor time that this process has taken, where the system tells it in a file.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may have spaces, come the third field and all others; a tick is a hundredth of a second.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = |field: usize| fields.split(' ').nth(field)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Processor time since `begin`, for each of `count`.
fn share(begin: Option<Duration>, count: u32) -> String {
    let took = begin.and_then(|begin| processor_time()?.checked_sub(begin));
    took.map_or_else(
        || "unknown".to_owned(),
        |took| format!("{:.1?}", took / count),
    )
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
#[ignore = "measures: see the head of the file"]
fn a_page() {
    println!("| series | format | bytes | median | processor time |");
    println!("|---|---|---|---|---|");
    for series in [10, 1_000, 10_000] {
        let telemetry = telemetry(ExemplarFilter::TraceBased);
        record(&telemetry, || {
            tracing::info_span!("fill").in_scope(|| fill(&telemetry, series));
        });
        let address = telemetry.metrics_address().unwrap();
        let gzip = format!("accept: {OPEN_METRICS}\r\naccept-encoding: gzip\r\n");
        let rows = [
            ("text", String::new()),
            (
                "OpenMetrics with exemplars",
                format!("accept: {OPEN_METRICS}\r\n"),
            ),
            ("the same with gzip", gzip),
        ];
        for (name, headers) in rows {
            let mut bytes = 0;
            let begin = processor_time();
            let times: Vec<_> = (0..PAGES)
                .map(|_| {
                    let begin = Instant::now();
                    bytes = ask(address, "GET", "/metrics", &headers).body.len();
                    begin.elapsed()
                })
                .collect();
            let (each, time) = (share(begin, PAGES), median(times));
            println!("| {series} | {name} | {bytes} | {time:.1?} | {each} |");
        }
    }
}

#[test]
#[ignore = "measures: see the head of the file"]
fn an_addition() {
    println!("| addition | ns |");
    println!("|---|---|");
    let attributes = [
        KeyValue::new("http.route", "/orders"),
        KeyValue::new("http.request.method", "GET"),
    ];
    for (filter, sampled, name) in [
        (ExemplarFilter::AlwaysOff, true, "without exemplars"),
        (
            ExemplarFilter::TraceBased,
            false,
            "with exemplars, outside of a span",
        ),
        (
            ExemplarFilter::TraceBased,
            true,
            "with exemplars, in a sampled span",
        ),
    ] {
        let telemetry = telemetry(filter);
        // Of floats: what is added to a counter of integers, threads keep.
        let counter = telemetry.meter("cost").f64_counter("cost.requests").build();
        let histogram = telemetry
            .meter("cost")
            .f64_histogram("cost.duration")
            .build();
        let all = || {
            let added = nanoseconds(|| add(&counter, &attributes));
            let recorded = nanoseconds(|| histogram.record(black_box(3.0), black_box(&attributes)));
            (added, recorded)
        };
        let (added, recorded) = match sampled {
            true => record(&telemetry, || tracing::info_span!("measured").in_scope(all)),
            false => all(),
        };
        println!("| counter {name} | {added:.1} |");
        println!("| histogram {name} | {recorded:.1} |");
    }
}

fn add(counter: &Counter<f64>, attributes: &[KeyValue]) {
    counter.add(black_box(1.0), black_box(attributes));
}

/// Of one call: the best of some rounds, which other work on the machine disturbs least.
fn nanoseconds(call: impl Fn()) -> f64 {
    let round = || {
        let begin = Instant::now();
        (0..ADDITIONS).for_each(|_| call());
        begin.elapsed()
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    best.as_secs_f64() * 1e9 / f64::from(ADDITIONS)
}
