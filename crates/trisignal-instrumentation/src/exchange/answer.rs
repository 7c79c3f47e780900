//! The future of a server's response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::values::error_type;
use super::{Exchange, ResponseBody, within};
use crate::correlation::CORRELATION_HEADER;

pin_project! {
    /// The response of a server's service. Dropped before it is ready, the
    /// request counts as cancelled.
    pub struct ServerFuture<F> {
        // An option so that it can be dropped inside the span: a cancelled handler may still have
        // something to log.
        #[pin]
        inner: Option<F>,
        exchange: Option<Exchange>,
        correlation: Option<HeaderValue>,
    }

    impl<F> PinnedDrop for ServerFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            within(this.exchange, || this.inner.set(None));
        }
    }
}

impl<F> ServerFuture<F> {
    pub(crate) fn new(
        inner: F,
        exchange: Option<Exchange>,
        correlation: Option<HeaderValue>,
    ) -> Self {
        Self {
            inner: Some(inner),
            exchange,
            correlation,
        }
    }
}

impl<F, R, E> Future for ServerFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            // Only a drop takes it out.
            return Poll::Pending;
        };
        let result = ready!(within(this.exchange, || inner.poll(cx)));
        let exchange = this.exchange.take();
        match result {
            Ok(response) => Poll::Ready(Ok(answer(response, exchange, this.correlation.take()))),
            Err(error) => {
                if let Some(exchange) = exchange {
                    exchange.fail(error_type::<E>());
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

fn answer<R: Body>(
    response: Response<R>,
    mut exchange: Option<Exchange>,
    correlation: Option<HeaderValue>,
) -> Response<ResponseBody<R>> {
    let (mut parts, body) = response.into_parts();
    if let Some(correlation) = correlation {
        // It fails only for a map of 32,768 headers.
        let _ = parts
            .headers
            .try_insert(CORRELATION_HEADER.clone(), correlation);
    }
    if let Some(exchange) = &mut exchange {
        exchange.respond(parts.status, parts.version, &parts.headers);
    }
    let body = ResponseBody::new(&parts, body, exchange);
    Response::from_parts(parts, body)
}
