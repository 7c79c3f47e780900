//! Counters and histograms with three attributes, of which one varies a little, as a status does.

use std::hint::black_box;
use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter as PromCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram as PromHistogram, exponential_buckets};

use super::Loop;
use crate::job::Candidate;

static REQUESTS: trisignal::Counter = trisignal::Counter::new("bench.requests", "{request}");
static DURATION: trisignal::Histogram = trisignal::Histogram::new("bench.duration", "s");

static OTEL_REQUESTS: LazyLock<Counter<u64>> =
    LazyLock::new(|| global::meter("bench").u64_counter("bench.requests").build());
static OTEL_DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("bench")
        .f64_histogram("bench.duration")
        .build()
});

static PROM_REQUESTS: LazyLock<Family<Labels, PromCounter>> = LazyLock::new(Family::default);
static PROM_DURATION: LazyLock<Family<Labels, PromHistogram>> = LazyLock::new(|| {
    Family::new_with_constructor(|| PromHistogram::new(exponential_buckets(0.005, 2.0, 14)))
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: &'static str,
    status: i64,
}

/// The loop for a labelled counter, if the candidate has one.
pub(super) fn counter(candidate: Candidate) -> Option<Loop> {
    match candidate {
        Candidate::Trisignal => Some(|times| {
            for turn in 0..times {
                REQUESTS.add_with(1, &attributes(turn));
            }
        }),
        Candidate::Otel => Some(|times| {
            let counter = &*OTEL_REQUESTS;
            for turn in 0..times {
                counter.add(1, &attributes(turn));
            }
        }),
        Candidate::PrometheusClient => Some(|times| {
            let family = &*PROM_REQUESTS;
            for turn in 0..times {
                family.get_or_create(&labels(turn)).inc();
            }
        }),
        _ => None,
    }
}

/// The loop for a counter whose attributes are given once, if the candidate has one.
pub(super) fn bound(candidate: Candidate) -> Option<Loop> {
    match candidate {
        Candidate::Trisignal => Some(|times| {
            let counter = REQUESTS.bind(&attributes(0));
            for _ in 0..times {
                black_box(&counter).add(1);
            }
        }),
        Candidate::Otel => Some(|times| {
            let counter = OTEL_REQUESTS.bind(&attributes(0));
            for _ in 0..times {
                black_box(&counter).add(1);
            }
        }),
        Candidate::PrometheusClient => Some(|times| {
            let counter = PROM_REQUESTS.get_or_create_owned(&labels(0));
            for _ in 0..times {
                black_box(&counter).inc();
            }
        }),
        _ => None,
    }
}

/// The loop for a labelled histogram, if the candidate has one.
pub(super) fn histogram(candidate: Candidate) -> Option<Loop> {
    match candidate {
        Candidate::Trisignal => Some(|times| {
            for turn in 0..times {
                DURATION.record_with(seconds(turn), &attributes(turn));
            }
        }),
        Candidate::Otel => Some(|times| {
            let histogram = &*OTEL_DURATION;
            for turn in 0..times {
                histogram.record(seconds(turn), &attributes(turn));
            }
        }),
        Candidate::PrometheusClient => Some(|times| {
            let family = &*PROM_DURATION;
            for turn in 0..times {
                family.get_or_create(&labels(turn)).observe(seconds(turn));
            }
        }),
        _ => None,
    }
}

/// The loop for a histogram whose attributes are given once, if the candidate has one.
pub(super) fn bound_histogram(candidate: Candidate) -> Option<Loop> {
    match candidate {
        Candidate::Trisignal => Some(|times| {
            let histogram = DURATION.bind(&attributes(0));
            for turn in 0..times {
                black_box(&histogram).record(seconds(turn));
            }
        }),
        Candidate::Otel => Some(|times| {
            let histogram = OTEL_DURATION.bind(&attributes(0));
            for turn in 0..times {
                black_box(&histogram).record(seconds(turn));
            }
        }),
        Candidate::PrometheusClient => Some(|times| {
            let histogram = PROM_DURATION.get_or_create_owned(&labels(0));
            for turn in 0..times {
                black_box(&histogram).observe(seconds(turn));
            }
        }),
        _ => None,
    }
}

fn status(turn: u64) -> i64 {
    [200, 200, 200, 404][black_box(turn as usize) % 4]
}

fn seconds(turn: u64) -> f64 {
    black_box(turn % 1000) as f64 / 1000.0
}

fn attributes(turn: u64) -> [KeyValue; 3] {
    [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/items/{id}"),
        KeyValue::new("http.response.status_code", status(turn)),
    ]
}

fn labels(turn: u64) -> Labels {
    Labels {
        method: "GET",
        route: "/items/{id}",
        status: status(turn),
    }
}
