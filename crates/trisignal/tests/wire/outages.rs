//! Backends that are away, silent or busy: everything waits for them, and nothing is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use trisignal::{DropReason, Protocol};
use trisignal_receiver::{Answer, Outcome, Script, Signal};

use super::common::{
    Over, PATIENCE, PROTOCOLS, assert_all_delivered, assert_balanced, assert_conserved,
    assert_none_lost, await_outcomes, await_unique, brisk, builder, builder_to, eventually, logs,
    numbered_spans, receiver, shut_down, spans,
};
use super::proxy::Proxy;

/// Row 1: the backend refuses connections under a stream of spans and logs.
#[test]
fn an_outage_costs_nothing_and_its_backlog_drains() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let telemetry = builder(&receiver, protocol)
            .limits(brisk())
            .build()
            .unwrap();
        let over = AtomicBool::new(false);
        let made = std::thread::scope(|scope| {
            // Before, in and after the outage, however long each of them takes here.
            let stream = scope.spawn(|| {
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    numbered_spans(&telemetry, made..made + 40);
                    made += 40;
                    std::thread::sleep(Duration::from_millis(5));
                }
                made
            });
            let end = Over(&over);
            await_unique(&receiver, Signal::Traces, 40);
            receiver.pause().unwrap();
            let backlog = telemetry.health().traces.held;
            eventually("a backlog", || {
                telemetry.health().traces.held > backlog + 1_000
            });
            assert!(telemetry.health().outbox_bytes > 0);
            receiver.resume().unwrap();
            let before = receiver.received(Signal::Traces).unique;
            await_unique(&receiver, Signal::Traces, before + 1_000);
            drop(end);
            stream.join().unwrap()
        });
        logs(&telemetry, 1_000);
        await_unique(&receiver, Signal::Traces, made);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_balanced(&report);
        assert_eq!(
            (report.traces.produced, report.traces.delivered),
            (made, made),
            "{report}"
        );
        assert_eq!(
            (report.logs.produced, report.logs.delivered),
            (1_000, 1_000),
            "{report}"
        );
        assert!(report.complete && report.lost() == 0, "{report}");
        assert_eq!(receiver.received(Signal::Logs).unique, 1_000);
        // The request that the outage cut may have been taken: it comes again, and is told apart.
        let received = receiver.received(Signal::Traces);
        assert_eq!((received.unique, received.conflicts), (made, 0));
    }
}

/// Row 1, where the backend is away from the start.
#[test]
fn a_backend_that_comes_later_gets_everything() {
    let receiver = receiver();
    receiver.pause().unwrap();
    let telemetry = builder(&receiver, Protocol::Grpc)
        .limits(brisk())
        .build()
        .unwrap();
    let orders = telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .build();
    orders.add(3, &[]);
    spans(&telemetry, 700);
    logs(&telemetry, 700);
    let report = telemetry.flush_blocking(Duration::from_millis(300));
    assert_conserved(&report, &receiver);
    assert!(!report.complete && report.lost() == 0, "{report}");
    assert_eq!((report.traces.held, report.logs.held), (700, 700));
    assert!(report.metrics.held >= 1, "{report}");
    receiver.resume().unwrap();
    assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
}

/// Row 4: a backend that reads requests and never answers them.
#[test]
fn attempts_without_an_answer_end_at_their_deadline() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        receiver.script(Answer::hang());
        let timeout = Duration::from_millis(500);
        let telemetry = builder(&receiver, protocol)
            .timeout(timeout)
            .limits(brisk())
            .build()
            .unwrap();
        let begin = Instant::now();
        spans(&telemetry, 500);
        let report = telemetry.flush_blocking(Duration::from_millis(500));
        assert_conserved(&report, &receiver);
        assert!(!report.complete, "{report}");
        assert_eq!(report.traces.held, 500);
        assert!(
            report.elapsed < Duration::from_secs(10),
            "{:?}",
            report.elapsed
        );

        // That there is a third attempt shows that the two before came to their end.
        await_outcomes(&receiver, 3, |outcome| outcome == Outcome::Hung);
        // Not by when the first one was received: a busy machine may be late with that.
        let second = receiver.requests()[1].received_at - begin;
        assert!(second >= timeout, "an attempt has its time: {second:?}");

        receiver.script(Script::new());
        assert_none_lost(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    }
}

/// Row 4: a backend that takes connections and does not read from them. Over gRPC the pings find that out, after
/// 15 seconds that can't be scaled down.
#[test]
fn connections_that_stay_mute_are_given_up() {
    let case = |protocol| {
        let receiver = receiver();
        let proxy = Proxy::to(&receiver, protocol).mute();
        let telemetry = builder_to(proxy.endpoint("http"), protocol)
            .timeout(Duration::from_millis(500))
            .limits(brisk())
            .build()
            .unwrap();
        spans(&telemetry, 500);
        eventually("a connection", || proxy.connections() >= 1);
        let report = telemetry.flush_blocking(Duration::from_millis(300));
        assert!(!report.complete && report.traces.held == 500, "{report}");
        // The open connection stays mute: only a new one helps.
        proxy.speak();
        assert_none_lost(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        assert!(proxy.connections() >= 2);
    };
    std::thread::scope(|scope| {
        for protocol in PROTOCOLS {
            scope.spawn(move || case(protocol));
        }
    });
}

/// Row 4: a shutdown does not wait for such a backend beyond its deadline, and says what it lost.
#[test]
fn a_shutdown_before_a_silent_backend_says_what_is_lost() {
    let receiver = receiver();
    receiver.script(Answer::hang());
    let telemetry = builder(&receiver, Protocol::Grpc)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 500);
    let report = shut_down(&telemetry, Duration::from_millis(500));
    assert_conserved(&report, &receiver);
    assert!(
        !report.complete && report.elapsed < Duration::from_secs(10),
        "{report}"
    );
    assert_eq!(
        (
            report.traces.held,
            report.traces.dropped.get(DropReason::Shutdown)
        ),
        (0, 500)
    );
}

/// Row 6: the next attempt comes no earlier than a busy backend asks for, a flush or not.
#[test]
fn a_busy_backend_is_left_alone_as_long_as_it_asks() {
    let case = |protocol, retry_after: &str, least: Duration| {
        let receiver = receiver();
        receiver.script(Script::times(
            1,
            Answer::status(503).retry_after(retry_after),
        ));
        let telemetry = builder(&receiver, protocol)
            .limits(brisk())
            .build()
            .unwrap();
        spans(&telemetry, 512);
        await_outcomes(&receiver, 1, |outcome| !outcome.is_success());
        if least > Duration::ZERO {
            let report = telemetry.flush_blocking(Duration::from_millis(200));
            assert!(!report.complete && report.traces.held == 512, "{report}");
        }
        await_unique(&receiver, Signal::Traces, 512);
        let requests = receiver.requests();
        let gap = requests[1].received_at - requests[0].received_at;
        assert!(gap >= least, "{protocol} {retry_after}: came after {gap:?}");
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    };
    std::thread::scope(|scope| {
        for protocol in PROTOCOLS {
            scope.spawn(move || case(protocol, "2", Duration::from_secs(2)));
            scope.spawn(move || case(protocol, "soon", Duration::ZERO));
            scope.spawn(move || case(protocol, "-1", Duration::ZERO));
        }
        // Decimals are RetryInfo's.
        scope.spawn(move || case(Protocol::Grpc, "1.5", Duration::from_millis(1_500)));
    });
}

/// Row 6: `Retry-After` as a date.
#[test]
fn a_busy_backend_is_left_alone_until_the_date_it_names() {
    let receiver = receiver();
    // Dates are whole seconds, so this one is two to three seconds away.
    let (now, date) = (Instant::now(), SystemTime::now() + Duration::from_secs(3));
    let busy = Answer::status(503).retry_after(httpdate::fmt_http_date(date));
    receiver.script(Script::times(1, busy));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 512);
    await_unique(&receiver, Signal::Traces, 512);
    let came = receiver.requests()[1].received_at;
    // The clock of dates may be corrected a little while the other one runs on.
    assert!(
        came >= now + Duration::from_millis(1_900),
        "came after {:?}",
        came - now
    );
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
}

/// Row 6: a shutdown does not break in upon a backend that asks for two minutes.
#[test]
fn a_shutdown_keeps_the_time_asked_for_and_its_own_deadline() {
    let receiver = receiver();
    receiver.script(Answer::status(503).retry_after("120"));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 512);
    await_outcomes(&receiver, 1, |outcome| outcome == Outcome::Http(503));
    let report = shut_down(&telemetry, Duration::from_millis(500));
    assert_conserved(&report, &receiver);
    assert_eq!(
        report.traces.dropped.get(DropReason::Shutdown),
        512,
        "{report}"
    );
    assert_eq!(receiver.requests().len(), 1);
}

/// Row 8: a token in a file, which is rotated while the backend refuses the old one, and is gone for a while.
#[test]
fn a_token_in_a_file_is_read_again() {
    let case = |protocol| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "first-hunter2\n").unwrap();
        let receiver = receiver();
        receiver.script(Answer::status(401));
        let telemetry = builder(&receiver, protocol)
            .limits(brisk())
            .bearer_token_file(&file)
            .build()
            .unwrap();
        spans(&telemetry, 100);
        await_outcomes(&receiver, 1, |outcome| !outcome.is_success());
        let shown = |request: &trisignal_receiver::RequestInfo| {
            request.header("authorization").unwrap().to_owned()
        };
        assert_eq!(shown(&receiver.requests()[0]), "Bearer first-hunter2");
        // Nobody says that there is a new one, and nobody flushes.
        std::fs::write(&file, "second-hunter2").unwrap();
        receiver.script(Script::new());
        await_unique(&receiver, Signal::Traces, 100);
        let last = receiver.requests().last().map(shown);
        assert_eq!(last.as_deref(), Some("Bearer second-hunter2"));
        // Without a token nothing is sent, and nothing is lost.
        let requests = receiver.requests().len();
        for content in [None, Some(""), Some("not\na\ntoken"), Some("t\u{f6}ken")] {
            match content {
                Some(content) => std::fs::write(&file, content).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            spans(&telemetry, 10);
            let report = telemetry.flush_blocking(Duration::from_millis(100));
            assert!(
                !report.complete && report.lost() == 0,
                "{content:?}: {report}"
            );
        }
        assert_eq!(receiver.requests().len(), requests);
        std::fs::write(&file, "third").unwrap();
        assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
        assert!(!telemetry.explain().contains("hunter2"));
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    };
    std::thread::scope(|scope| {
        for protocol in PROTOCOLS {
            scope.spawn(move || case(protocol));
        }
    });
}

/// Row 8: answers that speak of the deployment are waited out.
#[test]
fn what_the_deployment_refuses_waits_until_it_is_mended() {
    for protocol in PROTOCOLS {
        for status in [401, 403, 404, 500] {
            let receiver = receiver();
            receiver.script(Answer::status(status));
            let telemetry = builder(&receiver, protocol)
                .limits(brisk())
                .build()
                .unwrap();
            spans(&telemetry, 100);
            let report = telemetry.flush_blocking(Duration::from_millis(100));
            await_outcomes(&receiver, 1, |outcome| !outcome.is_success());
            assert_conserved(&report, &receiver);
            assert!(!report.complete && report.lost() == 0, "{status}: {report}");
            receiver.script(Script::new());
            // The flush tries at once.
            assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
            assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        }
    }
}

/// Row 8: nobody flushes, and the data comes all the same.
#[test]
fn a_mended_deployment_is_found_without_a_flush() {
    let receiver = receiver();
    receiver.script(Script::times(1, Answer::status(401)));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 100);
    await_unique(&receiver, Signal::Traces, 100);
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
}

/// Row 5, scaled down: connections reset in the middle of a body.
#[test]
fn connections_that_are_reset_cost_nothing() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let reset = trisignal_receiver::Rule::new(Answer::reset()).share(0.3, 7);
        receiver.script(reset);
        let telemetry = builder(&receiver, protocol)
            .limits(brisk())
            .build()
            .unwrap();
        for round in 0..30 {
            numbered_spans(&telemetry, round * 100..(round + 1) * 100);
            let report = telemetry.flush_blocking(PATIENCE);
            assert!(report.complete, "{report}");
        }
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        let resets = receiver
            .requests()
            .iter()
            .filter(|r| r.outcome == Outcome::Reset)
            .count();
        assert!(resets > 0, "the fault occurred");
    }
}

/// A lane for each signal: one that the backend refuses does not hold up the others.
#[test]
fn one_signal_in_trouble_does_not_delay_the_others() {
    let receiver = receiver();
    receiver.script(trisignal_receiver::Rule::new(Answer::hang()).signal(Signal::Traces));
    let telemetry = builder(&receiver, Protocol::Grpc)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 100);
    await_outcomes(&receiver, 1, |outcome| outcome == Outcome::Hung);
    logs(&telemetry, 100);
    await_unique(&receiver, Signal::Logs, 100);
    let health = telemetry.health();
    assert_eq!((health.traces.held, health.traces.delivered), (100, 0));
    let _ = telemetry.shutdown_blocking(Duration::from_millis(50));
}
