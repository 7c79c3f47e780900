//! The response body that tells its exchange when it has ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::values::error_type;
use super::{Exchange, Outcome, within};

pin_project! {
    /// A response body with its span: what produces the body runs inside the span, which ends with
    /// the body.
    ///
    /// Frames, trailers, errors, size hint and end of stream are those of the inner body. The
    /// exchange is complete when the body says that it has ended, when its trailers have passed,
    /// or, in HTTP, when as many bytes have passed as were announced, because a server need not ask
    /// again then; a gRPC answer is not complete before its trailers. Dropped before that it is
    /// given up.
    pub struct ResponseBody<B> {
        // An option so that it can be dropped inside the span.
        #[pin]
        inner: Option<B>,
        exchange: Option<Exchange>,
        announced: Option<u64>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            within(this.exchange, || this.inner.set(None));
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// The body of the response with the head `parts`, and the exchange that it ends.
    pub(crate) fn new(parts: &Parts, inner: B, mut exchange: Option<Exchange>) -> Self {
        if let Some(exchange) = &mut exchange {
            exchange.passed(0);
        }
        let outcome = exchange.as_ref().map(|exchange| &exchange.outcome);
        let announced = outcome.and_then(|outcome| announced(parts, &inner, outcome));
        let without_body = outcome.is_some_and(|outcome| has_no_body(parts, outcome));
        let mut this = Self {
            announced,
            inner: Some(inner),
            exchange,
        };
        if (announced == Some(0) || without_body)
            && let Some(exchange) = this.exchange.take()
        {
            exchange.complete();
        }
        this
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(within(this.exchange, || inner.as_mut().poll_frame(cx)));
        let ended = match &frame {
            None => true,
            Some(Err(_)) => {
                if let Some(exchange) = this.exchange.take() {
                    exchange.fail(error_type::<B::Error>());
                }
                true
            }
            Some(Ok(frame)) => {
                if let Some(exchange) = this.exchange {
                    note(frame, exchange, this.announced);
                }
                frame.is_trailers() || *this.announced == Some(0) || inner.is_end_stream()
            }
        };
        if ended && let Some(exchange) = this.exchange.take() {
            exchange.complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseBody").field(&self.inner).finish()
    }
}

fn note<D: Buf>(frame: &Frame<D>, exchange: &mut Exchange, announced: &mut Option<u64>) {
    if let Some(trailers) = frame.trailers_ref() {
        exchange.trailers(trailers);
    }
    if let Some(data) = frame.data_ref() {
        exchange.passed(data.remaining() as u64);
        if let Some(announced) = announced {
            *announced = announced.saturating_sub(data.remaining() as u64);
        }
    }
}

/// The length in bytes that the response announces; `None` for one that ends when it ends.
fn announced<B: Body>(parts: &Parts, body: &B, outcome: &Outcome) -> Option<u64> {
    if body.is_end_stream() {
        return Some(0);
    }
    if matches!(outcome, Outcome::Grpc(_)) {
        return None;
    }
    let header = || {
        parts
            .headers
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    };
    body.size_hint().exact().or_else(header)
}

/// A server never asks for the body of these.
fn has_no_body(parts: &Parts, outcome: &Outcome) -> bool {
    let Outcome::Http(outcome) = outcome else {
        return false;
    };
    outcome.without_body
        || parts.status.is_informational()
        || matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        )
}
