//! The instruments of both sides.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use crate::instruments::{Rebinding, correlation_rejected};

/// The boundaries that the conventions ask for, in seconds.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The instruments of all server layers that were given no meter.
pub(super) static SERVER: Rebinding<ServerInstruments> = Rebinding::new(ServerInstruments::new);

/// The instruments of all client layers that were given no meter.
pub(super) static CLIENT: Rebinding<ClientInstruments> = Rebinding::new(ClientInstruments::new);

pub(super) struct ServerInstruments {
    pub(super) duration: Histogram<f64>,
    pub(super) active: UpDownCounter<i64>,
    pub(super) correlation_rejected: Counter<u64>,
}

impl ServerInstruments {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            duration: duration(
                meter,
                "http.server.request.duration",
                "Duration of HTTP server requests",
            ),
            active: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_unit("{request}")
                .with_description("Number of active HTTP server requests")
                .build(),
            correlation_rejected: correlation_rejected(meter),
        }
    }
}

pub(super) struct ClientInstruments {
    pub(super) duration: Histogram<f64>,
}

impl ClientInstruments {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            duration: duration(
                meter,
                "http.client.request.duration",
                "Duration of HTTP client requests",
            ),
        }
    }
}

/// One request in `http.server.active_requests`, taken out again when it is dropped, in whatever
/// way that comes about.
pub(super) struct Active {
    instruments: Arc<ServerInstruments>,
    attributes: [KeyValue; 2],
}

impl Active {
    pub(super) fn new(instruments: Arc<ServerInstruments>, attributes: [KeyValue; 2]) -> Self {
        instruments.active.add(1, &attributes);
        Self {
            instruments,
            attributes,
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.instruments.active.add(-1, &self.attributes);
    }
}

fn duration(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
}
