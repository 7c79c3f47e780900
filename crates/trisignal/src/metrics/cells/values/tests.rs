//! Histograms whose measurements threads keep, where threads and collections meet.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::metrics::{Histogram, Meter, MeterProvider, SyncInstrument};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider,
    Temporality,
};

use super::Keeper;
use crate::metrics::cells::drains::Drains;
use crate::metrics::exemplar::{ExemplarFilter, Store};
use crate::metrics::guard::GuardedMeterProvider;
use crate::metrics::views::Views;

struct Rig {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    meter: Meter,
}

/// Count, sum, least and greatest value of all points.
type Totals = (u64, f64, f64, f64);

impl Rig {
    fn new(temporality: Temporality) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new();
        let exporter = exporter.with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone());
        let never = std::time::Duration::from_secs(3_600);
        let provider = SdkMeterProvider::builder().with_reader(reader.with_interval(never).build());
        let provider = provider.build();
        let views = Views::new(Vec::new(), 2_000, Vec::new(), false);
        let store = Arc::new(Store::new(ExemplarFilter::default()));
        let guarded = GuardedMeterProvider::new(provider.clone(), Arc::new(|| ()))
            .with_exemplars(store, views);
        let meter = guarded.meter_with_scope(InstrumentationScope::builder("rig").build());
        Self {
            provider,
            exporter,
            meter,
        }
    }

    fn histogram(&self) -> Histogram<f64> {
        self.meter.f64_histogram("h").build()
    }

    /// What is exported now.
    fn collect(&self) -> Totals {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.iter().flat_map(|metrics| metrics.scope_metrics());
        let mut totals = (0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        for metric in scopes.flat_map(|scope| scope.metrics()) {
            let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
                panic!("{metric:?}");
            };
            for point in histogram.data_points() {
                assert_eq!(point.bucket_counts().sum::<u64>(), point.count());
                assert!(point.count() > 0, "a series without measurements");
                totals.0 += point.count();
                totals.1 += point.sum();
                totals.2 = point.min().unwrap().min(totals.2);
                totals.3 = point.max().unwrap().max(totals.3);
            }
        }
        totals
    }
}

#[test]
fn nothing_is_lost_or_doubled_while_threads_measure_and_metrics_are_collected() {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let rig = Rig::new(temporality);
        let histogram = rig.histogram();
        let handle = histogram.bind(&[KeyValue::new("kind", "handle")]);
        let done = AtomicBool::new(false);
        let mut seen = (0, 0.0);
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        for number in 0..EACH {
                            let value = (number % 100) as f64;
                            histogram.record(value, &[KeyValue::new("kind", "plain")]);
                            handle.record(value);
                        }
                    })
                })
                .collect();
            let collecting = scope.spawn(|| {
                let mut seen = (0, 0.0);
                while !done.load(Ordering::Acquire) {
                    let (count, sum, ..) = rig.collect();
                    seen = (seen.0 + count, seen.1 + sum);
                }
                seen
            });
            started
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            done.store(true, Ordering::Release);
            seen = collecting.join().unwrap();
        });
        let (count, sum, min, max) = rig.collect();
        if temporality == Temporality::Delta {
            seen = (seen.0 + count, seen.1 + sum);
        } else {
            assert_eq!((min, max), (0.0, 99.0));
            seen = (count, sum);
        }
        let all = 2 * THREADS * EACH;
        assert_eq!(seen, (all, all as f64 * 49.5), "{temporality:?}");
    }
}

#[test]
fn what_threads_leave_behind_is_collected() {
    let rig = Rig::new(Temporality::Cumulative);
    let histogram = rig.histogram();
    // More threads than rings are kept for, and no collection in between.
    for number in 0..300_i64 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..3).for_each(|_| histogram.record(number as f64, &[KeyValue::new("a", 1)]));
            });
        });
    }
    let sum = 3.0 * (299.0 * 300.0 / 2.0);
    assert_eq!(rig.collect(), (900, sum, 0.0, 299.0));
}

#[test]
fn what_a_dropped_instrument_measured_is_still_there() {
    let rig = Rig::new(Temporality::Cumulative);
    for _ in 0..3 {
        let histogram = rig.histogram();
        (0..10).for_each(|_| histogram.record(2.0, &[]));
        let handle = histogram.bind(&[KeyValue::new("a", 1)]);
        drop(histogram);
        (0..10).for_each(|_| handle.record(4.0));
    }
    assert_eq!(rig.collect(), (60, 180.0, 2.0, 4.0));
}

/// More series than the table of a thread has places, over several collections.
#[test]
fn series_that_find_no_place_are_the_instruments() {
    let rig = Rig::new(Temporality::Delta);
    let histogram = rig.histogram();
    for _ in 0..3 {
        for number in 0..1_000_i64 {
            (0..3).for_each(|_| histogram.record(1.0, &[KeyValue::new("number", number)]));
        }
        assert_eq!(rig.collect(), (3_000, 3_000.0, 1.0, 1.0));
    }
    assert_eq!(rig.collect().0, 0);
}

/// However many handles there are of a series, a thread has one ring for it.
#[test]
fn handles_of_a_series_share_its_ring() {
    let rig = Rig::new(Temporality::Cumulative);
    let drains = Drains::default();
    let keeper = Keeper::new(rig.histogram(), None, &drains);
    let attributes = || [KeyValue::new("kind", "book".to_owned())];
    let handles: Vec<_> = (0..100).map(|_| keeper.bind(&attributes())).collect();
    handles.iter().for_each(|handle| handle.measure(2.0));
    keeper.measure(2.0, &attributes());
    keeper.bind(&attributes()).measure(2.0);
    assert_eq!(keeper.rings(), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| handles.iter().for_each(|handle| handle.measure(4.0)));
    });
    assert_eq!(keeper.rings(), 2);
    drains.drain();
    assert_eq!(rig.collect(), (202, 604.0, 2.0, 4.0));
}
