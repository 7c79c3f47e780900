//! Counters of OpenTelemetry's API, where threads and collections meet.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::metrics::{Counter, Meter, UpDownCounter};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, InMemoryMetricExporterBuilder, PeriodicReader, SdkMeterProvider,
    Temporality,
};

use crate::metrics::exemplar::filter::enter;
use crate::metrics::exemplar::{ExemplarFilter, Store};
use crate::metrics::guard::GuardedMeterProvider;
use crate::metrics::registry::Registry;
use crate::metrics::views::Views;

struct Rig {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    guarded: GuardedMeterProvider,
    store: Arc<Store>,
    meter: Meter,
}

impl Rig {
    fn new(temporality: Temporality, limit: usize) -> Self {
        let exporter = InMemoryMetricExporterBuilder::new();
        let exporter = exporter.with_temporality(temporality).build();
        let reader = PeriodicReader::builder(exporter.clone());
        let never = std::time::Duration::from_secs(3_600);
        let views = Views::new(Vec::new(), limit, Vec::new(), false);
        let builder = views.install(SdkMeterProvider::builder());
        let provider = builder.with_reader(reader.with_interval(never).build());
        let provider = provider.build();
        let store = Arc::new(Store::new(ExemplarFilter::default()));
        let guarded = GuardedMeterProvider::new(provider.clone(), Arc::new(|| ()))
            .with_exemplars(Arc::clone(&store), views);
        let scope = InstrumentationScope::builder("rig").build();
        Self {
            meter: opentelemetry::metrics::MeterProvider::meter_with_scope(&guarded, scope),
            provider,
            exporter,
            guarded,
            store,
        }
    }

    fn counter(&self) -> Counter<u64> {
        self.meter.u64_counter("c").build()
    }

    fn active(&self) -> UpDownCounter<i64> {
        self.meter.i64_up_down_counter("a").build()
    }

    /// The sum of each series that is exported now, by its metric and its attributes.
    fn collect(&self) -> BTreeMap<String, i64> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.iter().flat_map(|metrics| metrics.scope_metrics());
        let mut sums = BTreeMap::new();
        for metric in scopes.flat_map(|scope| scope.metrics()) {
            let mut add = |attributes: Vec<&KeyValue>, value| {
                let attributes = attributes.iter().map(|pair| format!(" {}", pair.value));
                let label = metric.name().to_owned() + &attributes.collect::<String>();
                assert_eq!(sums.insert(label, value), None, "a series is there twice");
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    sum.data_points().for_each(|point| {
                        let value = i64::try_from(point.value()).unwrap();
                        add(point.attributes().collect(), value);
                    })
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => sum
                    .data_points()
                    .for_each(|point| add(point.attributes().collect(), point.value())),
                other => panic!("unexpected data {other:?}"),
            }
        }
        sums
    }
}

fn kind(kind: &'static str) -> [KeyValue; 1] {
    [KeyValue::new("kind", kind)]
}

#[test]
fn nothing_is_lost_or_doubled_while_threads_add_and_metrics_are_collected() {
    const THREADS: i64 = 4;
    const EACH: i64 = 20_000;
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let rig = Rig::new(temporality, 2_000);
        let (counter, active) = (rig.counter(), rig.active());
        let handle = counter.bind(&kind("handle"));
        let done = AtomicBool::new(false);
        let mut seen = 0;
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..EACH {
                            active.add(1, &kind("plain"));
                            counter.add(2, &kind("plain"));
                            handle.add(1);
                            active.add(-1, &kind("plain"));
                        }
                    })
                })
                .collect();
            let collecting = scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    let sums = rig.collect();
                    let of = |label| sums.get(label).copied().unwrap_or_default();
                    // A thread may be read in the middle of a step, after which the next one is told at once.
                    let active = of("a plain");
                    assert!((-THREADS..=2 * THREADS).contains(&active), "{sums:?}");
                    seen += of("c plain") + of("c handle");
                }
                seen
            });
            started
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            done.store(true, Ordering::Release);
            seen = collecting.join().unwrap();
        });
        let sums = rig.collect();
        let of = |label| sums.get(label).copied().unwrap_or_default();
        assert_eq!(sums["a plain"], 0);
        let last = of("c plain") + of("c handle");
        let all = match temporality {
            Temporality::Delta => seen + last,
            _ => last,
        };
        assert_eq!(all, 3 * THREADS * EACH, "{temporality:?}");
    }
}

#[test]
fn what_a_dropped_instrument_added_is_still_there() {
    let rig = Rig::new(Temporality::Cumulative, 2_000);
    for _ in 0..3 {
        let counter = rig.counter();
        (0..10).for_each(|_| counter.add(2, &[]));
        let handle = counter.bind(&kind("handle"));
        drop(counter);
        (0..10).for_each(|_| handle.add(4));
    }
    assert_eq!(
        rig.collect(),
        [("c".to_owned(), 60), ("c handle".to_owned(), 120)].into()
    );
}

/// More series than a thread has room for, and than the limit allows, over several collections.
#[test]
fn limits_are_those_of_the_sdk() {
    let rig = Rig::new(Temporality::Delta, 100);
    let counter = rig.counter();
    for _ in 0..3 {
        for number in 0..1_000_i64 {
            (0..3).for_each(|_| counter.add(1, &[KeyValue::new("number", number)]));
        }
        let sums = rig.collect();
        assert_eq!(sums.values().sum::<i64>(), 3_000);
        // And the one for all further ones.
        assert_eq!(sums.len(), 101);
        assert!(sums["c true"] > 2_000, "{sums:?}");
    }
    assert_eq!(rig.collect(), BTreeMap::new());
}

/// What a thread adds in a sampled span leads to it, though it is not the first that the thread adds.
#[test]
fn a_sampled_span_becomes_an_exemplar() {
    let rig = Rig::new(Temporality::Cumulative, 2_000);
    let counter = rig.counter();
    (0..3).for_each(|_| counter.add(1, &[]));
    let (span, _entered) = enter(true);
    (0..3).for_each(|_| counter.add(1, &[]));
    let scope = InstrumentationScope::builder("rig").build();
    let stream = rig.store.find(&scope, "c").unwrap();
    let kept = rig.store.exemplars(&stream, [].iter());
    let spans: Vec<_> = kept.iter().map(|kept| kept.span).collect();
    assert_eq!(spans, [Some((span.trace_id(), span.span_id()))]);
    assert_eq!(rig.collect()["c"], 6);
}

/// Instruments of ours hand over their sums in a collection: these are in it.
#[test]
fn sums_of_ours_are_not_kept_a_second_time() {
    let rig = Rig::new(Temporality::Cumulative, 2_000);
    let registry: &'static Registry = Box::leak(Box::new(Registry::new()));
    let scope = InstrumentationScope::builder("rig").build();
    registry.install(rig.guarded.meter_of_sums(scope)).unwrap();
    let counter: &'static _ = Box::leak(Box::new(crate::metrics::Counter::in_registry(
        registry, "c", "",
    )));
    for round in 1..4 {
        (0..10).for_each(|_| counter.add(1));
        assert_eq!(rig.collect()["c"], 10 * round);
    }
}
