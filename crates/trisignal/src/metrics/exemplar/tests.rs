//! Reservoirs, and what of them is in OTLP.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;

use super::otlp::add_exemplars;
use super::reservoir::Reservoir;
use super::*;
use crate::metrics::guard::GuardedMeterProvider;
use crate::metrics::prometheus::PullReader;
use crate::metrics::views::{View, Views};

struct Rig {
    meter: Meter,
    /// Metrics end with it.
    _provider: SdkMeterProvider,
    reader: PullReader,
    store: Arc<Store>,
}

fn rig(filter: ExemplarFilter, views: Vec<View>, limit: usize) -> Rig {
    let reader = PullReader::default();
    let store = Arc::new(Store::new(filter));
    let views = Views::new(views, limit, Vec::new(), false);
    let builder = SdkMeterProvider::builder().with_reader(reader.clone());
    let provider = views.install(builder).build();
    let guarded = GuardedMeterProvider::new(provider.clone(), Arc::new(|| ()))
        .with_exemplars(Arc::clone(&store), views);
    Rig {
        meter: guarded.meter_with_scope(InstrumentationScope::builder("rig").build()),
        _provider: provider,
        reader,
        store,
    }
}

impl Rig {
    /// The data of the metric of this name, with what was kept after `since`.
    fn export(&self, name: &str, since: SystemTime) -> Option<Data> {
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).unwrap();
        let mut request = ExportMetricsServiceRequest::from(&metrics);
        add_exemplars(&mut request, &metrics, &self.store, since);
        let mut scopes = request
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        let metric = scopes.find_map(|scope| {
            let mut metrics = scope.metrics.into_iter();
            metrics.find(|metric| metric.name == name)
        });
        metric.and_then(|metric| metric.data)
    }

    fn sum(&self, name: &str) -> Vec<proto::NumberDataPoint> {
        match self.export(name, SystemTime::UNIX_EPOCH) {
            Some(Data::Sum(sum)) => sum.data_points,
            other => panic!("{other:?}"),
        }
    }

    fn histogram(&self, name: &str) -> Vec<proto::HistogramDataPoint> {
        match self.export(name, SystemTime::UNIX_EPOCH) {
            Some(Data::Histogram(histogram)) => histogram.data_points,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_filter_decides_what_is_offered() {
    let rows = [
        (ExemplarFilter::TraceBased, [0, 0, 1]),
        (ExemplarFilter::AlwaysOn, [1, 1, 1]),
        (ExemplarFilter::AlwaysOff, [0, 0, 0]),
    ];
    for (filter, expected) in rows {
        let rig = rig(filter, Vec::new(), 2_000);
        let counter = rig.meter.u64_counter("c").build();
        let add = |place: &'static str| counter.add(1, &[KeyValue::new("place", place)]);
        add("outside");
        let inside = filter::enter(false);
        add("not sampled");
        drop(inside);
        let (span, _inside) = filter::enter(true);
        add("sampled");
        let points = rig.sum("c");
        let of = |place: &str| {
            let mut points = points.iter();
            let has = |point: &&proto::NumberDataPoint| {
                format!("{:?}", point.attributes).contains(&format!("StringValue({place:?})"))
            };
            points.find(has).unwrap().exemplars.clone()
        };
        let got = ["outside", "not sampled", "sampled"].map(|place| of(place).len());
        assert_eq!(got, expected, "{filter}");
        if let Some(exemplar) = of("sampled").first() {
            assert_eq!(exemplar.trace_id, span.trace_id().to_bytes());
            assert_eq!(exemplar.span_id, span.span_id().to_bytes());
            assert_eq!(exemplar.value, Some(proto::exemplar::Value::AsInt(1)));
            assert!(exemplar.time_unix_nano > 0);
        }
        if let Some(exemplar) = of("outside").first() {
            assert!(exemplar.trace_id.is_empty() && exemplar.span_id.is_empty());
        }
    }
}

#[test]
fn every_bucket_has_one_of_its_own() {
    let rig = rig(ExemplarFilter::TraceBased, Vec::new(), 2_000);
    let histogram = rig.meter.f64_histogram("h").with_boundaries(vec![1.0, 2.0]);
    let histogram = histogram.build();
    let (_, _inside) = filter::enter(true);
    // The bounds are part of the buckets below them; what is not finite is in none.
    for value in [0.5, 1.0, 1.5, 2.0, 9.0, f64::NAN, f64::INFINITY] {
        for _ in 0..50 {
            histogram.record(value, &[]);
        }
    }
    let points = rig.histogram("h");
    let mut values: Vec<f64> = points[0]
        .exemplars
        .iter()
        .map(|exemplar| match exemplar.value {
            Some(proto::exemplar::Value::AsDouble(value)) => value,
            other => panic!("{other:?}"),
        })
        .collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values.len(), 3, "{values:?}");
    assert!(values[0] <= 1.0 && values[1] > 1.0 && values[1] <= 2.0 && values[2] == 9.0);
}

#[test]
fn handles_have_exemplars_too() {
    let rig = rig(ExemplarFilter::TraceBased, Vec::new(), 2_000);
    let attributes = [KeyValue::new("kind", "book")];
    let counter = rig.meter.u64_counter("c").build().bind(&attributes);
    let histogram = rig.meter.f64_histogram("h").build().bind(&attributes);
    let (span, _inside) = filter::enter(true);
    counter.add(3);
    (0..200).for_each(|_| histogram.record(0.5));
    let (sum, histogram) = (rig.sum("c"), rig.histogram("h"));
    assert_eq!(
        sum[0].value,
        Some(proto::number_data_point::Value::AsInt(3))
    );
    assert_eq!(histogram[0].count, 200);
    for exemplars in [&sum[0].exemplars, &histogram[0].exemplars] {
        assert_eq!(exemplars.len(), 1);
        assert_eq!(exemplars[0].trace_id, span.trace_id().to_bytes());
    }
}

#[test]
fn a_view_moves_attributes_from_the_series_to_its_exemplars() {
    let views = vec![View::of("c").rename("other").attributes(["kind"])];
    let rig = rig(ExemplarFilter::TraceBased, views, 2_000);
    let (_, _inside) = filter::enter(true);
    let counter = rig.meter.u64_counter("c").build();
    // In any order, and the series is the same.
    counter.add(
        1,
        &[KeyValue::new("user", "u1"), KeyValue::new("kind", "book")],
    );
    assert!(rig.export("c", SystemTime::UNIX_EPOCH).is_none());
    let points = rig.sum("other");
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].attributes.len(), 1);
    let [exemplar] = points[0].exemplars.as_slice() else {
        panic!("{points:?}");
    };
    assert_eq!(exemplar.filtered_attributes.len(), 1);
    assert_eq!(exemplar.filtered_attributes[0].key, "user");
}

#[test]
fn what_was_exported_is_not_exported_again() {
    let rig = rig(ExemplarFilter::TraceBased, Vec::new(), 2_000);
    let (_, _inside) = filter::enter(true);
    rig.meter.u64_counter("c").build().add(1, &[]);
    let later = SystemTime::now() + Duration::from_secs(1);
    let Some(Data::Sum(sum)) = rig.export("c", later) else {
        panic!("no sum")
    };
    assert!(sum.data_points[0].exemplars.is_empty());
    assert_eq!(rig.sum("c")[0].exemplars.len(), 1);
}

#[test]
fn series_beyond_the_limit_share_their_exemplars() {
    let rig = rig(ExemplarFilter::TraceBased, Vec::new(), 3);
    let counter = rig.meter.u64_counter("c").build();
    let (_, _inside) = filter::enter(true);
    for number in 0..10 {
        counter.add(1, &[KeyValue::new("number", number)]);
    }
    let points = rig.sum("c");
    assert_eq!(points.len(), 4, "three and the one for the others");
    assert!(
        points.iter().all(|point| point.exemplars.len() == 1),
        "{points:?}"
    );
}

#[test]
fn series_that_are_gone_make_room() {
    let rig = rig(ExemplarFilter::TraceBased, Vec::new(), 2);
    let make = || Stream::new(None, Shape::Fixed(1), 2);
    let scope = InstrumentationScope::builder("rig").build();
    let stream = rig.store.stream(&scope, "c", make);
    let capture = capture::Capture::new(Arc::clone(&rig.store), vec![Arc::clone(&stream)]);
    let (_, _inside) = filter::enter(true);
    let offer = |number: i64| capture.offer(Number::Int(1), &[KeyValue::new("number", number)]);
    let kept = |number: i64| {
        let attributes = [KeyValue::new("number", number)];
        rig.store.exemplars(&stream, attributes.iter()).len()
    };
    for number in 0..3 {
        offer(number);
    }
    assert_eq!([0, 1, 2].map(kept), [1, 1, 0]);
    for _ in 0..5 {
        rig.store.collected();
        offer(1);
    }
    offer(2);
    assert_eq!([0, 1, 2].map(kept), [0, 1, 1]);
}

#[test]
fn each_measurement_has_the_same_chance() {
    const ROUNDS: usize = 20_000;
    let mut kept = [0_usize; 10];
    let mut reservoir = Reservoir::new(1, 7);
    for round in 0..ROUNDS {
        for value in 0..10 {
            let none = std::iter::empty();
            let offer = reservoir::Offer {
                value: Number::Int(value),
                place: None,
                choice: reservoir::Choice::Reservoir,
            };
            reservoir.offer(None, offer, none, round as u64 + 1);
        }
        let Some(Number::Int(value)) = reservoir.kept().next().map(|kept| kept.value) else {
            panic!("nothing kept");
        };
        kept[usize::try_from(value).unwrap()] += 1;
    }
    let expected = ROUNDS / 10;
    for count in kept {
        assert!(count.abs_diff(expected) < expected / 5, "{kept:?}");
    }
}
