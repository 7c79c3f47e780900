//! The server layer and its settings.

mod begin;
mod origin;
mod service;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use http::uri::Scheme;
use opentelemetry::metrics::Meter;
use tower_layer::Layer;

pub(crate) use self::origin::Origin;
pub use self::service::ServerService;
use super::metrics::ServerInstruments;
use super::settings::{Settings, setters};
use crate::exchange::{Callback, CorrelationHeaders, Exclusions, PeerOf, Trust};

/// Puts each request of a service into a span, measures it, continues the caller's trace and
/// carries the correlation ID.
///
/// It goes around services over `http::Request<B>` and `http::Response<R>` with any bodies, as the
/// outermost layer that is to be seen in the span. A request is read at the call: headers, trace,
/// baggage and correlation ID. The span is entered whenever the service or its response body runs.
/// Every response gets the header `x-correlation-id`.
///
/// The layer may be made before telemetry is set up; it works as soon as that is done.
///
/// # Panics in handlers
///
/// A panic is noted (`error.type` is `panic`) and goes on, so that the server ends the connection
/// without an answer. For an answer, put a layer that catches panics, as `tower-http` has one,
/// inside of this one: what is seen here is then its answer of 500, and `error.type` is `500`.
///
/// # Defaults
///
/// [`Trust::Internal`]; correlation ID from `x-correlation-id`, then `x-request-id`; no route; peer
/// unknown; scheme from the URI or `http`; nothing captured, nothing excluded; global meter.
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use trisignal_instrumentation::http::ServerLayer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let service = ServerLayer::new().layer(service_fn(|_: Request<String>| async {
///     Ok::<_, std::convert::Infallible>(Response::new("paid".to_owned()))
/// }));
///
/// let request = Request::get("/pay").header("x-correlation-id", "order-4711").body(String::new()).unwrap();
/// let response = service.oneshot(request).await.unwrap();
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
    scheme: Option<Scheme>,
    correlation_headers: CorrelationHeaders,
    route: Option<RouteOf>,
    peer: Option<PeerOf>,
    exclusions: Exclusions,
    settings: Settings,
    /// The injected instruments, in place of those of the global meter.
    instruments: Option<Arc<ServerInstruments>>,
}

/// How the route of a request is found.
#[derive(Clone)]
enum RouteOf {
    /// axum has put it into the extensions.
    #[cfg(feature = "axum")]
    Matched,
    Told(Callback<String>),
}

impl ServerLayer {
    /// A layer with the defaults, for any service.
    pub fn new() -> Self {
        Self {
            config: Arc::new(Config {
                trust: Trust::default(),
                forwarded: None,
                scheme: None,
                correlation_headers: CorrelationHeaders::default(),
                route: None,
                peer: None,
                exclusions: Exclusions::default(),
                settings: Settings::default(),
                instruments: None,
            }),
        }
    }

    /// A layer for axum: [`new`](Self::new) plus the route from `MatchedPath` and the peer from
    /// `ConnectInfo<SocketAddr>`.
    ///
    /// Give it to `Router::layer`, after the routes. Around the whole router it runs before the
    /// route is known, and spans have no route. `ConnectInfo` is there when the router is served by
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    #[cfg(feature = "axum")]
    pub fn axum() -> Self {
        Self::new().set(|config| {
            config.route = Some(RouteOf::Matched);
            config.peer = Some(PeerOf::Connected);
        })
    }

    /// How the route (the template that a path matched, like `/orders/{id}`) is found in a request.
    /// It becomes part of the span's name and an attribute of metrics, so it must never be the path
    /// itself. A panic in it counts as no route.
    ///
    /// Default: no route.
    #[must_use]
    pub fn route(self, route: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.set(|config| config.route = Some(RouteOf::Told(Arc::new(route))))
    }

    /// How the other end of the connection is found in a request: `network.peer.*`, and
    /// `client.address` where no proxy says more. A panic in it counts as no peer.
    ///
    /// Default: unknown; [`axum`](Self::axum) takes it from `ConnectInfo<SocketAddr>`.
    #[must_use]
    pub fn peer(self, peer: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> Self {
        self.set(|config| config.peer = Some(PeerOf::Told(Arc::new(peer))))
    }

    /// Leaves requests out of spans and metrics, like those of health checks. Context and
    /// correlation ID work as for the others. With several rules one is enough. A panic in it
    /// counts as no.
    ///
    /// ```
    /// use trisignal_instrumentation::http::ServerLayer;
    ///
    /// let layer = ServerLayer::new().exclude(|parts| parts.headers.contains_key("x-probe"));
    /// ```
    ///
    /// Default: none.
    #[must_use]
    pub fn exclude(self, rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|config| config.exclusions.add(rule))
    }

    /// Leaves requests for exactly these paths out of spans and metrics; see
    /// [`exclude`](Self::exclude).
    ///
    /// ```
    /// use trisignal_instrumentation::http::ServerLayer;
    ///
    /// let layer = ServerLayer::new().exclude_paths(["/health", "/metrics"]);
    /// ```
    #[must_use]
    pub fn exclude_paths(self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        self.exclude(move |parts| paths.iter().any(|path| path == parts.uri.path()))
    }

    /// Whether `Forwarded` and `X-Forwarded-*` are believed about client, host and scheme, whatever
    /// the trust says of the rest: an edge behind a load balancer of ours may say yes.
    ///
    /// Default: yes for [`Trust::Internal`], no for [`Trust::Edge`].
    #[must_use]
    pub fn forwarded(self, believed: bool) -> Self {
        self.set(|config| config.forwarded = Some(believed))
    }

    setters!(self => Arc::make_mut(&mut self.config).settings);

    /// How far callers are believed. Default: [`Trust::Internal`].
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        self.set(|config| config.trust = trust)
    }

    /// The scheme that clients use, where the URI does not say it: HTTP/1 requests over TLS do not.
    ///
    /// Default: that of the URI, else `http`.
    #[must_use]
    pub fn scheme(self, scheme: Scheme) -> Self {
        self.set(|config| config.scheme = Some(scheme))
    }

    /// The headers that may carry the correlation ID, the first well-formed one wins.
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
