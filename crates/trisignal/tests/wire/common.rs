//! What the tests share: a receiver, telemetry that sends to it, and patience.

use std::collections::HashMap;
use std::time::Duration;

use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use trisignal::{Builder, ConsoleFormat, Protocol, Report, Telemetry};
use trisignal_receiver::Receiver;

/// For conditions that hold soon on any machine: reaching it is a failure, not slowness.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const PROTOCOLS: [Protocol; 2] = [Protocol::HttpProtobuf, Protocol::Grpc];

pub fn receiver() -> Receiver {
    Receiver::start_blocking().expect("a receiver starts on free ports")
}

/// A builder that sends to `receiver`, silent on the console, deaf to the environment of the test.
pub fn builder(receiver: &Receiver, protocol: Protocol) -> Builder {
    let endpoint = match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint(),
    };
    trisignal::builder("checkout")
        .environment(HashMap::<String, String>::new())
        .console(ConsoleFormat::Off)
        .protocol(protocol)
        .endpoint(endpoint)
}

pub fn telemetry(receiver: &Receiver) -> Telemetry {
    builder(receiver, Protocol::HttpProtobuf).build().expect("the settings are valid")
}

/// A subscriber with nothing but the layer of `telemetry`.
pub fn subscriber(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(Registry::default().with(telemetry.layer()))
}

/// Runs `work` with the spans and events of this thread going to `telemetry`.
pub fn record<T>(telemetry: &Telemetry, work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&subscriber(telemetry), work)
}

/// Ends `count` spans named `work`, numbered by the attribute `number`.
pub fn spans(telemetry: &Telemetry, count: u64) {
    record(telemetry, || (0..count).for_each(|number| drop(tracing::info_span!("work", number))));
}

/// That every account of `report` balances; with the report in the message.
pub fn assert_balanced(report: &Report) {
    for account in [&report.traces, &report.metrics, &report.logs] {
        assert!(account.balances(), "{report}");
    }
}
