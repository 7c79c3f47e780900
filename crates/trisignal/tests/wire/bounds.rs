//! The bounds of memory and of time: what goes over them is dropped, the oldest first, and counted exactly.

use std::time::Duration;

use trisignal::{ByteSize, DropReason, Limits, Protocol};
use trisignal_receiver::{Answer, Rule};

use super::common::{
    PATIENCE, PROTOCOLS, assert_all_delivered, assert_conserved, await_outcomes, brisk, builder,
    eventually, numbered_spans, receiver, record, span_numbers, spans,
};

const OUTBOX: ByteSize = ByteSize::from_kib(64);

/// Row 2 in memory: the bound is held while the backend is away, and the newest are delivered after.
#[test]
fn a_full_outbox_drops_the_oldest_and_delivers_the_newest() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.pause().unwrap();
        let limits = Limits {
            outbox: Some(OUTBOX),
            batch_items: Some(50),
            ..brisk()
        };
        let telemetry = builder(&receiver, protocol).limits(limits).build().unwrap();
        for round in 0..40 {
            numbered_spans(&telemetry, round * 50..(round + 1) * 50);
            let report = telemetry.flush_blocking(Duration::from_millis(5));
            assert!(report.traces.balances(), "{report}");
            assert!(telemetry.health().outbox_bytes <= OUTBOX.bytes());
        }
        receiver.resume().unwrap();
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert!(report.complete, "{report}");
        assert_eq!(report.traces.produced, 2_000);
        assert_eq!(
            report.lost(),
            report.traces.dropped.get(DropReason::OutboxFull),
            "{report}"
        );
        assert!(
            report.lost() > 0,
            "2,000 spans are more than 64 KiB: {report}"
        );

        // What was being sent when the bound was reached stays; after it the oldest had to go.
        let delivered = span_numbers(&receiver);
        let missing: Vec<_> = (0..2_000)
            .filter(|number| !delivered.contains(number))
            .collect();
        assert_eq!(missing.len() as u64, report.lost());
        let (first, last) = (missing[0], missing[missing.len() - 1]);
        assert_eq!(
            last - first + 1,
            report.lost(),
            "one gap, from {first} to {last}"
        );
        assert!(
            first < 1_000 && last < 1_999,
            "the newest are there: {first} to {last}"
        );
    }
}

/// Row 2 in memory: also when the outbox is smaller than a request, and all of it could be on the wire.
#[test]
fn a_small_outbox_is_not_blocked_by_what_is_on_the_wire() {
    let receiver = receiver();
    receiver.pause().unwrap();
    let limits = Limits {
        outbox: Some(OUTBOX),
        batch_items: Some(50),
        ..brisk()
    };
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(limits)
        .build()
        .unwrap();
    for round in 0..20 {
        numbered_spans(&telemetry, round * 50..(round + 1) * 50);
        let _ = telemetry.flush_blocking(Duration::from_millis(5));
    }
    // It comes back for one request, and what is sent next waits for it again.
    receiver.script(Rule::new(Answer::status(503)).after(1));
    receiver.resume().unwrap();
    await_outcomes(&receiver, 2, |outcome| !outcome.is_success());
    for round in 20..60 {
        numbered_spans(&telemetry, round * 50..(round + 1) * 50);
        let _ = telemetry.flush_blocking(Duration::from_millis(5));
    }
    receiver.script(trisignal_receiver::Script::new());
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_conserved(&report, &receiver);
    assert!(report.complete && report.lost() > 0, "{report}");
    let delivered = span_numbers(&receiver);
    let newest: Vec<_> = (2_900..3_000)
        .filter(|number| !delivered.contains(number))
        .collect();
    assert_eq!(newest, [0_u64; 0], "the newest are delivered");
}

/// The queue before the encoder, full by bytes while no batch is due: the oldest make room.
#[test]
fn a_full_queue_drops_the_oldest() {
    let receiver = receiver();
    let limits = Limits {
        queue_bytes: Some(ByteSize::from_kib(64)),
        schedule_delay: Some(Duration::from_secs(3_600)),
        ..Limits::default()
    };
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(limits)
        .build()
        .unwrap();
    record(&telemetry, || {
        let text = "x".repeat(1_000);
        (0..300_i64).for_each(|number| drop(tracing::info_span!("work", number, text)));
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_conserved(&report, &receiver);
    let dropped = report.traces.dropped.get(DropReason::QueueFull);
    assert!(dropped > 0 && dropped == report.lost(), "{report}");
    assert_eq!(
        span_numbers(&receiver),
        (dropped..300).collect(),
        "{report}"
    );
}

/// What waits longer than the age limit is dropped; what comes after is not.
#[test]
fn what_is_too_old_is_dropped() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.pause().unwrap();
        let limits = Limits {
            max_age: Some(Duration::from_millis(200)),
            ..brisk()
        };
        let telemetry = builder(&receiver, protocol).limits(limits).build().unwrap();
        spans(&telemetry, 100);
        let expired = || telemetry.health().traces.dropped.get(DropReason::Expired);
        eventually("the age limit", || expired() == 100);
        assert_eq!(telemetry.health().outbox_bytes, 0);
        receiver.resume().unwrap();
        // On a busy machine the next ones may be too old as well by the time that they can go; then those after them.
        let mut made = 100;
        eventually("spans that are young enough", || {
            let before = expired();
            numbered_spans(&telemetry, made..made + 100);
            made += 100;
            eventually("an end of each span", || {
                telemetry.health().traces.held == 0
            });
            expired() == before
        });
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_conserved(&report, &receiver);
        assert_eq!(expired(), report.lost(), "{report}");
        assert_eq!(report.traces.produced, made, "{report}");
        let delivered = span_numbers(&receiver);
        assert!(delivered.is_superset(&(made - 100..made).collect()));
        assert!(delivered.is_disjoint(&(0..100).collect()));
    }
}

/// A deadline that no clock can hold is a long one, not a panic.
#[test]
fn an_endless_deadline_is_none() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf).build().unwrap();
    spans(&telemetry, 100);
    assert_all_delivered(&telemetry.flush_blocking(Duration::MAX), &receiver);
    numbered_spans(&telemetry, 100..200);
    assert_all_delivered(&telemetry.shutdown_blocking(Duration::MAX), &receiver);
}
