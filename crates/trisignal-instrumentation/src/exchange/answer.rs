//! The future of a server's response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http::response::Parts;
use http_body::Body;
use pin_project_lite::pin_project;

use super::values::error_type;
use super::{Exchange, Inside, ResponseBody, note_head, within};
use crate::correlation::CORRELATION_HEADER;

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
            within(this.exchange, |_| this.inner.set(None));
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
        let answered = ready!(within(this.exchange, |inside| {
            let result = ready!(inner.poll(cx));
            Poll::Ready(answer(result, inside))
        }));
        let (parts, body, announced) = match answered {
            Ok(answered) => answered,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let body = ResponseBody::new(body, announced, this.exchange.take());
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}

type Answered<R, E> = Result<(Parts, R, Option<u64>), E>;

fn answer<R: Body, E>(
    result: Result<Response<R>, E>,
    inside: Option<Inside<'_>>,
) -> Answered<R, E> {
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            if let Some(mut inside) = inside {
                inside.fail(error_type::<E>());
            }
            return Err(error);
        }
    };
    let (mut parts, body) = response.into_parts();
    let announced = inside.and_then(|mut inside| {
        if let Some(correlation) = inside.take_correlation() {
            let name = CORRELATION_HEADER.clone();
            // It fails only for a map of 32,768 headers.
            let _ = parts.headers.try_insert(name, correlation);
        }
        inside.respond(parts.status, parts.version, &parts.headers);
        note_head(parts.status, &parts.headers, &body, &mut inside)
    });
    Ok((parts, body, announced))
}
