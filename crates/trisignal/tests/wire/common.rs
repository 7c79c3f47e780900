//! What the tests share: a receiver, telemetry that sends to it, and patience.

use std::collections::{BTreeSet, HashMap};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use trisignal::{Builder, ConsoleFormat, Limits, Protocol, Report, SignalAccount, Telemetry};
use trisignal_receiver::{Batch, Outcome, Receiver, Signal};

/// For conditions that hold soon on any machine: reaching it is a failure, not slowness.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::HttpProtobuf, Protocol::Grpc];

/// The attribute that numbers spans and log records.
pub(crate) const NUMBER: &str = "number";

pub(crate) fn receiver() -> Receiver {
    // The number tells log records apart that are made in the same nanosecond.
    Receiver::builder()
        .log_identity(NUMBER)
        .start_blocking()
        .expect("a receiver starts on free ports")
}

/// A builder that sends to `receiver`, silent on the console, deaf to the environment of the test.
pub(crate) fn builder(receiver: &Receiver, protocol: Protocol) -> Builder {
    let endpoint = match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint(),
    };
    builder_to(endpoint, protocol)
}

/// The same for any endpoint.
pub(crate) fn builder_to(endpoint: String, protocol: Protocol) -> Builder {
    trisignal::builder("checkout")
        .environment(HashMap::<String, String>::new())
        .console(ConsoleFormat::Off)
        // The tests of accounts and requests count what they make themselves.
        .own_metrics([])
        .protocol(protocol)
        .endpoint(endpoint)
}

pub(crate) fn telemetry(receiver: &Receiver) -> Telemetry {
    builder(receiver, Protocol::HttpProtobuf)
        .build()
        .expect("the settings are valid")
}

/// The rhythm of the pipeline, scaled down: tests of outages need not take as long as outages do.
pub(crate) fn brisk() -> Limits {
    Limits {
        batch_items: Some(512),
        schedule_delay: Some(Duration::from_millis(20)),
        retry_initial: Some(Duration::from_millis(10)),
        retry_max: Some(Duration::from_millis(100)),
        ..Limits::default()
    }
}

/// A subscriber with nothing but the layer of `telemetry`.
pub(crate) fn subscriber(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(Registry::default().with(telemetry.layer()))
}

/// Runs `work` with the spans and events of this thread going to `telemetry`.
pub(crate) fn record<T>(telemetry: &Telemetry, work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&subscriber(telemetry), work)
}

/// Ends `count` spans named `work`, numbered from 0 by the attribute `number`.
pub(crate) fn spans(telemetry: &Telemetry, count: u64) {
    numbered_spans(telemetry, 0..count);
}

pub(crate) fn numbered_spans(telemetry: &Telemetry, numbers: impl IntoIterator<Item = u64>) {
    // Signed, because the span layer makes text of unsigned numbers.
    let numbers = numbers.into_iter().map(u64::cast_signed);
    record(telemetry, || {
        numbers.for_each(|number| drop(tracing::info_span!("work", number)))
    });
}

/// Logs `count` events, numbered from 0 by the attribute `number`.
pub(crate) fn logs(telemetry: &Telemetry, count: u64) {
    record(telemetry, || {
        (0..count).for_each(|number| tracing::info!(number, "worked"))
    });
}

/// Shuts down with `deadline`, and answers how that ended: on a busy machine the call may come back before it has.
pub(crate) fn shut_down(telemetry: &Telemetry, deadline: Duration) -> Report {
    let _ = telemetry.shutdown_blocking(deadline);
    telemetry.shutdown_blocking(PATIENCE)
}

/// A port that nobody listens on. It is none of those that the system gives away by itself, so that none of the tests
/// beside this one gets it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different ones.
    let begin = std::process::id().wrapping_mul(7_919) % 20_000;
    loop {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from((begin + next) % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// So many random programs, the same ones in each run: what fails is the change at hand. `PROPTEST_RNG_SEED` asks for others.
pub(crate) fn random_programs(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    ProptestConfig {
        cases,
        rng_seed,
        failure_persistence: None,
        ..default
    }
}

/// Sets the flag when it is dropped, also by a panic: a thread that works until then comes to its end.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls until `condition` holds, for what no receiver can see.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < PATIENCE,
            "not seen in {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `count` different items of `signal` were taken.
pub(crate) fn await_unique(receiver: &Receiver, signal: Signal, count: u64) {
    let enough =
        |store: &trisignal_receiver::Store| (store.received(signal).unique >= count).then_some(());
    receiver.wait_for_blocking(PATIENCE, enough).unwrap();
}

/// Waits until `count` requests ended as `outcome`.
pub(crate) fn await_outcomes(receiver: &Receiver, count: usize, outcome: impl Fn(Outcome) -> bool) {
    let seen = |store: &trisignal_receiver::Store| {
        let requests = store.requests();
        (requests
            .iter()
            .filter(|request| outcome(request.outcome))
            .count()
            >= count)
            .then_some(())
    };
    receiver.wait_for_blocking(PATIENCE, seen).unwrap();
}

/// A request that none of the items numbered `poison` may be in.
pub(crate) fn is_poisoned(
    poison: &'static [i64],
) -> impl Fn(&Batch) -> bool + Send + Sync + 'static {
    move |batch| {
        let spans = batch.spans.iter().filter_map(|span| span.attr(NUMBER));
        let logs = batch.logs.iter().filter_map(|log| log.attr(NUMBER));
        spans
            .chain(logs)
            .filter_map(|number| number.as_i64())
            .any(|number| poison.contains(&number))
    }
}

/// The numbers of the spans that `receiver` took.
pub(crate) fn span_numbers(receiver: &Receiver) -> BTreeSet<u64> {
    let spans = receiver.spans().name("work").all();
    let number =
        |span: &trisignal_receiver::Span| span.attr(NUMBER).and_then(|number| number.as_i64());
    spans
        .iter()
        .filter_map(|span| number(span)?.try_into().ok())
        .collect()
}

/// That every account of `report` balances; with the report in the message.
pub(crate) fn assert_balanced(report: &Report) {
    for account in [&report.traces, &report.metrics, &report.logs] {
        assert!(account.balances(), "{report}");
    }
}

/// Conservation, against a witness of its own: what was produced is delivered, dropped or held, and the
/// receiver has exactly what is said to be delivered, once.
pub(crate) fn assert_conserved(report: &Report, receiver: &Receiver) {
    assert_balanced(report);
    for (account, signal) in accounts(report) {
        let received = receiver.received(signal);
        assert_eq!(
            account.delivered, received.unique,
            "{signal}: {report}; {received:?}"
        );
        assert_eq!(
            (received.duplicates, received.inexact),
            (0, false),
            "{signal}: {received:?}"
        );
    }
}

/// That nothing is lost nor left, where answers may come later than an impatient client waits: what is sent again
/// then is a duplicate.
pub(crate) fn assert_none_lost(report: &Report, receiver: &Receiver) {
    assert_balanced(report);
    assert!(report.complete && report.lost() == 0, "{report}");
    for (account, signal) in accounts(report) {
        let received = receiver.received(signal);
        assert_eq!(
            account.delivered, received.unique,
            "{signal}: {report}; {received:?}"
        );
        assert_eq!(received.conflicts, 0, "{signal}: {received:?}");
    }
}

/// [`assert_conserved`] where nothing may be lost, nor be left.
pub(crate) fn assert_all_delivered(report: &Report, receiver: &Receiver) {
    assert_conserved(report, receiver);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert!(
        accounts(report)
            .iter()
            .all(|(account, _)| account.is_complete()),
        "{report}"
    );
}

fn accounts(report: &Report) -> [(SignalAccount, Signal); 3] {
    [
        (report.traces, Signal::Traces),
        (report.metrics, Signal::Metrics),
        (report.logs, Signal::Logs),
    ]
}
