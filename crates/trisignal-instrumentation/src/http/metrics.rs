//! The instruments of both sides.

use std::sync::Arc;

use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::outcome::Sizes;
use crate::exchange;
use crate::instruments::{Rebinding, Source, correlation_rejected, duration};

/// The instruments of all server layers that were given no meter.
pub(super) static SERVER: Rebinding<ServerInstruments> = Rebinding::new(ServerInstruments::new);

/// The instruments of all client layers that were given no meter.
pub(super) static CLIENT: Rebinding<ClientInstruments> = Rebinding::new(ClientInstruments::new);

/// The attributes by which active requests are counted: method and scheme.
const ACTIVE_ATTRIBUTES: usize = 2;

pub(super) struct ServerInstruments {
    pub(super) exchanges: Arc<exchange::Instruments>,
    pub(super) correlation_rejected: Counter<u64>,
    body_sizes: BodySizes,
}

impl ServerInstruments {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let meter = source.meter;
        let duration = duration(
            meter,
            "http.server.request.duration",
            "Duration of HTTP server requests",
        );
        let active = meter
            .i64_up_down_counter("http.server.active_requests")
            .with_unit("{request}")
            .with_description("Number of active HTTP server requests")
            .build();
        let exchanges = exchange::Instruments::new(duration, source.can_bind);
        Self {
            exchanges: Arc::new(exchanges.counting(active, ACTIVE_ATTRIBUTES)),
            correlation_rejected: correlation_rejected(meter),
            body_sizes: BodySizes {
                request: body_size(
                    meter,
                    "http.server.request.body.size",
                    "Size of HTTP server request bodies",
                ),
                response: body_size(
                    meter,
                    "http.server.response.body.size",
                    "Size of HTTP server response bodies",
                ),
            },
        }
    }
}

impl ServerInstruments {
    /// The sizes of an exchange whose request announced `request` bytes.
    pub(super) fn sizes(&self, request: Option<u64>) -> Sizes {
        self.body_sizes.of(request)
    }
}

pub(super) struct ClientInstruments {
    pub(super) exchanges: Arc<exchange::Instruments>,
    body_sizes: BodySizes,
}

impl ClientInstruments {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let meter = source.meter;
        let duration = duration(
            meter,
            "http.client.request.duration",
            "Duration of HTTP client requests",
        );
        let exchanges = exchange::Instruments::new(duration, source.can_bind);
        Self {
            exchanges: Arc::new(exchanges),
            body_sizes: BodySizes {
                request: body_size(
                    meter,
                    "http.client.request.body.size",
                    "Size of HTTP client request bodies",
                ),
                response: body_size(
                    meter,
                    "http.client.response.body.size",
                    "Size of HTTP client response bodies",
                ),
            },
        }
    }

    /// The sizes of an exchange whose request announced `request` bytes.
    pub(super) fn sizes(&self, request: Option<u64>) -> Sizes {
        self.body_sizes.of(request)
    }
}

struct BodySizes {
    request: Histogram<u64>,
    response: Histogram<u64>,
}

impl BodySizes {
    fn of(&self, request: Option<u64>) -> Sizes {
        Sizes {
            request_size: self.request.clone(),
            response_size: self.response.clone(),
            request,
            response: None,
        }
    }
}

fn body_size(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<u64> {
    meter
        .u64_histogram(name)
        .with_unit("By")
        .with_description(description)
        .build()
}
