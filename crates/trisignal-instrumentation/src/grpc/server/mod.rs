//! The server layer and its settings.

mod begin;
mod service;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use opentelemetry::metrics::Meter;
use tower_layer::Layer;

pub use self::service::ServerService;
use super::methods::Methods;
use super::metrics::ServerInstruments;
use crate::exchange::{Capture, CorrelationHeaders, Exclusions, PeerOf, Trust};

/// Puts each call of a gRPC service into a span, measures it, continues the caller's trace and
/// carries the correlation ID.
///
/// It goes around services over `http::Request<B>` and `http::Response<R>` with any bodies: to
/// `tonic::transport::Server::layer`, or around `tonic`'s routes. Where `tonic-web` translates, it
/// goes inside of that. A call is read when it comes: metadata, trace, baggage and correlation ID.
/// The span is entered whenever the service or its response body runs, and ends with the trailers.
/// Every answer gets the metadata `x-correlation-id`.
///
/// The layer may be made before telemetry is set up; it works as soon as that is done.
///
/// # Defaults
///
/// [`Trust::Internal`]; correlation ID from `x-correlation-id`, then `x-request-id`; methods are
/// learned; peer unknown; no metadata captured; nothing excluded; global meter.
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use trisignal_instrumentation::grpc::ServerLayer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// // Any service that speaks gRPC over HTTP, like those of `tonic`.
/// let service = ServerLayer::new().layer(service_fn(|_: Request<String>| async {
///     let answer = Response::builder().header("grpc-status", "0");
///     Ok::<_, std::convert::Infallible>(answer.body(String::new()).unwrap())
/// }));
///
/// let request = Request::post("/shop.Orders/Place").header("x-correlation-id", "order-4711");
/// let response = service.oneshot(request.body(String::new()).unwrap()).await.unwrap();
/// assert_eq!(response.headers()["x-correlation-id"], "order-4711");
/// # }
/// ```
#[derive(Clone)]
pub struct ServerLayer {
    config: Arc<Config>,
}

#[derive(Clone)]
struct Config {
    trust: Trust,
    /// `None` follows the trust.
    forwarded: Option<bool>,
    correlation_headers: CorrelationHeaders,
    methods: Arc<Methods>,
    peer: Option<PeerOf>,
    exclusions: Exclusions,
    request_metadata: Capture,
    response_metadata: Capture,
    /// The injected instruments, in place of those of the global meter.
    instruments: Option<Arc<ServerInstruments>>,
}

impl ServerLayer {
    /// A layer with the defaults.
    pub fn new() -> Self {
        Self {
            config: Arc::new(Config {
                trust: Trust::default(),
                forwarded: None,
                correlation_headers: CorrelationHeaders::default(),
                methods: Arc::default(),
                peer: None,
                exclusions: Exclusions::default(),
                request_metadata: Capture::default(),
                response_metadata: Capture::default(),
                instruments: None,
            }),
        }
    }

    /// The methods that there are, as `package.Service/Method`; all others are `_OTHER`.
    ///
    /// Default: they are learned. A path of the right form is taken for a method once it was
    /// answered by gRPC, other than by `UNIMPLEMENTED` or by a status that gates in front of the
    /// methods give to any path (`UNAUTHENTICATED`, `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED`,
    /// `UNAVAILABLE`, `CANCELLED`, `DEADLINE_EXCEEDED`). An answer has a `grpc-status`, or the
    /// content type of gRPC and a body; a HTTP status alone is none. Until then `rpc.method` comes
    /// to its span with the answer, and a call without such an answer is `_OTHER`. At most 1,024 are
    /// learned; what comes after them is `_OTHER` too.
    #[must_use]
    pub fn known_methods(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.set(|config| config.methods = Arc::new(Methods::only(names)))
    }

    /// How the other end of the connection is found in a request: `network.peer.*`, and `client.*`
    /// where no proxy says more. A panic in it counts as no peer.
    ///
    /// Default: unknown. `tonic` has it in the request extension `TcpConnectInfo`; see the example
    /// of the [module](super).
    #[must_use]
    pub fn peer(self, peer: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> Self {
        self.set(|config| config.peer = Some(PeerOf::Told(Arc::new(peer))))
    }

    /// Leaves calls out of spans and metrics. Context and correlation ID work as for the others.
    /// With several rules one is enough. A panic in it counts as no.
    ///
    /// Default: none.
    #[must_use]
    pub fn exclude(self, rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|config| config.exclusions.add(rule))
    }

    /// Leaves calls of exactly these methods out of spans and metrics; see
    /// [`exclude`](Self::exclude).
    ///
    /// ```
    /// use trisignal_instrumentation::grpc::ServerLayer;
    ///
    /// let layer = ServerLayer::new()
    ///     .exclude_methods(["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"]);
    /// ```
    #[must_use]
    pub fn exclude_methods(self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let path = |name: &str| format!("/{}", name.trim_start_matches('/'));
        let paths: Vec<String> = names.into_iter().map(|name| path(name.as_ref())).collect();
        self.exclude(move |parts| paths.iter().any(|path| path == parts.uri.path()))
    }

    /// The request metadata to put on the span, as `rpc.request.metadata.<key>`. A value that is
    /// marked as sensitive is shown as `REDACTED`.
    ///
    /// Default: none.
    #[must_use]
    pub fn capture_request_metadata(self, keys: impl IntoIterator<Item = HeaderName>) -> Self {
        let capture = Capture::new("rpc.request.metadata", keys);
        self.set(|config| config.request_metadata = capture)
    }

    /// The initial metadata of the response to put on the span, as `rpc.response.metadata.<key>`.
    /// A value that is marked as sensitive is shown as `REDACTED`.
    ///
    /// Default: none.
    #[must_use]
    pub fn capture_response_metadata(self, keys: impl IntoIterator<Item = HeaderName>) -> Self {
        let capture = Capture::new("rpc.response.metadata", keys);
        self.set(|config| config.response_metadata = capture)
    }

    /// How far callers are believed. Default: [`Trust::Internal`].
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        self.set(|config| config.trust = trust)
    }

    /// Whether `Forwarded` and `X-Forwarded-*` are believed about client and host, whatever the
    /// trust says of the rest.
    ///
    /// Default: yes for [`Trust::Internal`], no for [`Trust::Edge`].
    #[must_use]
    pub fn forwarded(self, believed: bool) -> Self {
        self.set(|config| config.forwarded = Some(believed))
    }

    /// The metadata that may carry the correlation ID, the first well-formed one wins.
    ///
    /// Default: `x-correlation-id`, then `x-request-id`.
    #[must_use]
    pub fn correlation_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|config| config.correlation_headers = names.into_iter().collect())
    }

    /// The meter that makes the instruments, for tests and for programs with several providers.
    ///
    /// Default: the global one, followed when it is installed late. `trisignal.propagation.rejected`
    /// always goes to that one: it is counted by the propagators.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        let instruments = Arc::new(ServerInstruments::new(&meter.into()));
        self.set(|config| config.instruments = Some(instruments))
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl Default for ServerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer")
            .field("trust", &self.config.trust)
            .finish_non_exhaustive()
    }
}
