//! What the operator switches off makes no requests, holds nothing, and leaves the rest alone.

use std::collections::HashMap;

use trisignal::{Report, SignalAccount, Telemetry};
use trisignal_receiver::{Receiver, Signal};

use super::common::{PATIENCE, assert_all_delivered, builder, receiver, record};

fn with_environment(receiver: &Receiver, variables: &[(&str, &str)]) -> Telemetry {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: HashMap<String, String> = owned.collect();
    // Without a console, so that each signal is on its own: the layer of one must not silence the others.
    builder(receiver, trisignal::Protocol::HttpProtobuf)
        .environment(environment)
        .build()
        .unwrap()
}

/// One item of each signal at least.
fn work(telemetry: &Telemetry) -> Report {
    let counter = telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .build();
    record(telemetry, || {
        tracing::info_span!("work").in_scope(|| tracing::info!("worked"));
        counter.add(1, &[]);
    });
    assert!(telemetry.flush_blocking(PATIENCE).complete);
    telemetry.shutdown_blocking(PATIENCE)
}

#[test]
fn a_signal_without_an_exporter_is_not_sent() {
    for off in Signal::ALL {
        let receiver = receiver();
        let variable = format!("OTEL_{}_EXPORTER", off.as_str().to_uppercase());
        let telemetry = with_environment(&receiver, &[(&variable, "none")]);
        let report = work(&telemetry);
        assert_all_delivered(&report, &receiver);
        for signal in Signal::ALL {
            assert_eq!(
                receiver.received(signal).requests > 0,
                signal != off,
                "{variable}, {signal}"
            );
        }
        let account = match off {
            Signal::Traces => report.traces,
            Signal::Metrics => report.metrics,
            Signal::Logs => report.logs,
        };
        assert_eq!(account, SignalAccount::default(), "{variable}");
    }
}

#[test]
fn disabled_telemetry_makes_no_request() {
    let none = [
        "OTEL_TRACES_EXPORTER",
        "OTEL_METRICS_EXPORTER",
        "OTEL_LOGS_EXPORTER",
    ];
    for variables in [
        vec![("OTEL_SDK_DISABLED", "true")],
        none.map(|name| (name, "none")).to_vec(),
    ] {
        let receiver = receiver();
        let telemetry = with_environment(&receiver, &variables);
        let report = work(&telemetry);
        assert!(report.complete && report.lost() == 0, "{report}");
        assert_eq!(
            [report.traces, report.metrics, report.logs],
            [SignalAccount::default(); 3]
        );
        assert!(receiver.requests().is_empty());
        assert!(telemetry.tracer_provider().is_none());
    }
}

#[test]
fn traces_that_are_not_sampled_are_not_produced() {
    let receiver = receiver();
    let telemetry = with_environment(&receiver, &[("OTEL_TRACES_SAMPLER", "always_off")]);
    let report = work(&telemetry);
    assert_all_delivered(&report, &receiver);
    assert_eq!((report.traces.produced, report.logs.produced), (0, 1));
}
