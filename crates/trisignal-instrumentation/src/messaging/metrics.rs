//! The instruments of producers and consumers.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::instruments::{Rebinding, Source, correlation_rejected, duration};

/// The instruments of all that were given no meter.
pub(super) static GLOBAL: Rebinding<Instruments> = Rebinding::new(Instruments::new);

pub(super) struct Instruments {
    pub(super) operation_duration: Histogram<f64>,
    pub(super) process_duration: Histogram<f64>,
    pub(super) sent: Counter<u64>,
    pub(super) consumed: Counter<u64>,
    pub(super) correlation_rejected: Counter<u64>,
}

impl Instruments {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let meter = source.meter;
        Self {
            operation_duration: duration(
                meter,
                "messaging.client.operation.duration",
                "Duration of operations that a producer or consumer client started",
            ),
            process_duration: duration(
                meter,
                "messaging.process.duration",
                "Duration of processing messages",
            ),
            sent: messages(
                meter,
                "messaging.client.sent.messages",
                "Messages that a producer tried to send to the broker",
            ),
            consumed: messages(
                meter,
                "messaging.client.consumed.messages",
                "Messages that were delivered to the application",
            ),
            correlation_rejected: correlation_rejected(meter),
        }
    }
}

fn messages(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter
        .u64_counter(name)
        .with_unit("{message}")
        .with_description(description)
        .build()
}
