//! Instruments before, while and after the meter is installed. Each test has a registry of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

use super::super::pending::SETS;
use super::*;
use crate::metrics::{Counter, Gauge, Histogram, UpDownCounter};

struct Rig {
    registry: &'static Registry,
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

fn rig() -> Rig {
    let exporter = InMemoryMetricExporter::default();
    // Long enough that only `force_flush` collects.
    let reader = PeriodicReader::builder(exporter.clone())
        .with_interval(Duration::from_secs(3600))
        .build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    // Instruments borrow their registry for ever, as statics do.
    Rig {
        registry: Box::leak(Box::new(Registry::new())),
        provider,
        exporter,
    }
}

impl Rig {
    fn install(&self) -> Result<Replayed, AlreadyInstalled> {
        self.registry.install(self.provider.meter("rig"))
    }

    /// `name{attributes}` and the value of each point; for histograms count and sum.
    fn collect(&self) -> BTreeMap<String, Vec<f64>> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.iter().flat_map(|metrics| metrics.scope_metrics());
        scopes
            .flat_map(|scope| scope.metrics())
            .flat_map(points)
            .collect()
    }
}

fn points(metric: &Metric) -> Vec<(String, Vec<f64>)> {
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            assert!(sum.is_monotonic());
            sum.data_points()
                .map(|point| {
                    (
                        label(metric, point.attributes()),
                        vec![point.value() as f64],
                    )
                })
                .collect()
        }
        AggregatedMetrics::I64(MetricData::Sum(sum)) => {
            assert!(!sum.is_monotonic());
            sum.data_points()
                .map(|point| {
                    (
                        label(metric, point.attributes()),
                        vec![point.value() as f64],
                    )
                })
                .collect()
        }
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (label(metric, point.attributes()), vec![point.value()]))
            .collect(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| {
                let counts = point.bucket_counts().map(|count| count as f64);
                (
                    label(metric, point.attributes()),
                    counts.chain([point.sum()]).collect(),
                )
            })
            .collect(),
        other => panic!("unexpected data {other:?}"),
    }
}

fn label<'a>(metric: &Metric, attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut pairs: Vec<_> = attributes
        .map(|pair| format!("{}={}", pair.key, pair.value))
        .collect();
    pairs.sort();
    format!(
        "{}[{}]({}){{{}}}",
        metric.name(),
        metric.unit(),
        metric.description(),
        pairs.join(",")
    )
}

fn kind(value: &'static str) -> [KeyValue; 1] {
    [KeyValue::new("kind", value)]
}

#[test]
fn what_was_told_before_the_installation_arrives_without_another_word() {
    let rig = rig();
    let counter = Counter::in_registry(rig.registry, "c", "{c}").with_description("counted");
    let level = UpDownCounter::in_registry(rig.registry, "u", "");
    let gauge = Gauge::in_registry(rig.registry, "g", "1");
    let histogram = Histogram::in_registry(rig.registry, "h", "s").with_boundaries(&[1.0, 2.0]);
    counter.add(1);
    counter.add(2);
    let two = [KeyValue::new("a", 1), KeyValue::new("b", 2)];
    counter.add_with(4, &two);
    counter.add_with(8, &[two[1].clone(), two[0].clone()]);
    level.add(5);
    level.add(-7);
    gauge.record(1.0);
    gauge.record_with(3.0, &kind("x"));
    gauge.record(2.0);
    for value in [0.5, 1.5, 1.5, 9.0] {
        histogram.record(value);
    }
    assert_eq!(
        rig.registry.pending(),
        Held {
            instruments: 4,
            entries: 2 + 1 + 2 + 4,
            lost: 0
        }
    );
    assert_eq!(
        rig.install(),
        Ok(Replayed {
            instruments: 4,
            lost: 0
        })
    );
    let expected = [
        ("c[{c}](counted){}", vec![3.0]),
        ("c[{c}](counted){a=1,b=2}", vec![12.0]),
        ("g[1](){}", vec![2.0]),
        ("g[1](){kind=x}", vec![3.0]),
        ("h[s](){}", vec![1.0, 2.0, 1.0, 12.5]),
        ("u[](){}", vec![-2.0]),
    ];
    assert_eq!(
        rig.collect(),
        expected
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    );
    assert_eq!(rig.registry.pending(), Held::default());
    counter.add(10);
    gauge.record(0.0);
    let collected = rig.collect();
    assert_eq!(
        (&collected["c[{c}](counted){}"], &collected["g[1](){}"]),
        (&vec![13.0], &vec![0.0])
    );
}

#[test]
fn a_handle_of_a_histogram_measures_before_and_after_the_installation() {
    let rig = rig();
    let histogram = Histogram::in_registry(rig.registry, "h", "s").with_boundaries(&[1.0, 2.0]);
    let handle = histogram.bind(&kind("x"));
    let clone = handle.clone();
    handle.record(0.5);
    rig.install().unwrap();
    handle.record(1.5);
    clone.record(9.0);
    histogram.record_with(9.5, &kind("x"));
    assert_eq!(rig.collect()["h[s](){kind=x}"], [1.0, 1.0, 2.0, 20.5]);
    assert_eq!(format!("{handle:?}"), "BoundHistogram(\"h\")");
}

#[test]
fn an_instrument_first_used_after_the_installation_is_bound_at_once() {
    let rig = rig();
    let counter = Counter::in_registry(rig.registry, "late", "1");
    assert_eq!(rig.install(), Ok(Replayed::default()));
    counter.add(5);
    assert_eq!(
        rig.collect(),
        BTreeMap::from([("late[1](){}".to_owned(), vec![5.0])])
    );
}

#[test]
fn a_second_installation_is_an_error_and_changes_nothing() {
    let (rig, other) = (rig(), rig());
    let counter = Counter::in_registry(rig.registry, "once", "1");
    counter.add(1);
    rig.install().unwrap();
    assert_eq!(
        rig.registry.install(other.provider.meter("other")),
        Err(AlreadyInstalled)
    );
    counter.add(1);
    assert_eq!(rig.collect()["once[1](){}"], [2.0]);
    assert!(other.collect().is_empty());
}

#[test]
fn sums_beyond_the_bound_are_kept_as_one_and_the_rest_is_counted() {
    let rig = rig();
    let counter = Counter::in_registry(rig.registry, "c", "");
    let gauge = Gauge::in_registry(rig.registry, "g", "");
    let histogram = Histogram::in_registry(rig.registry, "h", "");
    for at in 0..SETS as i64 + 10 {
        counter.add_with(2, &[KeyValue::new("at", at)]);
        gauge.record_with(1.0, &[KeyValue::new("at", at)]);
    }
    for _ in 0..1_100 {
        histogram.record(1.0);
    }
    // What is there already is still added to.
    counter.add_with(3, &[KeyValue::new("at", 0)]);
    let lost = 10 + (1_100 - 1_024);
    assert_eq!(
        rig.registry.pending(),
        Held {
            instruments: 3,
            entries: SETS + 1 + SETS + 1_024,
            lost
        }
    );
    assert_eq!(
        rig.install(),
        Ok(Replayed {
            instruments: 3,
            lost
        })
    );
    let collected = rig.collect();
    assert_eq!(collected["c[](){otel.metric.overflow=true}"], [20.0]);
    assert_eq!(collected["c[](){at=0}"], [5.0]);
    let total: f64 = collected
        .iter()
        .filter(|(name, _)| name.starts_with("c["))
        .map(|(_, value)| value[0])
        .sum();
    assert_eq!(total, 2.0 * (SETS as f64 + 10.0) + 3.0);
    assert_eq!(
        collected["h[](){}"].iter().rev().skip(1).sum::<f64>(),
        1_024.0
    );
}

#[test]
fn nothing_is_lost_or_doubled_while_threads_count_and_the_meter_comes() {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    for _ in 0..10 {
        let rig = rig();
        let counters =
            ["one", "two", "three"].map(|name| Counter::in_registry(rig.registry, name, ""));
        let start = Barrier::new(THREADS as usize + 1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for at in 0..EACH {
                        counters[(at % 3) as usize].add_with(1, &kind("x"));
                    }
                });
            }
            start.wait();
            rig.install().unwrap();
        });
        let total: f64 = rig.collect().values().map(|value| value[0]).sum();
        assert_eq!(total, (THREADS * EACH) as f64);
    }
}

#[test]
fn what_a_dropped_instrument_counted_is_still_there() {
    let rig = rig();
    Counter::in_registry(rig.registry, "gone", "").add(3);
    rig.install().unwrap();
    assert_eq!(rig.collect()["gone[](){}"], [3.0]);
}

#[test]
fn extreme_values_stay_at_the_end_of_the_scale() {
    let rig = rig();
    let counter = Counter::in_registry(rig.registry, "c", "");
    let level = UpDownCounter::in_registry(rig.registry, "u", "");
    for _ in 0..2 {
        counter.add(u64::MAX);
        level.add(i64::MIN);
    }
    rig.install().unwrap();
    let collected = rig.collect();
    assert_eq!(
        (collected["c[](){}"][0], collected["u[](){}"][0]),
        (u64::MAX as f64, i64::MIN as f64)
    );
}

#[test]
fn a_name_that_is_not_valid_has_no_effect() {
    let rig = rig();
    for name in ["", "1st", "ä", "a b"] {
        Counter::in_registry(rig.registry, name, "").add(1);
    }
    Histogram::in_registry(rig.registry, "h", "")
        .with_boundaries(&[2.0, 1.0])
        .record(1.0);
    rig.install().unwrap();
    assert!(rig.collect().is_empty());
}

#[test]
fn debug_names_the_instrument_only() {
    let gauge = Gauge::in_registry(rig().registry, "g", "1");
    assert_eq!(
        format!("{gauge:?}"),
        "Gauge { name: \"g\", unit: \"1\", .. }"
    );
}
