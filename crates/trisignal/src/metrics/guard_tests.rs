//! Guarded meters against the SDK: everything arrives, and only what panics is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader};

use super::*;
use crate::metrics::count::data_points;

struct Rig {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    panics: Arc<AtomicU64>,
    meter: Meter,
}

fn rig() -> Rig {
    let exporter = InMemoryMetricExporter::default();
    // Long enough that only `force_flush` collects.
    let reader = PeriodicReader::builder(exporter.clone())
        .with_interval(std::time::Duration::from_secs(3600))
        .build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let panics = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&panics);
    let guarded = GuardedMeterProvider::new(
        provider.clone(),
        Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }),
    );
    let meter = guarded.meter_with_scope(
        InstrumentationScope::builder("rig")
            .with_version("1")
            .build(),
    );
    Rig {
        provider,
        exporter,
        panics,
        meter,
    }
}

impl Rig {
    fn collect(&self) -> Vec<ResourceMetrics> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        self.exporter.get_finished_metrics().unwrap()
    }
}

/// Each metric as name, unit, description and the sum of its points.
fn seen(collected: &[ResourceMetrics]) -> BTreeMap<String, (String, String, f64)> {
    let scopes = collected.iter().flat_map(ResourceMetrics::scope_metrics);
    let metrics = scopes.flat_map(|scope| {
        assert_eq!(
            (scope.scope().name(), scope.scope().version()),
            ("rig", Some("1"))
        );
        scope.metrics()
    });
    metrics
        .map(|metric| {
            let value = match metric.data() {
                AggregatedMetrics::F64(data) => value(data, |value| value),
                AggregatedMetrics::U64(data) => value(data, |value| value as f64),
                AggregatedMetrics::I64(data) => value(data, |value| value as f64),
            };
            (
                metric.name().to_owned(),
                (
                    metric.unit().to_owned(),
                    metric.description().to_owned(),
                    value,
                ),
            )
        })
        .collect()
}

fn value<T: Copy>(data: &MetricData<T>, float: fn(T) -> f64) -> f64 {
    match data {
        MetricData::Gauge(gauge) => gauge.data_points().map(|point| float(point.value())).sum(),
        MetricData::Sum(sum) => sum.data_points().map(|point| float(point.value())).sum(),
        MetricData::Histogram(histogram) => {
            let bounds: Vec<_> = histogram
                .data_points()
                .flat_map(|point| point.bounds())
                .collect();
            assert_eq!(bounds, [1.0, 2.0], "boundaries are handed on");
            histogram
                .data_points()
                .map(|point| float(point.sum()))
                .sum()
        }
        MetricData::ExponentialHistogram(_) => unreachable!("nobody asked for one"),
    }
}

/// One instrument of each kind, named after the method that makes it, each telling 7 under its unit and description.
macro_rules! all_kinds {
    ($meter:expr, add: [$($add:ident)*], record: [$($record:ident)*], histogram: [$($histogram:ident)*],
     observe: [$($observe:ident $value:literal)*]) => {{
        let mut names = Vec::new();
        $(
            $meter.$add(stringify!($add)).with_unit("u").with_description("d").build().add(7 as _, &[]);
            names.push(stringify!($add));
        )*
        $(
            $meter.$record(stringify!($record)).with_unit("u").with_description("d").build().record(7 as _, &[]);
            names.push(stringify!($record));
        )*
        $(
            let builder = $meter.$histogram(stringify!($histogram)).with_unit("u").with_description("d");
            builder.with_boundaries(vec![1.0, 2.0]).build().record(7 as _, &[]);
            names.push(stringify!($histogram));
        )*
        $(
            let builder = $meter.$observe(stringify!($observe)).with_unit("u").with_description("d");
            let _ = builder.with_callback(|observer| observer.observe($value, &[])).build();
            names.push(stringify!($observe));
        )*
        names
    }};
}

#[test]
fn every_kind_of_instrument_gets_through() {
    let rig = rig();
    let names = all_kinds!(
        rig.meter,
        add: [u64_counter f64_counter i64_up_down_counter f64_up_down_counter],
        record: [u64_gauge i64_gauge f64_gauge],
        histogram: [u64_histogram f64_histogram],
        observe: [
            u64_observable_counter 7 f64_observable_counter 7.0
            i64_observable_up_down_counter 7 f64_observable_up_down_counter 7.0
            u64_observable_gauge 7 i64_observable_gauge 7 f64_observable_gauge 7.0
        ]
    );
    let collected = rig.collect();
    let seen = seen(&collected);
    for name in &names {
        assert_eq!(
            seen.get(*name),
            Some(&("u".into(), "d".into(), 7.0)),
            "{name}"
        );
    }
    assert_eq!(seen.len(), 16);
    assert_eq!(collected.iter().map(data_points).sum::<usize>(), 16);
    assert_eq!(rig.panics.load(Ordering::Relaxed), 0);
}

#[test]
fn a_panic_is_counted_and_costs_nothing_else() {
    let rig = rig();
    let calls = Arc::new(AtomicU64::new(0));
    let _before = rig
        .meter
        .u64_observable_gauge("before")
        .with_callback(|observer| observer.observe(1, &[]))
        .build();
    let counted = Arc::clone(&calls);
    let _bad = rig
        .meter
        .i64_observable_up_down_counter("bad")
        .with_callback(move |observer| {
            observer.observe(3, &[]);
            if counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                panic!("a test's own");
            }
        })
        .with_callback(|observer| observer.observe(4, &[KeyValue::new("second", true)]))
        .build();
    let _after = rig
        .meter
        .f64_observable_counter("after")
        .with_callback(|observer| observer.observe(2.0, &[]))
        .build();
    for round in 1..=4 {
        let seen = seen(&rig.collect());
        let values: Vec<_> = seen
            .iter()
            .map(|(name, (_, _, value))| (name.as_str(), *value))
            .collect();
        assert_eq!(
            values,
            [("after", 2.0), ("bad", 7.0), ("before", 1.0)],
            "round {round}"
        );
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    assert_eq!(rig.panics.load(Ordering::Relaxed), 2);
}

#[test]
fn a_payload_that_panics_when_dropped_does_not_get_out() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a test's own, again");
        }
    }
    assert!(!survives(|| std::panic::panic_any(Bomb)));
    assert!(survives(|| ()));
}

#[test]
fn points_are_counted_by_set_of_attributes() {
    let rig = rig();
    let counter = rig.meter.u64_counter("a").build();
    for key in ["x", "y", "x"] {
        counter.add(1, &[KeyValue::new("key", key)]);
    }
    rig.meter
        .f64_histogram("b")
        .with_boundaries(vec![1.0, 2.0])
        .build()
        .record(1.0, &[]);
    assert_eq!(rig.collect().iter().map(data_points).sum::<usize>(), 3);
    assert_eq!(data_points(&ResourceMetrics::default()), 0);
}
