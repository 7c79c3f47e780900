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

use super::exchange::{Exchange, within};
use super::semconv;

pin_project! {
    /// A response body with its span: what produces the body runs inside the span, which ends with
    /// the body.
    ///
    /// Frames, trailers, errors, size hint and end of stream are those of the inner body. The
    /// exchange is complete when the body says that it has ended, when its trailers have passed, or
    /// when as many bytes have passed as were announced, because a server need not ask again then.
    /// Dropped before that it is given up.
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
    pub(super) fn new(parts: &Parts, inner: B, exchange: Option<Exchange>) -> Self {
        let mut this = Self {
            announced: announced(parts, &inner),
            inner: Some(inner),
            exchange,
        };
        if let Some(exchange) = this
            .exchange
            .take_if(|exchange| this.announced == Some(0) || has_no_body(parts, exchange))
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
                    exchange.fail(semconv::error_type::<B::Error>());
                }
                true
            }
            Some(Ok(frame)) => {
                if let Some((announced, data)) = this.announced.as_mut().zip(frame.data_ref()) {
                    *announced = announced.saturating_sub(data.remaining() as u64);
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

/// The length in bytes that the response announces; `None` for one that ends when it ends.
fn announced<B: Body>(parts: &Parts, body: &B) -> Option<u64> {
    if body.is_end_stream() {
        return Some(0);
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
fn has_no_body(parts: &Parts, exchange: &Exchange) -> bool {
    exchange.without_body
        || parts.status.is_informational()
        || matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        )
}
