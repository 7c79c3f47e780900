//! What the client layer needs of a response and of an error.

use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body;

use crate::exchange::{Exchange, ResponseBody};

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

    #[doc(hidden)]
    fn observe(self, exchange: Option<Observer>) -> Self::Observed;
}

/// An exchange on its way into a response.
#[doc(hidden)]
pub struct Observer(pub(super) Exchange);

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

    fn observe(self, exchange: Option<Observer>) -> Self::Observed {
        let (parts, body) = self.into_parts();
        let body = ResponseBody::new(&parts, body, exchange.map(|Observer(exchange)| exchange));
        Response::from_parts(parts, body)
    }
}

impl<R> private::Sealed for Response<R> {}

pub(super) mod private {
    //! Keeps the trait to this crate.

    /// Not to be named elsewhere.
    pub trait Sealed {}
}
