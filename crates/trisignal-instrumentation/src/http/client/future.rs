//! The future of a client's response.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::ClientResponse;
use super::request::ClientRequest;
use super::response::Observer;
use crate::exchange::{Exchange, within};

pin_project! {
    /// The response of a client's service. Dropped before it is ready, it was the caller who gave
    /// the attempt up: over HTTP that ends without a status and without an error, over gRPC as
    /// `CANCELLED`, or as `DEADLINE_EXCEEDED` once the deadline of the call is over.
    pub struct ClientFuture<F, Q> {
        // An option so that it can be dropped inside the span.
        #[pin]
        inner: Option<F>,
        exchange: Option<Box<Exchange>>,
        // The kind of request says what its errors are called. No request is held.
        request: PhantomData<fn(Q)>,
    }

    impl<F, Q> PinnedDrop for ClientFuture<F, Q> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            within(this.exchange, |_| this.inner.set(None));
        }
    }
}

impl<F, Q> ClientFuture<F, Q> {
    pub(crate) fn new(inner: F, exchange: Option<Box<Exchange>>) -> Self {
        Self {
            inner: Some(inner),
            exchange,
            request: PhantomData,
        }
    }
}

impl<F, Q, R, E> Future for ClientFuture<F, Q>
where
    F: Future<Output = Result<R, E>>,
    Q: ClientRequest,
    R: ClientResponse,
    E: 'static,
{
    type Output = Result<R::Observed, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            // Only a drop takes it out.
            return Poll::Pending;
        };
        let mut announced = None;
        let result = ready!(within(this.exchange, |inside| {
            let result = ready!(inner.poll(cx));
            match (&result, inside) {
                (Ok(response), Some(inside)) => {
                    inside.respond(response.status(), response.version(), response.headers());
                    announced = response.note(inside);
                }
                (Err(error), Some(inside)) => inside.fail(Q::error_type(error)),
                (_, None) => {}
            }
            Poll::Ready(result)
        }));
        let observer = Observer {
            exchange: this.exchange.take(),
            announced,
        };
        Poll::Ready(result.map(|response| response.observe(observer)))
    }
}
