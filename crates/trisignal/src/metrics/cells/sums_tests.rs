//! Sums that threads keep: whatever way an addition takes, the exported sum has it, once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, Context, Key, StringValue, Value};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider,
    Temporality,
};

use super::*;
use crate::metrics::cells::SLOTS;
use crate::metrics::registry::Registry;
use crate::metrics::{Counter, UpDownCounter};

struct Rig {
    registry: &'static Registry,
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Rig {
    fn new(temporality: Temporality) -> Self {
        let rig = Self::without_meter(temporality);
        rig.install();
        rig
    }

    fn without_meter(temporality: Temporality) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new();
        let exporter = exporter.with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone());
        // Only `collect` collects.
        let reader = reader.with_interval(Duration::from_secs(3_600)).build();
        Self {
            registry: Box::leak(Box::new(Registry::new())),
            provider: SdkMeterProvider::builder().with_reader(reader).build(),
            exporter,
        }
    }

    fn install(&self) {
        self.registry.install(self.provider.meter("rig")).unwrap();
    }

    fn counter(&self) -> &'static Counter {
        Box::leak(Box::new(Counter::in_registry(self.registry, "c", "")))
    }

    /// The sum of each series, by its attributes.
    fn collect(&self) -> BTreeMap<String, i128> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.iter().flat_map(|metrics| metrics.scope_metrics());
        let mut sums = BTreeMap::new();
        for metric in scopes.flat_map(|scope| scope.metrics()) {
            assert_ne!(
                metric.name(),
                "trisignal.sums",
                "only there for its callback"
            );
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => sums.extend(
                    sum.data_points()
                        .map(|point| (label(point.attributes()), i128::from(point.value()))),
                ),
                AggregatedMetrics::I64(MetricData::Sum(sum)) => sums.extend(
                    sum.data_points()
                        .map(|point| (label(point.attributes()), i128::from(point.value()))),
                ),
                other => panic!("unexpected data {other:?}"),
            }
        }
        sums
    }
}

fn label<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut pairs: Vec<_> = attributes
        .map(|pair| format!("{}={}", pair.key, pair.value))
        .collect();
    pairs.sort();
    pairs.join(",")
}

fn sums(expected: &[(&str, i128)]) -> BTreeMap<String, i128> {
    expected
        .iter()
        .map(|(label, sum)| ((*label).to_owned(), *sum))
        .collect()
}

#[test]
fn threads_add_up_to_one_sum_also_when_they_are_gone() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let rig = Rig::new(temporality);
        let counter = rig.counter();
        let books = counter.bind(&[KeyValue::new("kind", "book")]);
        let begun = std::thread::scope(|scope| {
            for _ in 0..4 {
                let books = books.clone();
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        counter.add(1);
                        counter.add_with(2, &[KeyValue::new("kind", "pen")]);
                        books.add(1);
                    }
                });
            }
            // In the middle of it: what is collected now is not there a second time.
            rig.collect()
        });
        let rest = rig.collect();
        for (label, all) in [("", 40_000), ("kind=book", 40_000), ("kind=pen", 80_000)] {
            let of = |sums: &BTreeMap<String, i128>| sums.get(label).copied().unwrap_or_default();
            match temporality {
                Temporality::Delta => assert_eq!(of(&begun) + of(&rest), all, "{label}"),
                _ => assert_eq!(of(&rest), all, "{label}"),
            }
        }
    }
}

#[test]
fn deltas_add_up_over_collections() {
    let rig = Rig::new(Temporality::Delta);
    let counter = rig.counter();
    let mut total = 0;
    for round in 1..=20 {
        (0..round).for_each(|_| counter.add_with(1, &[KeyValue::new("a", 1)]));
        let sum = rig.collect()["a=1"];
        assert_eq!(sum, round);
        total += sum;
    }
    assert_eq!(total, 210);
    assert_eq!(rig.collect(), sums(&[]));
}

#[test]
fn steps_of_any_size_and_direction_count() {
    let rig = Rig::new(Temporality::Cumulative);
    let counter = rig.counter();
    for value in [0, 1, LARGEST_STEP, LARGEST_STEP + 1, u64::from(u32::MAX)] {
        counter.add(value);
        counter.add(value);
    }
    let large = i128::from(2 * (1 + 2 * LARGEST_STEP + 1 + u64::from(u32::MAX)));
    assert_eq!(rig.collect(), sums(&[("", large)]));

    let rig = Rig::new(Temporality::Cumulative);
    let level = UpDownCounter::in_registry(rig.registry, "u", "");
    for step in [-5, 3, i64::from(i32::MIN), -1, 0, 1, i64::from(i32::MAX)] {
        level.add(step);
        level.bind(&[]).add(step);
    }
    assert_eq!(rig.collect(), sums(&[("", -6)]));
}

#[test]
fn attributes_are_told_apart_by_value_and_not_by_order_or_address() {
    let rig = Rig::new(Temporality::Cumulative);
    let counter = rig.counter();
    let owned = |text: &str| Key::from(text.to_owned());
    for _ in 0..3 {
        let (a, b) = (KeyValue::new("a", "x"), KeyValue::new("b", 1));
        counter.add_with(1, &[a.clone(), b.clone()]);
        counter.add_with(1, &[b, a]);
        counter.add_with(
            1,
            &[
                KeyValue::new(owned("a"), "x".to_owned()),
                KeyValue::new(owned("b"), 1),
            ],
        );
        counter.add_with(1, &[KeyValue::new("a", "y")]);
        counter.add_with(1, &[KeyValue::new("a", "a long value, y")]);
        counter.add_with(1, &[KeyValue::new("a", "a long value, z")]);
        counter.add_with(1, &[KeyValue::new("a", 1.5)]);
        counter.add_with(1, &[KeyValue::new("a", true)]);
        let list = Array::String(vec![StringValue::from("l")]);
        counter.add_with(1, &[KeyValue::new("a", Value::Array(list))]);
    }
    let expected = [
        ("a=x,b=1", 9),
        ("a=y", 3),
        ("a=a long value, y", 3),
        ("a=a long value, z", 3),
        ("a=1.5", 3),
        ("a=true", 3),
        ("a=[\"l\"]", 3),
    ];
    assert_eq!(rig.collect(), sums(&expected));
}

/// More sums than the table of a thread has places, over several collections.
#[test]
fn sums_that_find_no_place_are_the_instruments() {
    let rig = Rig::new(Temporality::Cumulative);
    let counter = rig.counter();
    for _ in 0..4 {
        for number in 0..1_000_i64 {
            counter.add_with(1, &[KeyValue::new("number", number)]);
            counter.add_with(1, &[KeyValue::new("number", number)]);
        }
        rig.collect();
    }
    let collected = rig.collect();
    assert_eq!(collected.len(), 1_000);
    assert!(collected.values().all(|sum| *sum == 8), "{collected:?}");
    let kept = counter.kept_sums();
    assert!(kept <= SLOTS, "{kept}");
}

#[test]
fn a_handle_made_before_the_installation_loses_nothing() {
    let rig = Rig::without_meter(Temporality::Cumulative);
    let books = rig.counter().bind(&[KeyValue::new("kind", "book")]);
    (0..5).for_each(|_| books.add(1));
    rig.install();
    (0..5).for_each(|_| books.add(1));
    assert_eq!(rig.collect(), sums(&[("kind=book", 10)]));
}

/// The first step after a collection, and the first in a sampled span, are the instrument's: exemplars are made there.
#[test]
fn the_instrument_sees_a_step_of_each_sum_and_one_in_a_sampled_span() {
    let sums = Sums::new();
    let sampled = SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let step = || sums.add(Step::up(1).unwrap(), &[]);
    for _ in 0..2 {
        assert_eq!([step(), step(), step()], [false, true, true]);
        let guard = Context::new()
            .with_remote_span_context(sampled.clone())
            .attach();
        assert_eq!([step(), step()], [false, true]);
        drop(guard);
        assert!(step());
        let mut drained = 0;
        sums.drain(|sum, _| drained += sum);
        assert_eq!(drained, 4);
    }
}

/// Nobody collects, and handles come and go.
#[test]
fn what_handles_leave_behind_is_swept_up() {
    let sums = Sums::new();
    let mut told = 0;
    for _ in 0..10_000 {
        let sum = sums.own(&[]);
        let kept = (0..3).filter(|_| sum.add(Step(1))).count();
        assert_eq!(kept, 2, "the first one is the instrument's");
        drop(sum);
        sums.sweep(|new, _| told += new);
        assert!(sums.count() <= FEW_SUMS);
    }
    sums.drain(|new, _| told += new);
    assert_eq!(told, 20_000);
}
