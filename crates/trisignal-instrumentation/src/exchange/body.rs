//! The response body that tells its exchange when it has ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::values::error_type;
use super::{Exchange, Inside, Outcome, within};

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
        exchange: Option<Box<Exchange>>,
        announced: Option<u64>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.exchange.is_some() {
                within(this.exchange, |_| this.inner.set(None));
            }
        }
    }
}

impl<B> ResponseBody<B> {
    /// A body of so many announced bytes, and the exchange that it ends.
    pub(crate) fn new(inner: B, announced: Option<u64>, exchange: Option<Box<Exchange>>) -> Self {
        Self {
            announced,
            inner: Some(inner),
            exchange,
        }
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
        let announced = this.announced;
        within(this.exchange, |inside| {
            let frame = ready!(inner.as_mut().poll_frame(cx));
            if let Some(inside) = inside {
                match &frame {
                    None => inside.complete(),
                    Some(Err(_)) => inside.fail(error_type::<B::Error>()),
                    Some(Ok(frame)) => {
                        note(frame, inside, announced);
                        if frame.is_trailers() || *announced == Some(0) || inner.is_end_stream() {
                            inside.complete();
                        }
                    }
                }
            }
            Poll::Ready(frame)
        })
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

/// Notes the head of a response with this body: with many the exchange has ended. Answers the length
/// in bytes that it announces; `None` for one that ends when it ends.
pub(crate) fn note_head<B: Body>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &B,
    inside: &mut Inside<'_>,
) -> Option<u64> {
    inside.passed(0);
    let announced = announced(headers, body, inside.outcome());
    if announced == Some(0) || has_no_body(status, inside.outcome()) {
        inside.complete();
    }
    announced
}

fn note<D: Buf>(frame: &Frame<D>, inside: &mut Inside<'_>, announced: &mut Option<u64>) {
    if let Some(trailers) = frame.trailers_ref() {
        inside.trailers(trailers);
    }
    if let Some(data) = frame.data_ref() {
        inside.passed(data.remaining() as u64);
        if let Some(announced) = announced {
            *announced = announced.saturating_sub(data.remaining() as u64);
        }
    }
}

fn announced<B: Body>(headers: &HeaderMap, body: &B, outcome: &Outcome) -> Option<u64> {
    if body.is_end_stream() {
        return Some(0);
    }
    if matches!(outcome, Outcome::Grpc(_)) {
        return None;
    }
    let header = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    body.size_hint().exact().or_else(header)
}

/// A server never asks for the body of these.
fn has_no_body(status: StatusCode, outcome: &Outcome) -> bool {
    let Outcome::Http(outcome) = outcome else {
        return false;
    };
    outcome.without_body
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
