//! The client layer and its settings.

mod begin;
mod future;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod response;
mod service;

use std::fmt;
use std::sync::Arc;

use opentelemetry::metrics::Meter;
use tower_layer::Layer;

pub use self::future::ClientFuture;
pub use self::request::ClientRequest;
#[cfg(feature = "reqwest")]
pub use self::reqwest::{Client, RequestBuilder, client};
pub use self::response::ClientResponse;
pub use self::service::ClientService;
use super::metrics::ClientInstruments;
use super::settings::{Settings, setters};

/// Puts each outgoing request of a client into a span, measures it, and sends trace, baggage and
/// correlation ID along.
///
/// It goes around services over `http::Request<B>` (like the clients of `hyper-util`) and, with the
/// feature `reqwest`, over `reqwest::Request`. The span's parent is whatever span is current at the
/// call. Put the layer inside of one that retries: each attempt is a span of its own, and
/// [`Resend`](super::Resend) says which it is. That and [`UrlTemplate`](super::UrlTemplate) are
/// request extensions, which a `reqwest` request does not show: with it they do nothing.
///
/// # What is sent
///
/// The headers of the global propagator, and `x-correlation-id`. The correlation ID goes into the
/// baggage as well, even where it is the trace ID. A well-formed `x-correlation-id` that the
/// request already has is kept and wins. Without a current span, baggage or ID nothing is added.
///
/// # When the span ends
///
/// With the response body for `http::Response`; with the response head for `reqwest::Response`,
/// whose body cannot be wrapped without losing what it knows of the request.
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use trisignal_instrumentation::correlation::CorrelationId;
/// use trisignal_instrumentation::http::ClientLayer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let client = ClientLayer::new().layer(service_fn(|request: Request<String>| async move {
///     assert_eq!(request.headers()["x-correlation-id"], "order-4711");
///     Ok::<_, std::convert::Infallible>(Response::new("paid".to_owned()))
/// }));
///
/// let id = CorrelationId::parse("order-4711").unwrap();
/// let _attached = id.with_context(&trisignal_instrumentation::context::current()).attach();
/// client.oneshot(Request::post("http://orders/pay").body(String::new()).unwrap()).await.unwrap();
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ClientLayer {
    /// The injected instruments, in place of those of the global meter.
    instruments: Option<Arc<ClientInstruments>>,
    settings: Settings,
}

impl ClientLayer {
    /// A layer with the defaults.
    pub fn new() -> Self {
        Self::default()
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

    setters!(self => self.settings);
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
