//! The instruments of both sides.

use std::sync::Arc;

use opentelemetry::metrics::Counter;

use crate::exchange;
use crate::instruments::{Rebinding, Source, correlation_rejected, duration};

/// The instruments of all server layers that were given no meter.
pub(super) static SERVER: Rebinding<ServerInstruments> = Rebinding::new(ServerInstruments::new);

/// The instruments of all client layers that were given no meter.
pub(super) static CLIENT: Rebinding<ClientInstruments> = Rebinding::new(ClientInstruments::new);

pub(super) struct ServerInstruments {
    pub(super) exchanges: Arc<exchange::Instruments>,
    pub(super) correlation_rejected: Counter<u64>,
}

impl ServerInstruments {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let duration = duration(
            source.meter,
            "rpc.server.call.duration",
            "Duration of RPC server calls",
        );
        let exchanges = exchange::Instruments::new(duration, source.can_bind);
        Self {
            exchanges: Arc::new(exchanges),
            correlation_rejected: correlation_rejected(source.meter),
        }
    }
}

pub(super) struct ClientInstruments {
    pub(super) exchanges: Arc<exchange::Instruments>,
}

impl ClientInstruments {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let duration = duration(
            source.meter,
            "rpc.client.call.duration",
            "Duration of RPC client calls",
        );
        let exchanges = exchange::Instruments::new(duration, source.can_bind);
        Self {
            exchanges: Arc::new(exchanges),
        }
    }
}
