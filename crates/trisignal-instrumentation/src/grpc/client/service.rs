//! The service that the client layer makes.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ClientLayer;
use crate::context;
use crate::exchange::{ResponseBody, send};
use crate::http::ClientFuture;

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

impl<S, B, R> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: 'static,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ClientFuture<S::Future, Request<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut exchange = (!context::is_suppressed()).then(|| self.layer.begin(&request));
        let capture = &self.layer.request_metadata;
        let call = |request| self.inner.call(request);
        let inner = send(&mut exchange, request, Request::headers_mut, capture, call);
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
