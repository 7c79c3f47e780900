//! Flush and shutdown on any runtime and on none, once, twice and all at once.

use std::pin::pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use trisignal::{DropReason, Protocol, Telemetry};
use trisignal_receiver::{Answer, Receiver, Script, Signal};

use super::common::{
    PATIENCE, PROTOCOLS, assert_all_delivered, assert_balanced, assert_conserved, await_unique,
    brisk, builder, numbered_spans, receiver, record, shut_down, spans, telemetry,
};

/// More than any of these calls may take; a deadlock takes longer.
const BOUND: Duration = Duration::from_secs(20);

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Runs a future without any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

/// Runs `work` on a thread of its own, so that a deadlock is a failure and not a test that never ends.
fn within_bound<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(work()).is_ok());
    result
        .recv_timeout(BOUND)
        .expect("ends in time, without a panic")
}

fn with_backend(script: impl Into<Script>) -> (Receiver, Telemetry) {
    let receiver = receiver();
    receiver.script(script);
    let telemetry = builder(&receiver, Protocol::Grpc)
        .limits(brisk())
        .build()
        .unwrap();
    (receiver, telemetry)
}

/// Row 16: a healthy backend, awaited on the only thread of the host's runtime.
#[test]
fn a_current_thread_runtime_can_flush_and_shut_down() {
    within_bound(|| {
        let (receiver, telemetry) = with_backend(Script::new());
        current_thread().block_on(async {
            spans(&telemetry, 100);
            assert_all_delivered(&telemetry.flush(PATIENCE).await, &receiver);
            numbered_spans(&telemetry, 100..200);
            // The blocking forms block the host's thread, and nothing that they need runs on it.
            assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
            numbered_spans(&telemetry, 200..300);
            assert_all_delivered(&telemetry.shutdown(PATIENCE).await, &receiver);
        });
        assert_eq!(receiver.received(Signal::Traces).unique, 300);
    });
    within_bound(|| {
        let (receiver, telemetry) = with_backend(Script::new());
        current_thread().block_on(async {
            spans(&telemetry, 100);
            assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        });
    });
}

/// Row 16: the same with a backend that never answers.
#[test]
fn a_current_thread_runtime_is_not_held_by_a_silent_backend() {
    let deadline = Duration::from_millis(200);
    within_bound(move || {
        let (receiver, telemetry) = with_backend(Answer::hang());
        current_thread().block_on(async {
            spans(&telemetry, 100);
            let report = telemetry.flush(deadline).await;
            assert!(!report.complete && report.traces.held == 100, "{report}");
            let report = telemetry.flush_blocking(deadline);
            assert!(!report.complete && report.traces.held == 100, "{report}");
            let report = telemetry.shutdown(deadline).await;
            assert_conserved(&report, &receiver);
            assert_eq!(
                report.traces.dropped.get(DropReason::Shutdown),
                100,
                "{report}"
            );
        });
    });
    within_bound(move || {
        let (receiver, telemetry) = with_backend(Answer::hang());
        current_thread().block_on(async {
            spans(&telemetry, 100);
            let report = shut_down(&telemetry, deadline);
            assert_conserved(&report, &receiver);
            assert_eq!(report.lost(), 100, "{report}");
        });
    });
}

/// Row 16: a callback of the user that hangs takes its own signal only, and not beyond the deadline.
#[test]
fn a_hanging_callback_does_not_hold_up_the_shutdown() {
    within_bound(|| {
        let (receiver, telemetry) = with_backend(Script::new());
        let (release, released) = mpsc::channel::<()>();
        let released = std::sync::Mutex::new(released);
        let _hanging = telemetry
            .meter("orders")
            .u64_observable_gauge("queue.length")
            .with_callback(move |_| released.lock().unwrap().recv().unwrap_or_default())
            .build();
        spans(&telemetry, 100);
        let report = shut_down(&telemetry, Duration::from_secs(4));
        assert_conserved(&report, &receiver);
        assert_eq!(report.traces.delivered, 100, "{report}");
        drop(release);
    });
}

/// Row 17: the host blocks all workers of its runtime.
#[test]
fn blocked_workers_of_the_host_do_not_stop_the_export() {
    const WORKERS: usize = 2;
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let host = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .unwrap();
        let telemetry = host.block_on(async {
            builder(&receiver, protocol)
                .limits(brisk())
                .build()
                .unwrap()
        });
        let (blocked, free) = (
            Arc::new(Barrier::new(WORKERS + 1)),
            Arc::new(Barrier::new(WORKERS + 1)),
        );
        for _ in 0..WORKERS {
            let (blocked, free) = (Arc::clone(&blocked), Arc::clone(&free));
            host.spawn(async move {
                blocked.wait();
                free.wait();
            });
        }
        blocked.wait();
        spans(&telemetry, 1_000);
        await_unique(&receiver, Signal::Traces, 1_000);
        assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
        free.wait();
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    }
}

/// Row 18: the runtime that telemetry was built on is gone.
#[test]
fn telemetry_outlives_the_runtime_of_the_host() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let host = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let telemetry = host.block_on(async {
            let telemetry = builder(&receiver, protocol)
                .limits(brisk())
                .build()
                .unwrap();
            spans(&telemetry, 100);
            telemetry
        });
        drop(host);
        numbered_spans(&telemetry, 100..200);
        assert_all_delivered(&telemetry.flush_blocking(PATIENCE), &receiver);
        numbered_spans(&telemetry, 200..300);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert_all_delivered(&report, &receiver);
        assert_eq!(report.traces.delivered, 300);
    }
}

/// Row 18: no runtime at all, not even for the futures.
#[test]
fn futures_of_telemetry_need_no_runtime() {
    let receiver = receiver();
    let telemetry = telemetry(&receiver);
    spans(&telemetry, 100);
    assert_all_delivered(&block_on(telemetry.flush(PATIENCE)), &receiver);
    numbered_spans(&telemetry, 100..200);
    assert_all_delivered(&block_on(telemetry.shutdown(PATIENCE)), &receiver);
}

/// Row 18: flushes and shutdowns all at once, while spans still come.
#[test]
fn concurrent_shutdowns_have_one_report() {
    const PRODUCERS: u64 = 4;
    const EACH: u64 = 5_000;
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .build()
        .unwrap();
    spans(&telemetry, 100);
    let reports = std::thread::scope(|scope| {
        for producer in 1..=PRODUCERS {
            let numbers = producer * EACH..(producer + 1) * EACH;
            scope.spawn(|| numbered_spans(&telemetry, numbers));
        }
        await_unique(&receiver, Signal::Traces, 100);
        let telemetry = &telemetry;
        for _ in 0..2 {
            scope.spawn(|| assert_balanced(&telemetry.flush_blocking(PATIENCE)));
            scope.spawn(|| assert_balanced(&block_on(telemetry.flush(PATIENCE))));
        }
        let shutdowns: Vec<_> = (0..8)
            .map(|index| {
                scope.spawn(move || match index % 2 {
                    0 => telemetry.shutdown_blocking(PATIENCE),
                    _ => block_on(telemetry.shutdown(PATIENCE)),
                })
            })
            .collect();
        shutdowns
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_conserved(&reports[0], &receiver);
    for report in &reports {
        assert_eq!(
            (report.traces, report.complete),
            (reports[0].traces, reports[0].complete)
        );
    }
    // What came after the end is in the account as well.
    let account = telemetry.health().traces;
    assert_eq!(account.produced, 100 + PRODUCERS * EACH);
    assert_eq!(account.delivered, receiver.received(Signal::Traces).unique);
    assert_eq!(
        account.dropped.get(DropReason::Shutdown),
        account.produced - account.delivered
    );
    assert_eq!((account.held, account.balances()), (0, true));
}

/// Row 18: a flush that nobody waits for any more, and one after the end.
#[test]
fn abandoned_and_late_flushes_do_no_harm() {
    let (receiver, telemetry) = with_backend(Script::new());
    spans(&telemetry, 100);
    {
        let mut flush = pin!(telemetry.flush(PATIENCE));
        let _ = flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    let (done, report) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| done.send(telemetry.flush_blocking(PATIENCE)).is_ok());
        let report = report
            .recv_timeout(BOUND)
            .expect("a flush after the end answers at once");
        assert_all_delivered(&report, &receiver);
    });
}

/// Row 15, as far as it goes without a spool: the handle goes out of scope.
#[test]
fn a_dropped_handle_delivers() {
    for protocol in PROTOCOLS {
        let receiver = receiver();
        let telemetry = builder(&receiver, protocol).build().unwrap();
        spans(&telemetry, 1_000);
        drop(telemetry);
        let received = receiver.received(Signal::Traces);
        assert_eq!((received.unique, received.duplicates), (1_000, 0));
    }
}

/// Row 15: dropped on the only thread of a runtime, before a backend that never answers.
#[test]
fn a_dropped_handle_is_not_held_by_a_silent_backend() {
    within_bound(|| {
        let (_receiver, telemetry) = with_backend(Answer::hang());
        current_thread().block_on(async move {
            spans(&telemetry, 100);
            drop(telemetry);
        });
    });
}

/// A subscriber may outlive the handle: what it still records is dropped, without a panic.
#[test]
fn a_subscriber_may_outlive_telemetry() {
    let (receiver, telemetry) = with_backend(Script::new());
    let subscriber = super::common::subscriber(&telemetry);
    record(&telemetry, || drop(tracing::info_span!("work", number = 0)));
    drop(telemetry);
    tracing::dispatcher::with_default(&subscriber, || {
        tracing::info_span!("late").in_scope(|| tracing::info!("too late"));
    });
    assert_eq!(receiver.received(Signal::Traces).unique, 1);
    assert_eq!(receiver.received(Signal::Logs).unique, 0);
}
