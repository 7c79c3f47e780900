//! Instruments in statics, from before telemetry is installed to the backend.
//!
//! A binary of its own with one test: the meter of the process can be installed once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use trisignal::otel::KeyValue;
use trisignal::{ConsoleFormat, Counter, Gauge, Histogram, UpDownCounter};
use trisignal_receiver::Receiver;

const DEADLINE: Duration = Duration::from_secs(30);

static PLACED: Counter =
    Counter::new("orders.placed", "{order}").with_description("Orders taken from customers.");
static WAITING: UpDownCounter = UpDownCounter::new("orders.waiting", "{order}");
static FILL: Gauge = Gauge::new("store.fill", "1");
static PACKING: Histogram =
    Histogram::new("orders.packing.duration", "s").with_boundaries(&[1.0, 2.0]);
/// Told something before the start, and never again.
static STARTS: Counter = Counter::new("starts", "{start}");
/// Used only after the start.
static LATE: Counter = Counter::new("late", "1");

#[test]
fn what_is_counted_before_and_after_the_start_arrives() {
    let books = [KeyValue::new("kind", "book")];
    PLACED.add_with(2, &books);
    STARTS.add(1);
    WAITING.add(5);
    FILL.record(0.25);
    PACKING.record(1.5);

    let receiver = Receiver::start_blocking().unwrap();
    let telemetry = trisignal::builder("statics")
        .own_metrics([])
        .environment(BTreeMap::<String, String>::new())
        .endpoint(receiver.http_endpoint())
        .console(ConsoleFormat::Off)
        .install()
        .unwrap();

    PLACED.add_with(1, &books);
    WAITING.add(-2);
    FILL.record(0.75);
    PACKING.record(9.0);
    LATE.add(4);

    let report = telemetry.flush_blocking(DEADLINE);
    assert!(report.complete, "{report}");

    let metric = |name: &str| {
        receiver
            .metrics()
            .service("statics")
            .name(name)
            .last()
            .expect(name)
    };
    let placed = metric("orders.placed");
    assert_eq!(
        (placed.unit.as_str(), placed.description.as_str()),
        ("{order}", "Orders taken from customers.")
    );
    assert_eq!(placed.scope.name, "statics");
    assert_eq!(placed.point("kind", "book").unwrap().as_i64(), Some(3));
    for (name, expected) in [("starts", 1), ("orders.waiting", 3), ("late", 4)] {
        assert_eq!(metric(name).points[0].as_i64(), Some(expected), "{name}");
    }
    assert_eq!(metric("store.fill").points[0].as_f64(), Some(0.75));
    let packing = &metric("orders.packing.duration").points[0];
    assert_eq!((packing.count(), packing.sum()), (Some(2), Some(10.5)));

    // Six instruments with one set of attributes each.
    assert_eq!(
        (
            report.metrics.delivered,
            report.metrics.dropped.total(),
            report.metrics.held
        ),
        (6, 0, 0)
    );
    assert!(
        trisignal::builder("second")
            .environment(BTreeMap::<String, String>::new())
            .install()
            .is_err()
    );
    assert!(telemetry.shutdown_blocking(DEADLINE).complete);
}
