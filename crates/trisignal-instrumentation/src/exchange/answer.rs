//! The future of a server's response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::values::error_type;
use super::{Exchange, Inside, ResponseBody, note_head, within};
use crate::correlation::CORRELATION_NAME;

pin_project! {
    /// The response of a server's service. Dropped before it is ready, the
    /// request counts as cancelled.
    pub struct ServerFuture<F> {
        // An option so that it can be dropped inside the span: a cancelled handler may still have
        // something to log.
        #[pin]
        inner: Option<F>,
        exchange: Option<Box<Exchange>>,
    }

    impl<F> PinnedDrop for ServerFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.exchange.is_some() {
                within(this.exchange, |_| this.inner.set(None));
            }
        }
    }
}

impl<F> ServerFuture<F> {
    pub(crate) fn new(inner: F, exchange: Option<Box<Exchange>>) -> Self {
        Self {
            inner: Some(inner),
            exchange,
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
        let mut announced = None;
        let result = ready!(within(this.exchange, |inside| {
            let mut result = ready!(inner.poll(cx));
            match (&mut result, inside) {
                (Ok(response), Some(inside)) => announced = answer(response, inside),
                (Err(_), Some(inside)) => inside.fail(error_type::<E>()),
                (_, None) => {}
            }
            Poll::Ready(result)
        }));
        let exchange = this.exchange.take();
        let body = |body| ResponseBody::new(body, announced, exchange);
        Poll::Ready(result.map(|response| response.map(body)))
    }
}

/// Notes the head of `response`, which gets the correlation ID, and answers the length that it
/// announces.
fn answer<R: Body>(response: &mut Response<R>, inside: &mut Inside<'_>) -> Option<u64> {
    if let Some(correlation) = inside.take_correlation() {
        // It fails only for a map of 32,768 headers.
        let _ = response
            .headers_mut()
            .try_insert(CORRELATION_NAME, correlation);
    }
    let (status, headers) = (response.status(), response.headers());
    inside.respond(status, response.version(), headers);
    note_head(status, headers, response.body(), inside)
}
