//! The Collector killed and restarted while a service is under load.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal::{ConsoleFormat, Limits, Protocol, Telemetry};
use trisignal_tests::{DEADLINE, Parts, Stack, until};

/// Items of each signal; at 1 ms each, the load is there before, during and after each outage.
const ITEMS: u64 = 3000;

#[test]
fn nothing_is_lost_when_the_collector_is_killed_by_grpc() {
    nothing_is_lost(
        "nothing_is_lost_when_the_collector_is_killed_by_grpc",
        Protocol::Grpc,
    );
}

#[test]
fn nothing_is_lost_when_the_collector_is_killed_by_http() {
    nothing_is_lost(
        "nothing_is_lost_when_the_collector_is_killed_by_http",
        Protocol::HttpProtobuf,
    );
}

fn nothing_is_lost(test: &str, protocol: Protocol) {
    let Some(mut stack) = Stack::start(test, Parts::default()) else {
        return;
    };
    let telemetry = telemetry(&stack, protocol);
    let trace = thread::scope(|scope| {
        let load = scope.spawn(|| load(&telemetry));
        for before in [ITEMS / 5, ITEMS / 2] {
            until("load before the kill", || {
                let health = telemetry.health();
                (health.traces.delivered >= before && health.logs.delivered >= before).then_some(())
            });
            stack.kill_collector();
            let killed_at = telemetry.health().traces.produced;
            until("load while the collector is away", || {
                let account = telemetry.health().traces;
                (account.produced >= killed_at + ITEMS / 10 && account.held > 0).then_some(())
            });
            stack.start_collector();
        }
        load.join().unwrap()
    });

    let report = telemetry.shutdown_blocking(DEADLINE);
    println!("{report}");
    assert!(report.complete, "{report}");
    // The load's own span is one more.
    assert_eq!(
        (report.traces.produced, report.traces.delivered),
        (ITEMS + 1, ITEMS + 1),
        "{report}"
    );
    assert_eq!(
        (report.logs.produced, report.logs.delivered),
        (ITEMS, ITEMS),
        "{report}"
    );
    assert_eq!(report.lost(), 0, "{report}");
    assert!(report.traces.balances() && report.logs.balances() && report.metrics.balances());

    // The ledger's word is checked against what the backends hold.
    let wanted: BTreeSet<String> = (0..ITEMS).map(|number| number.to_string()).collect();
    let jaeger = stack.jaeger();
    until("each span in Jaeger", || {
        let spans = jaeger.trace(&trace);
        let found: BTreeSet<String> = spans
            .iter()
            .filter_map(|span| span.attribute("number"))
            .collect();
        (found == wanted).then_some(())
    });
    let arrived = |store: &trisignal_receiver::Store| {
        let logs = store.logs().trace(&trace).all();
        let found: BTreeSet<String> = logs
            .iter()
            .filter_map(|log| log.attr("number").map(ToString::to_string))
            .collect();
        (found == wanted).then_some(())
    };
    stack.loki.wait_for_blocking(DEADLINE, arrived).unwrap();
}

fn telemetry(stack: &Stack, protocol: Protocol) -> Telemetry {
    let endpoint = match protocol {
        Protocol::Grpc => stack.grpc_endpoint(),
        _ => stack.http_endpoint(),
    };
    let limits = Limits {
        schedule_delay: Some(Duration::from_millis(100)),
        retry_initial: Some(Duration::from_millis(100)),
        retry_max: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    trisignal::builder("load")
        .environment(BTreeMap::<String, String>::new())
        .endpoint(endpoint)
        .protocol(protocol)
        .console(ConsoleFormat::Off)
        .limits(limits)
        .build()
        .unwrap()
}

/// Makes a trace of many spans with a log record each, and gives its ID.
fn load(telemetry: &Telemetry) -> String {
    let subscriber = Registry::default().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let whole = info_span!("load");
        let _in_whole = whole.enter();
        let trace = Context::current()
            .span()
            .span_context()
            .trace_id()
            .to_string();
        for number in 0..ITEMS {
            let _in_step = info_span!("step", number).entered();
            info!(number, "a step was taken");
            // The pace of the load, not a wait for anything.
            thread::sleep(Duration::from_millis(1));
        }
        trace
    })
}
