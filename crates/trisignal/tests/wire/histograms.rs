//! Histograms, whose measurements threads keep for a while, against the SDK's own: random programs are run with both, and what
//! arrives is compared, bucket by bucket.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram, Meter, MeterProvider as _};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::metrics::{
    Aggregation, InMemoryMetricExporter, Instrument, PeriodicReader, SdkMeterProvider, Stream,
    Temporality,
};
use proptest::prelude::*;
use prost::Message as _;
use trisignal::{Builder, Protocol, View};
use trisignal_receiver::Receiver;

use super::common::{PATIENCE, builder, random_programs, receiver};

/// One thing that a program does.
#[derive(Clone, Debug)]
enum Step {
    Measure {
        by: By,
        series: i64,
        value: f64,
        /// A ring of a thread has room for 64.
        times: usize,
    },
    Collect,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Attributes,
    /// The same in another order.
    Reversed,
    Handle,
    /// A thread that ends.
    Thread,
    Integer,
}

/// Sums of these are exact in any order.
const VALUES: [f64; 10] = [
    0.0,
    0.25,
    1.0,
    1.5,
    2.0,
    7.0,
    64.0,
    1024.0,
    -3.5,
    1_048_576.0,
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let by = prop_oneof![
        3 => Just(By::Attributes),
        1 => Just(By::Reversed),
        2 => Just(By::Handle),
        1 => Just(By::Thread),
        1 => Just(By::Integer),
    ];
    let times = prop_oneof![4 => 1..4_usize, 1 => 60..200_usize];
    let value = prop_oneof![8 => prop::sample::select(&VALUES[..]), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    let measure =
        (by, 0..5_i64, value, times).prop_map(|(by, series, value, times)| Step::Measure {
            by,
            series,
            value,
            times,
        });
    prop::collection::vec(prop_oneof![7 => measure, 1 => Just(Step::Collect)], 1..40)
}

/// What is set up beside the programs.
#[derive(Clone, Copy, Debug)]
enum Case {
    Plain,
    /// A view with other bounds that leaves an attribute out.
    View,
    Exponential,
    /// Fewer series than there are.
    Limited,
}

const CASES: [Case; 4] = [Case::Plain, Case::View, Case::Exponential, Case::Limited];
const LIMIT: usize = 3;

fn attributes(series: i64) -> [KeyValue; 2] {
    [
        KeyValue::new("series", series / 2),
        KeyValue::new("part", if series % 2 == 0 { "even" } else { "odd" }),
    ]
}

/// Handles are used where `with_handles`: the SDK's own export a series that nothing was measured for, ours do not.
fn run(steps: &[Step], meter: &Meter, with_handles: bool, mut collect: impl FnMut()) {
    let bounds = vec![0.0, 1.0, 2.0, 1000.0];
    let floats = meter.f64_histogram("floats").with_boundaries(bounds);
    let (floats, integers) = (floats.build(), meter.u64_histogram("integers").build());
    let handles: HashMap<i64, _> = (0..5)
        .filter(|_| with_handles)
        .map(|series| (series, floats.bind(&attributes(series))))
        .collect();
    for step in steps {
        match *step {
            Step::Collect => collect(),
            Step::Measure {
                by,
                series,
                value,
                times,
            } => {
                let all = || {
                    let handle = handles.get(&series);
                    (0..times).for_each(|_| measure(by, series, value, &floats, &integers, handle));
                };
                // One thread for all of a step: to start and end one takes longer than all that it measures.
                match by {
                    By::Thread => std::thread::scope(|scope| drop(scope.spawn(all))),
                    _ => all(),
                }
            }
        }
    }
    collect();
}

fn measure(
    by: By,
    series: i64,
    value: f64,
    floats: &Histogram<f64>,
    integers: &Histogram<u64>,
    handle: Option<&BoundHistogram<f64>>,
) {
    let [first, second] = attributes(series);
    match by {
        By::Attributes | By::Thread => floats.record(value, &[first, second]),
        By::Reversed => floats.record(value, &[second, first]),
        By::Handle => match handle {
            Some(handle) => handle.record(value),
            None => floats.record(value, &[first, second]),
        },
        // What is no number is none of these.
        By::Integer => integers.record(value.abs().min(1e6) as u64, &[first, second]),
    }
}

/// What arrives of the SDK's own histograms.
fn oracle(steps: &[Step], case: Case, delta: bool) -> Receiver {
    let exporter = InMemoryMetricExporter::default();
    let exporter = if delta {
        opentelemetry_sdk::metrics::InMemoryMetricExporterBuilder::new()
            .with_temporality(Temporality::Delta)
            .build()
    } else {
        exporter
    };
    let reader = PeriodicReader::builder(exporter.clone());
    let never = std::time::Duration::from_secs(3_600);
    let provider = SdkMeterProvider::builder().with_reader(reader.with_interval(never).build());
    let view = move |instrument: &Instrument| {
        let stream = Stream::builder();
        match case {
            Case::Plain => None,
            Case::View if instrument.name() == "floats" => stream
                .with_aggregation(Aggregation::ExplicitBucketHistogram {
                    boundaries: vec![0.5, 100.0],
                    record_min_max: true,
                })
                .with_allowed_attribute_keys([opentelemetry::Key::new("part")])
                .build()
                .ok(),
            Case::View => None,
            Case::Exponential => stream
                .with_aggregation(Aggregation::Base2ExponentialHistogram {
                    max_size: 160,
                    max_scale: 20,
                    record_min_max: true,
                })
                .build()
                .ok(),
            Case::Limited => stream.with_cardinality_limit(LIMIT).build().ok(),
        }
    };
    let provider = provider.with_view(view).build();
    run(steps, &provider.meter("rig"), false, || {
        provider.force_flush().unwrap();
    });
    let receiver = receiver();
    for metrics in exporter.get_finished_metrics().unwrap() {
        post(
            &receiver,
            &ExportMetricsServiceRequest::from(&metrics).encode_to_vec(),
        );
    }
    receiver
}

fn post(receiver: &Receiver, body: &[u8]) {
    let mut stream = TcpStream::connect(receiver.http_addr()).unwrap();
    let head = format!(
        "POST /v1/metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// What arrives of ours.
fn ours(steps: &[Step], case: Case, delta: bool) -> Receiver {
    let receiver = receiver();
    let temporality = if delta { "delta" } else { "cumulative" };
    let aggregation = match case {
        Case::Exponential => "base2_exponential_bucket_histogram",
        _ => "explicit_bucket_histogram",
    };
    let environment = HashMap::from(
        [
            ("TEMPORALITY_PREFERENCE", temporality),
            ("DEFAULT_HISTOGRAM_AGGREGATION", aggregation),
        ]
        .map(|(name, value)| {
            let name = format!("OTEL_EXPORTER_OTLP_METRICS_{name}");
            (name, value.to_owned())
        }),
    );
    let set_up: fn(Builder) -> Builder = match case {
        Case::Plain => |builder| builder,
        Case::View => |builder| {
            let view = View::of("floats").boundaries([0.5, 100.0]);
            builder.view(view.attributes(["part"]))
        },
        Case::Exponential => |builder| {
            let exponential = View::of("floats").exponential_buckets();
            builder.view(exponential)
        },
        Case::Limited => |builder| builder.cardinality_limit(LIMIT),
    };
    let builder = builder(&receiver, Protocol::HttpProtobuf).environment(environment);
    let telemetry = set_up(builder).build().unwrap();
    run(steps, &telemetry.meter("rig"), true, || {
        assert!(telemetry.flush_blocking(PATIENCE).complete);
    });
    assert!(telemetry.shutdown_blocking(PATIENCE).complete);
    receiver
}

/// Everything that arrived but its times, sorted. What shutdown exports once more is not there twice.
fn points(receiver: &Receiver) -> Vec<String> {
    let mut points = Vec::new();
    for metric in receiver.metrics().all() {
        for point in &metric.points {
            // The SDK exports them in the order of any of the measurements.
            let mut attributes: Vec<_> = point.attributes.iter().collect();
            attributes.sort_by_key(|(key, _)| *key);
            points.push(format!(
                "{} {:?} {attributes:?} {:?}",
                metric.name, metric.kind, point.value
            ));
        }
    }
    points.sort();
    points.dedup();
    points
}

proptest! {
    #![proptest_config(random_programs(24))]

    #[test]
    fn what_arrives_is_what_the_sdk_makes_of_it(steps in steps()) {
        for case in CASES {
            for delta in [false, true] {
                let (ours, oracle) = (ours(&steps, case, delta), oracle(&steps, case, delta));
                prop_assert_eq!(points(&ours), points(&oracle), "{:?}, delta {}", case, delta);
            }
        }
    }
}
