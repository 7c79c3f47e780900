//! The service that the client layer makes.

use std::fmt;
use std::task::{Context, Poll};

use tower_service::Service;

use super::{ClientFuture, ClientLayer, ClientRequest, ClientResponse};
use crate::context;
use crate::exchange::{Side, send};

/// A client inside a [`ClientLayer`](super::ClientLayer).
#[derive(Clone)]
pub struct ClientService<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S> ClientService<S> {
    pub(super) fn new(inner: S, layer: ClientLayer) -> Self {
        Self { inner, layer }
    }

    /// The client inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, Q> Service<Q> for ClientService<S>
where
    S: Service<Q>,
    Q: ClientRequest,
    S::Response: ClientResponse,
    S::Error: 'static,
{
    type Response = <S::Response as ClientResponse>::Observed;
    type Error = S::Error;
    type Future = ClientFuture<S::Future, Q>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let mut exchange = (!context::is_suppressed()).then(|| self.layer.begin(&request));
        let capture = self.layer.settings.request_headers(Side::Client);
        let call = |request| self.inner.call(request);
        let inner = send(&mut exchange, request, Q::headers_mut, capture, call);
        ClientFuture::new(inner, exchange)
    }
}

impl<S: fmt::Debug> fmt::Debug for ClientService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
