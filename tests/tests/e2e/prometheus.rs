//! The page for Prometheus, as Prometheus' own tools read it: the parsers of its Python client, and promtool.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

use opentelemetry::KeyValue;
use serde_json::Value;
use tempfile::TempDir;
use trisignal::{Exporter, Signal, Telemetry, View};
use trisignal_tests::{get, say_not_run};

use super::foreign::python;

/// The instruments that the generator makes.
const INSTRUMENTS: usize = 60;
/// Series of each.
const SERIES: usize = 5;
/// What names and values are made of: everything that some syntax has a meaning for, and what lies beyond ASCII.
const HOSTILE: &[&str] = &[
    "\"", "\\", "\n", "\r", "\t", "\0", "{", "}", "=", ",", "#", " ", "'", "\\n", "\\\"", "# EOF",
    "é", "日本", "🦀", "\u{202e}", "\u{feff}", "NaN", "+Inf", "1e9", "_total", "_bucket", "a", "Z",
    "0", "_", ".", ":", "-", "/", "%",
];
/// Names of instruments: OpenTelemetry allows no others without a view.
const NAMES: &[&str] = &[
    "a", "B", "7", "_", ".", "-", "/", "total", "bucket", "count", "info", "s",
];
const UNITS: &[&str] = &[
    "", "s", "By", "1", "{order}", "%", "m/s", "By/s", "{a}/min", "a b", "{", "}", "\"", "#", "/",
    "1/s",
];

/// An escaping, the header that asks for it, and the parser that reads the answer.
const FORMATS: &[(&str, &str, &str)] = &[
    ("text", "text/plain;version=0.0.4", "text"),
    (
        "quoted text",
        "text/plain;version=1.0.0;escaping=allow-utf-8",
        "text",
    ),
    (
        "OpenMetrics",
        "application/openmetrics-text;version=1.0.0",
        "openmetrics",
    ),
    (
        "OpenMetrics, early",
        "application/openmetrics-text;version=0.0.1",
        "openmetrics",
    ),
    (
        "OpenMetrics, dots",
        "application/openmetrics-text;version=1.0.0;escaping=dots",
        "openmetrics",
    ),
    (
        "OpenMetrics, values",
        "application/openmetrics-text;version=1.0.0;escaping=values",
        "openmetrics",
    ),
    ("OpenMetrics, UTF-8", UTF8, "openmetrics"),
];
const UTF8: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8";

/// Marsaglia's xorshift: the same names on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn text(&mut self, parts: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| parts[self.below(parts.len())]).collect()
    }

    /// Any number there is, but for those that the SDK leaves out.
    fn float(&mut self) -> f64 {
        loop {
            let _ = self.below(2);
            let number = f64::from_bits(self.0);
            if number.is_finite() {
                return number;
            }
        }
    }
}

/// What must be on the page with UTF-8 names: the labels of a gauge's series, and its value.
type Expected = Vec<(BTreeMap<String, String>, f64)>;

/// A page of what the generator made.
fn hostile() -> (Telemetry, Expected) {
    let mut random = Random(0x5eed);
    let mut builder = builder().own_metrics([]);
    for number in 0..10 {
        let name = format!("view.{number}");
        builder =
            builder.view(View::of(name).rename(format!("ü{number}{}", random.text(HOSTILE, 9))));
    }
    let telemetry = builder.build().unwrap();
    let meter = telemetry.meter("hostile");
    let mut expected = Expected::new();
    for number in 0..INSTRUMENTS {
        let mut name = format!("i{}{number}x", random.text(NAMES, 6));
        if number < 10 {
            name = format!("view.{number}");
        }
        let unit = UNITS[random.below(UNITS.len())];
        let help = random.text(HOSTILE, 12);
        for series in 0..SERIES {
            let mut labels = BTreeMap::new();
            for _ in 0..random.below(4) {
                // What Prometheus keeps for itself is another name on the page: not what is asked here.
                let key = format!("k{}", random.text(HOSTILE, 6));
                labels.insert(key, random.text(HOSTILE, 10));
            }
            labels.insert("series".to_owned(), series.to_string());
            let attributes: Vec<_> = labels
                .iter()
                .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
                .collect();
            let value = random.float();
            match number % 4 {
                0 => {
                    let gauge = meter.f64_gauge(name.clone()).with_unit(unit);
                    gauge
                        .with_description(help.clone())
                        .build()
                        .record(value, &attributes);
                    labels.insert("otel_scope_name".to_owned(), "hostile".to_owned());
                    expected.push((labels, value));
                }
                1 => {
                    let counter = meter.u64_counter(name.clone()).with_unit(unit);
                    counter
                        .with_description(help.clone())
                        .build()
                        .add(value.to_bits() >> 12, &attributes);
                }
                2 => {
                    let sum = meter.f64_up_down_counter(name.clone()).with_unit(unit);
                    sum.with_description(help.clone())
                        .build()
                        .add(value, &attributes);
                }
                _ => {
                    let histogram = meter.f64_histogram(name.clone()).with_unit(unit);
                    let histogram = histogram.with_description(help.clone()).build();
                    histogram.record(value, &attributes);
                    histogram.record(1.5, &attributes);
                }
            }
        }
    }
    (telemetry, expected)
}

fn builder() -> trisignal::Builder {
    trisignal::builder("checkout")
        .environment(HashMap::<String, String>::new())
        .console(trisignal::ConsoleFormat::Off)
        .endpoint("http://127.0.0.1:9")
        .exporters(Signal::Metrics, [Exporter::Prometheus])
        .prometheus_address("localhost", 0)
}

fn page(telemetry: &Telemetry, accept: &str) -> String {
    let url = format!("http://{}/metrics", telemetry.metrics_address().unwrap());
    let answer = get(&url, &[("Accept", accept)]).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Runs a program with `page` as its input; its exit code and what it said.
fn feed(command: &mut Command, page: &str) -> (Option<i32>, String, String) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("page");
    fs::write(&file, page).unwrap();
    let input = fs::File::open(&file).unwrap();
    let output = command.stdin(Stdio::from(input)).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn pythons_parsers_read_what_a_hostile_generator_measured() {
    let test = "pythons_parsers_read_what_a_hostile_generator_measured";
    let Some(python) = python::interpreter(test) else {
        return;
    };
    let (telemetry, expected) = hostile();
    for (name, accept, parser) in FORMATS {
        let page = page(&telemetry, accept);
        let mut command = Command::new(python);
        command
            .arg("-I")
            .arg(python::file("metrics.py"))
            .arg(parser);
        let (code, out, error) = feed(&mut command, &page);
        assert_eq!(code, Some(0), "{name}: {error}\n{page}");
        let families: Vec<Value> = serde_json::from_str(&out).unwrap();
        assert_eq!(
            families.len(),
            INSTRUMENTS + 1,
            "{name}: one each, and the target"
        );
        let samples: Vec<_> = families
            .iter()
            .flat_map(|family| family["samples"].as_array().unwrap())
            .collect();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(samples.len(), lines.count(), "{name}");
        for family in &families {
            let samples = family["samples"].as_array().unwrap();
            let of_histogram = family["type"] == "histogram";
            let is_last = |sample: &&Value| !of_histogram || sample["labels"]["le"] == "+Inf";
            let series = samples.iter().filter(is_last).count();
            assert!(series == SERIES || samples.len() == 1, "{name}: {family}");
        }
        if *accept == UTF8 {
            assert_read_back(&samples, &expected);
        }
    }
    let _ = telemetry.shutdown_blocking(std::time::Duration::from_secs(1));
}

/// Each series that was measured is there once, with its labels and its value to the last bit.
fn assert_read_back(samples: &[&Value], expected: &Expected) {
    for (labels, value) in expected {
        let wanted = serde_json::to_value(labels).unwrap();
        let found: Vec<f64> = samples
            .iter()
            .filter(|sample| sample["labels"] == wanted)
            .map(|sample| sample["value"].as_str().unwrap().parse().unwrap())
            .collect();
        assert!(
            found.iter().any(|is| is.to_bits() == value.to_bits()),
            "{labels:?} {value:?}: {found:?}"
        );
    }
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let test = "promtool_finds_nothing_to_complain_of";
    let Some(promtool) = promtool(test) else {
        return;
    };
    // Ordinary metrics, and those that telemetry makes by itself, are by the book.
    let telemetry = builder().build().unwrap();
    let meter = telemetry.meter("shop");
    meter.u64_counter("request_count").build().add(1, &[]);
    meter
        .f64_gauge("cpu_load")
        .with_unit("1")
        .build()
        .record(0.5, &[]);
    let latency = meter
        .f64_histogram("request_latency_seconds")
        .with_unit("s")
        .build();
    latency.record(0.5, &[KeyValue::new("http.route", "/pay")]);
    meter
        .i64_up_down_counter("orders.waiting")
        .with_unit("{order}")
        .build()
        .add(3, &[]);
    let clean = page(&telemetry, "text/plain");
    let check = || {
        let mut command = Command::new(&promtool);
        command.args(["check", "metrics"]);
        command
    };
    let (_, out, error) = feed(&mut check(), &clean);
    let said = format!("{out}{error}");
    // OpenTelemetry's conventions name gauges like this, and promtool would rather that they did not.
    let is_by_convention = |line: &&str| {
        let is_own = line.starts_with("process_") || line.starts_with("tokio_runtime_");
        is_own && line.contains("_count non-histogram and non-summary metrics")
    };
    let others: Vec<_> = said
        .lines()
        .filter(|line| !is_by_convention(line))
        .collect();
    assert!(others.is_empty(), "{others:?}\n{clean}");
    assert!(clean.contains("request_count_total{") && clean.contains("process_uptime_seconds"));
    // Names that are no good practice are criticised (3), but there is nothing that cannot be read (1).
    let (telemetry, _) = hostile();
    let (code, out, error) = feed(&mut check(), &page(&telemetry, "text/plain"));
    assert!(matches!(code, Some(0 | 3)), "{code:?} {out} {error}");
}

fn promtool(test: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join("promtool"))
        .find(|file| file.is_file());
    if found.is_none() {
        say_not_run(test, "no promtool on the PATH; it comes with Prometheus");
    }
    found
}
