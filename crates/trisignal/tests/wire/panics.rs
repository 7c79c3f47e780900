//! Callbacks of the user that panic: contained, counted, and nothing is lost by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};
use trisignal::Protocol;
use trisignal_receiver::Signal;

use super::common::{PATIENCE, assert_all_delivered, brisk, builder, logs, receiver, spans};

/// Panics at every 100th call.
#[derive(Clone, Debug, Default)]
struct Bomb {
    calls: Arc<AtomicU64>,
}

impl Bomb {
    fn tick(&self) {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(!calls.is_multiple_of(100), "a bug of the user");
    }

    fn panics(&self) -> u64 {
        self.calls.load(Ordering::Relaxed) / 100
    }
}

impl ShouldSample for Bomb {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        self.tick();
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

impl SpanProcessor for Bomb {
    fn on_start(&self, _: &mut Span, _: &Context) {
        self.tick();
    }

    fn on_end(&self, _: SpanData) {
        self.tick();
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl LogProcessor for Bomb {
    fn emit(&self, _: &mut SdkLogRecord, _: &InstrumentationScope) {
        self.tick();
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

/// A panic whose payload panics once more when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the payload of a panic");
        }
    }
}

#[derive(Debug)]
struct SpitefulProcessor;

impl SpanProcessor for SpitefulProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        std::panic::panic_any(Spiteful);
    }

    fn force_flush(&self) -> OTelSdkResult {
        std::panic::panic_any(Spiteful);
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        std::panic::panic_any(Spiteful);
    }
}

/// Row 21: sampler, span processor and log processor.
#[test]
fn panics_of_sampler_and_processors_are_counted_and_cost_nothing() {
    let receiver = receiver();
    let (sampler, span_processor, log_processor) =
        (Bomb::default(), Bomb::default(), Bomb::default());
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .sampler(sampler.clone())
        .span_processor(span_processor.clone())
        .log_processor(log_processor.clone())
        .build()
        .unwrap();
    spans(&telemetry, 1_000);
    logs(&telemetry, 1_000);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(
        (report.traces.delivered, report.logs.delivered),
        (1_000, 1_000)
    );
    let panics = [&sampler, &span_processor, &log_processor].map(Bomb::panics);
    assert_eq!(
        panics,
        [10, 20, 10],
        "a processor sees the start and the end of each span"
    );
    assert_eq!(telemetry.health().callback_panics, 40);
}

/// Row 21: a panic that panics when it is dropped.
#[test]
fn a_panic_with_a_panicking_payload_is_contained() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .span_processor(SpitefulProcessor)
        .build()
        .unwrap();
    spans(&telemetry, 10);
    assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    assert!(telemetry.health().callback_panics >= 11);
}

/// Row 21: an observable instrument, whose callback runs where metrics are collected.
#[test]
fn a_panic_of_an_observable_callback_costs_its_own_value_only() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf).build().unwrap();
    let meter = telemetry.meter("orders");
    let calls = AtomicU64::new(0);
    let _bad = meter
        .u64_observable_gauge("queue.length")
        .with_callback(move |observer| {
            assert!(
                calls.fetch_add(1, Ordering::Relaxed) != 1,
                "a bug of the user"
            );
            observer.observe(7, &[]);
        })
        .build();
    let _good = meter
        .u64_observable_gauge("pool.size")
        .with_callback(|observer| observer.observe(5, &[]))
        .build();
    let placed = meter.u64_counter("orders.placed").build();
    placed.add(1, &[]);
    for panics in [0, 1, 1] {
        assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
        assert_eq!(telemetry.health().callback_panics, panics);
    }
    let exports = |name: &str| receiver.metrics().name(name).count();
    assert_eq!((exports("pool.size"), exports("orders.placed")), (3, 3));
    let lengths = receiver.metrics().name("queue.length").all();
    let points: usize = lengths.iter().map(|metric| metric.points.len()).sum();
    assert_eq!(points, 2, "the collection between had none");
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(
        receiver.received(Signal::Metrics).unique,
        report.metrics.produced
    );
}
