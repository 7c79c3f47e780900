//! What the client layer needs of a response and of an error.

use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body;

use crate::exchange::{Exchange, Inside, ResponseBody, note_head};

/// A response that [`ClientLayer`](super::ClientLayer) can observe: `http::Response<R>`, and
/// `reqwest::Response` with the feature `reqwest`.
///
/// It cannot be implemented elsewhere, so that it may grow.
pub trait ClientResponse: private::Sealed + Sized {
    /// The response with its span.
    type Observed;

    #[doc(hidden)]
    fn status(&self) -> StatusCode;

    #[doc(hidden)]
    fn version(&self) -> Version;

    #[doc(hidden)]
    fn headers(&self) -> &HeaderMap;

    /// Notes what the body announces, and answers its length.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn note(&self, inside: &mut Inside<'_>) -> Option<u64>;

    #[doc(hidden)]
    fn observe(self, observer: Observer) -> Self::Observed;
}

/// An exchange on its way into a response, unless it has ended with the head.
#[doc(hidden)]
pub struct Observer {
    pub(super) exchange: Option<Box<Exchange>>,
    pub(super) announced: Option<u64>,
}

impl<R: Body> ClientResponse for Response<R> {
    type Observed = Response<ResponseBody<R>>;

    fn status(&self) -> StatusCode {
        self.status()
    }

    fn version(&self) -> Version {
        self.version()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn note(&self, inside: &mut Inside<'_>) -> Option<u64> {
        note_head(self.status(), self.headers(), self.body(), inside)
    }

    fn observe(self, observer: Observer) -> Self::Observed {
        let Observer {
            exchange,
            announced,
        } = observer;
        self.map(|body| ResponseBody::new(body, announced, exchange))
    }
}

impl<R> private::Sealed for Response<R> {}

pub(super) mod private {
    //! Keeps the trait to this crate.

    /// Not to be named elsewhere.
    pub trait Sealed {}
}
