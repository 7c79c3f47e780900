//! The Collector killed and restarted while a service is under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::{info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal::{ConsoleFormat, Limits, Protocol, Telemetry};
use trisignal_tests::{DEADLINE, Over, Parts, Stack, until};

/// Items of each signal before, during and after each outage, at the least.
const ITEMS: u64 = 300;

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
    let over = AtomicBool::new(false);
    let delivered = |least: u64| {
        until("load that is delivered", || {
            let health = telemetry.health();
            (health.traces.delivered >= least && health.logs.delivered >= least).then_some(())
        });
    };
    let (trace, items) = thread::scope(|scope| {
        let load = scope.spawn(|| load(&telemetry, &over));
        let end = Over(&over);
        for _ in 0..2 {
            delivered(telemetry.health().traces.produced + ITEMS);
            stack.kill_collector();
            let killed_at = telemetry.health().traces.produced;
            until("load while the collector is away", || {
                let account = telemetry.health().traces;
                (account.produced >= killed_at + ITEMS && account.held > 0).then_some(())
            });
            stack.start_collector();
        }
        delivered(telemetry.health().traces.produced + ITEMS);
        drop(end);
        load.join().unwrap()
    });

    let report = telemetry.shutdown_blocking(DEADLINE);
    println!("{report}");
    assert!(report.complete, "{report}");
    // The load's own span is one more.
    assert_eq!(
        (report.traces.produced, report.traces.delivered),
        (items + 1, items + 1),
        "{report}"
    );
    assert_eq!(
        (report.logs.produced, report.logs.delivered),
        (items, items),
        "{report}"
    );
    assert_eq!(report.lost(), 0, "{report}");
    assert!(report.traces.balances() && report.logs.balances() && report.metrics.balances());

    // The ledger's word is checked against what the backends hold.
    let wanted: BTreeSet<String> = (0..items).map(|number| number.to_string()).collect();
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

/// Makes a trace of spans with a log record each until it is `over`, and gives its ID and the number of the spans.
fn load(telemetry: &Telemetry, over: &AtomicBool) -> (String, u64) {
    let subscriber = Registry::default().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let whole = info_span!("load");
        let _in_whole = whole.enter();
        let trace = Context::current()
            .span()
            .span_context()
            .trace_id()
            .to_string();
        let mut items = 0;
        while !over.load(Ordering::Relaxed) {
            let _in_step = info_span!("step", number = items).entered();
            info!(number = items, "a step was taken");
            items += 1;
            // The pace of the load, not a wait for anything.
            thread::sleep(Duration::from_millis(1));
        }
        (trace, items)
    })
}
