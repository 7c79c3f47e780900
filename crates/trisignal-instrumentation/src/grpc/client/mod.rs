//! The client layer and its settings.

mod begin;
mod service;

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, Uri};
use opentelemetry::metrics::Meter;
use tower_layer::Layer;

pub use self::service::ClientService;
use super::methods::Methods;
use super::metrics::ClientInstruments;
use crate::exchange::Capture;
use crate::exchange::values::{default_port, host_and_port};

/// Puts each outgoing gRPC call into a span, measures it, and sends trace, baggage and correlation
/// ID along.
///
/// It goes around a service over `http::Request<B>`, like a `tonic` channel, and is one itself, so
/// a generated client takes it. The span's parent is whatever span is current at the call. Put the
/// layer inside of one that retries: each attempt is a span of its own.
///
/// # What is sent
///
/// The metadata of the global propagator, and `x-correlation-id`. The correlation ID goes into the
/// baggage as well, even where it is the trace ID. A well-formed `x-correlation-id` that the call
/// already has is kept and wins. Without a current span, baggage or ID nothing is added.
///
/// # Defaults
///
/// Target from the URI of the request, which `tonic` leaves empty; no metadata captured; global
/// meter.
#[derive(Clone, Default)]
pub struct ClientLayer {
    target: Option<Target>,
    methods: Arc<Methods>,
    request_metadata: Capture,
    response_metadata: Capture,
    /// The injected instruments, in place of those of the global meter.
    instruments: Option<Arc<ClientInstruments>>,
}

/// Where the calls go, as the attributes want it.
#[derive(Clone)]
struct Target {
    address: Arc<str>,
    port: Option<u16>,
}

impl ClientLayer {
    /// A layer with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the channel goes: `server.address` and `server.port`. For `tonic` it is
    /// `endpoint.uri()`.
    ///
    /// Default: what the URI of each request says, if it says anything.
    #[must_use]
    pub fn target(self, target: &Uri) -> Self {
        Self {
            target: Target::of(target),
            ..self
        }
    }

    /// The request metadata to put on the span, as `rpc.request.metadata.<key>`. A value that is
    /// marked as sensitive is shown as `REDACTED`.
    ///
    /// Default: none.
    #[must_use]
    pub fn capture_request_metadata(self, keys: impl IntoIterator<Item = HeaderName>) -> Self {
        Self {
            request_metadata: Capture::new("rpc.request.metadata", keys),
            ..self
        }
    }

    /// The initial metadata of the response to put on the span, as `rpc.response.metadata.<key>`.
    /// A value that is marked as sensitive is shown as `REDACTED`.
    ///
    /// Default: none.
    #[must_use]
    pub fn capture_response_metadata(self, keys: impl IntoIterator<Item = HeaderName>) -> Self {
        Self {
            response_metadata: Capture::new("rpc.response.metadata", keys),
            ..self
        }
    }

    /// The meter that makes the instruments, for tests and for programs with several providers.
    ///
    /// Default: the global one, followed when it is installed late.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        Self {
            instruments: Some(Arc::new(ClientInstruments::new(&meter.into()))),
            ..self
        }
    }
}

impl Target {
    fn of(uri: &Uri) -> Option<Self> {
        let (address, port) = host_and_port(uri.authority()?.as_str());
        Some(Self {
            address: address.into(),
            port: port.or_else(|| default_port(uri.scheme_str()?)),
        })
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService::new(inner, self.clone())
    }
}

impl fmt::Debug for ClientLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer").finish_non_exhaustive()
    }
}
