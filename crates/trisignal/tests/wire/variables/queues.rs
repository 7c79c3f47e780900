//! When spans and logs leave, and how many wait.

use trisignal::DropReason;
use trisignal_receiver::{Answer, Script, Signal};

use super::super::common::{await_unique, eventually, logs, receiver, spans};
use super::{NEVER, SOON, Service, give_up, proofs};

/// The signal whose delay is short comes by itself, and the other one does not before it is asked for.
fn only_comes(signal: Signal, variables: &[(&str, &str)]) {
    let service = Service::new(variables);
    spans(&service.telemetry, 1);
    logs(&service.telemetry, 1);
    await_unique(&service.receiver, signal, 1);
    let other = if signal == Signal::Traces {
        Signal::Logs
    } else {
        Signal::Traces
    };
    assert_eq!(service.receiver.received(other).requests, 0);
    let report = service.end();
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(service.receiver.received(other).unique, 1);
}

/// A batch that is full leaves before its time.
fn leaves_when_full(variables: &[(&str, &str)], signal: Signal, produce: fn(&Service, u64)) {
    let service = Service::new(variables);
    produce(&service, 5);
    await_unique(&service.receiver, signal, 5);
    let report = service.end();
    assert!(report.complete && report.lost() == 0, "{report}");
}

/// An attempt that the exporter's own timeout would never end is given up.
pub(super) fn gives_up(variable: &str, signal: Signal) {
    let receiver = receiver();
    receiver.script(Script::always(Answer::hang()));
    let service = Service::with(
        receiver,
        &[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            (variable, "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", SOON),
            ("OTEL_BLRP_SCHEDULE_DELAY", SOON),
            ("OTEL_METRIC_EXPORT_INTERVAL", SOON),
        ],
    );
    service.work();
    let requests = |of: Signal| {
        let all = service.receiver.requests();
        all.iter()
            .filter(|request| request.signal == Some(of))
            .count()
    };
    eventually("a second attempt", || requests(signal) >= 2);
    for other in Signal::ALL {
        assert!(other == signal || requests(other) <= 1, "{other}");
    }
    give_up(&service.telemetry);
}

/// Of what is produced while nothing may leave, the newest stay.
fn keeps(variables: &[(&str, &str)], signal: Signal, produce: fn(&Service, u64)) {
    let service = Service::new(variables);
    // The encoder takes full batches meanwhile, so that not all of the rest is lost.
    produce(&service, 20_000);
    let report = service.end();
    let account = if signal == Signal::Traces {
        report.traces
    } else {
        report.logs
    };
    assert!(account.balances(), "{account}");
    assert!(account.dropped.get(DropReason::QueueFull) > 0, "{account}");
    assert_eq!(account.delivered, service.receiver.received(signal).unique);
}

fn produce_spans(service: &Service, count: u64) {
    spans(&service.telemetry, count);
}

fn produce_logs(service: &Service, count: u64) {
    logs(&service.telemetry, count);
}

proofs! {
    OTEL_BSP_SCHEDULE_DELAY => {
        only_comes(Signal::Traces, &[("OTEL_BSP_SCHEDULE_DELAY", SOON), ("OTEL_BLRP_SCHEDULE_DELAY", NEVER)]);
    }

    OTEL_BLRP_SCHEDULE_DELAY => {
        only_comes(Signal::Logs, &[("OTEL_BSP_SCHEDULE_DELAY", NEVER), ("OTEL_BLRP_SCHEDULE_DELAY", SOON)]);
    }

    OTEL_BSP_EXPORT_TIMEOUT => { gives_up("OTEL_BSP_EXPORT_TIMEOUT", Signal::Traces); }

    OTEL_BLRP_EXPORT_TIMEOUT => { gives_up("OTEL_BLRP_EXPORT_TIMEOUT", Signal::Logs); }

    OTEL_BSP_MAX_EXPORT_BATCH_SIZE => {
        let variables = [("OTEL_BSP_SCHEDULE_DELAY", NEVER), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")];
        leaves_when_full(&variables, Signal::Traces, produce_spans);
    }

    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE => {
        let variables = [("OTEL_BLRP_SCHEDULE_DELAY", NEVER), ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "5")];
        leaves_when_full(&variables, Signal::Logs, produce_logs);
    }

    OTEL_BSP_MAX_QUEUE_SIZE => {
        keeps(&[("OTEL_BSP_MAX_QUEUE_SIZE", "10")], Signal::Traces, produce_spans);
    }

    OTEL_BLRP_MAX_QUEUE_SIZE => {
        keeps(&[("OTEL_BLRP_MAX_QUEUE_SIZE", "10"), ("OTEL_RUST_CONSOLE", "off")], Signal::Logs, produce_logs);
    }
}
