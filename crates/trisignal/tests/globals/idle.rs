//! Row 32: at the level of trace, exporting makes nothing to export.

use std::time::Duration;

use trisignal::Protocol;
use trisignal_receiver::Signal;

use super::certificates::{Authority, server};
use super::common::{PATIENCE, brisk, builder_to, receiver};
use super::isolated::{Process, told};
use super::lines::Lines;
use super::proxy::Proxy;

/// Exports in the idle time, at the least. Each would make records, if exporting did.
const EXPORTS: u64 = 10;

/// Ten events, ten records of `log`, and the one that tells at `debug` what is in force.
const LOGS: u64 = 10 + 10 + 1;

/// A service that has everything at `trace`, works a little, and is idle.
fn idle(told: &str) {
    let [protocol, endpoint, ca] = told.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{told}")
    };
    let lines = Lines::default();
    let protocol = if protocol == "grpc" {
        Protocol::Grpc
    } else {
        Protocol::HttpProtobuf
    };
    let mut builder = builder_to(endpoint.to_owned(), protocol);
    if !ca.is_empty() {
        builder = builder.ca_certificate(ca);
    }
    let builder = builder
        .limits(brisk())
        .console_filter("trace")
        .logs_filter("trace")
        .traces_filter("trace")
        .metric_interval(Duration::from_millis(100));
    let telemetry = lines.attach(builder).install().unwrap();
    telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .build()
        .add(1, &[]);
    for number in 0..10_i64 {
        tracing::trace_span!("work", item = number).in_scope(|| {
            tracing::trace!(number, "worked");
            log::trace!("worked {number}");
        });
    }
    // Whatever the machine makes of the interval: each of these sends what has been collected.
    for _ in 0..EXPORTS {
        assert!(telemetry.flush_blocking(PATIENCE).complete);
    }
    let report = telemetry.shutdown_blocking(PATIENCE);
    println!("console lines: {}", lines.take().len());
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(
        (report.traces.produced, report.logs.produced),
        (10, LOGS),
        "{report}"
    );
}

#[test]
fn an_idle_service_exports_nothing_about_its_exporting() {
    if let Some(told) = told() {
        return idle(&told);
    }
    let case = |protocol: Protocol, secure: bool| {
        // In the parent: a receiver has an HTTP stack as well, and could be taken for the pipeline's.
        let receiver = receiver();
        let authority = Authority::new();
        let proxy = Proxy::to(&receiver, protocol);
        let (proxy, scheme) = match secure {
            true => {
                let identity = authority.sign("127.0.0.1", 4_000);
                (proxy.tls(server(&identity, None, protocol)), "https")
            }
            false => (proxy, "http"),
        };
        let ca = if secure {
            authority.file().display().to_string()
        } else {
            String::new()
        };
        let test = "idle::an_idle_service_exports_nothing_about_its_exporting";
        let output =
            Process::start(test, &format!("{protocol} {} {ca}", proxy.endpoint(scheme))).finish();
        println!(
            "{protocol}, {scheme}: {}",
            output.lines().find(|line| line.contains("lines")).unwrap()
        );

        let [traces, logs] = [Signal::Traces, Signal::Logs].map(|signal| receiver.received(signal));
        assert_eq!(
            (traces.unique, traces.duplicates),
            (10, 0),
            "{:?}",
            receiver.spans().names()
        );
        let foreign = receiver
            .logs()
            .filter(|log| !log.target().starts_with("globals"))
            .all();
        assert_eq!(foreign.len(), 1, "{foreign:?}");
        assert_eq!(foreign[0].message(), "telemetry is set up");
        assert_eq!((logs.unique, logs.items), (LOGS, LOGS));
        let metrics = receiver.received(Signal::Metrics);
        assert!(metrics.requests >= EXPORTS, "it was not idle: {metrics:?}");
    };
    std::thread::scope(|scope| {
        for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
            for secure in [false, true] {
                scope.spawn(move || case(protocol, secure));
            }
        }
    });
}
