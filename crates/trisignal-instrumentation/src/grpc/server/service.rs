//! The service that the server layer makes.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::Config;
use crate::context;
use crate::exchange::{ResponseBody, ServerFuture};

/// A service inside a [`ServerLayer`](super::ServerLayer).
#[derive(Clone)]
pub struct ServerService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> ServerService<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ServerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if context::is_suppressed() {
            return ServerFuture::new(self.inner.call(request), None);
        }
        let (parts, body) = request.into_parts();
        let (exchange, mut inbound, _attached) = self.config.begin(&parts);
        let captured = self.config.captured(&parts);
        let request = Request::from_parts(parts, body);
        let mut exchange = Some(exchange);
        let call = || self.inner.call(request);
        let inner = inbound.open(&mut exchange, captured, call);
        ServerFuture::new(inner, exchange)
    }
}

impl<S: fmt::Debug> fmt::Debug for ServerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
