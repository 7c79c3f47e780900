//! The instruments of both sides.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::instruments::{Rebinding, correlation_rejected, duration};

/// The instruments of all server layers that were given no meter.
pub(super) static SERVER: Rebinding<ServerInstruments> = Rebinding::new(ServerInstruments::new);

/// The instruments of all client layers that were given no meter.
pub(super) static CLIENT: Rebinding<ClientInstruments> = Rebinding::new(ClientInstruments::new);

pub(super) struct ServerInstruments {
    pub(super) duration: Histogram<f64>,
    pub(super) correlation_rejected: Counter<u64>,
}

impl ServerInstruments {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            duration: duration(
                meter,
                "rpc.server.call.duration",
                "Duration of RPC server calls",
            ),
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
                "rpc.client.call.duration",
                "Duration of RPC client calls",
            ),
        }
    }
}
