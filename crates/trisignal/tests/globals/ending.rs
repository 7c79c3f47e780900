//! How a process ends: by a signal, or by letting the handle go.

use std::time::{Duration, Instant};

use trisignal::{DropReason, Protocol};
use trisignal_receiver::{Answer, Receiver, Signal};

use super::common::{await_unique, brisk, builder, builder_to, receiver};
use super::isolated::{Process, isolated, told};
use super::lines::Lines;

const DEADLINE: Duration = Duration::from_secs(30);
/// A second is aimed at. This is what a busy machine gets; the deadline that it must not wait out is far away.
const BOUND: Duration = Duration::from_secs(10);

const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;

/// Whether this process has a handler for `signal`.
fn is_caught(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

/// A service that works until a signal comes, and says how it ended.
fn serve(endpoint: String) {
    let telemetry = Lines::default()
        .attach(builder_to(endpoint, Protocol::HttpProtobuf).limits(brisk()))
        .install()
        .unwrap();
    for number in 0..500_i64 {
        drop(tracing::info_span!("work", number));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let signal = telemetry.signal();
        assert!(
            [SIGINT, SIGTERM].into_iter().all(is_caught),
            "the handlers are in place when the call returns"
        );
        println!("ready");
        signal.await;
        // Whoever asks later, too.
        telemetry.signal().await;
        let report = telemetry.shutdown(DEADLINE).await;
        let account = report.traces;
        let lost = account.dropped.get(DropReason::Shutdown);
        println!(
            "ended: {} {} {lost} {}",
            account.produced,
            account.delivered,
            account.balances()
        );
        println!("took: {}", report.elapsed.as_millis());
    });
}

/// Starts the service, sends it `signal`, and answers what it said of its account, and the time until it was gone.
fn end_by(signal: &str, receiver: &Receiver, prepare: impl FnOnce()) -> (String, Duration) {
    let test = "ending::a_signal_ends_the_service_in_time";
    let mut process = Process::start(test, &receiver.http_endpoint());
    process.wait_for("ready");
    prepare();
    let begin = Instant::now();
    process.signal(signal);
    let ended = process.wait_for("ended: ");
    let output = process.finish();
    let took = output
        .lines()
        .find(|line| line.contains("took: "))
        .unwrap_or_default()
        .to_owned();
    println!("SIG{signal}: gone after {:?}, {took} ms", begin.elapsed());
    (
        ended
            .trim_end()
            .rsplit("ended: ")
            .next()
            .unwrap()
            .to_owned(),
        begin.elapsed(),
    )
}

/// Row 14 in memory: SIGTERM, and Ctrl-C, while the backend is down.
#[test]
fn a_signal_ends_the_service_in_time() {
    if let Some(endpoint) = told() {
        return serve(endpoint);
    }
    for signal in ["TERM", "INT"] {
        let down = receiver();
        down.pause().unwrap();
        let (account, time) = end_by(signal, &down, || {});
        assert_eq!(
            account, "500 0 500 true",
            "produced, delivered, lost, balanced"
        );
        assert!(time < BOUND, "{time:?} of {DEADLINE:?}");
        assert_eq!(down.received(Signal::Traces).unique, 0);

        let up = receiver();
        let (account, time) = end_by(signal, &up, || await_unique(&up, Signal::Traces, 500));
        assert_eq!(account, "500 500 0 true");
        assert!(time < BOUND, "{time:?}");
    }
}

/// The handle is let go while the backend is silent: the one place left to say what was lost is the log.
#[test]
fn a_dropped_handle_says_what_was_lost() {
    isolated("ending::a_dropped_handle_says_what_was_lost", || {
        let (lines, receiver) = (Lines::default(), receiver());
        receiver.script(Answer::hang());
        let telemetry = lines
            .attach(builder(&receiver, Protocol::Grpc).limits(brisk()))
            .install()
            .unwrap();
        drop(tracing::info_span!("work"));
        drop(telemetry);
        let said = lines.ours();
        assert_eq!(lines.messages(), ["telemetry was lost"], "{said:?}");
        let report = said[0]["report"].as_str().unwrap();
        assert!(
            report.contains("spans: 1 produced, 0 delivered, 0 held, 1 dropped (shutdown 1)"),
            "{report}"
        );
    });
}

/// The handle is let go while all is well.
#[test]
fn a_dropped_handle_that_lost_nothing_says_nothing() {
    isolated(
        "ending::a_dropped_handle_that_lost_nothing_says_nothing",
        || {
            let (lines, receiver) = (Lines::default(), receiver());
            let telemetry = lines
                .attach(builder(&receiver, Protocol::Grpc))
                .install()
                .unwrap();
            drop(tracing::info_span!("work"));
            drop(telemetry);
            await_unique(&receiver, Signal::Traces, 1);
            assert!(lines.ours().is_empty(), "{:?}", lines.ours());
            // What is still installed goes nowhere, and does no harm.
            tracing::info_span!("late").in_scope(|| tracing::info!("late"));
            log::info!("late");
        },
    );
}
