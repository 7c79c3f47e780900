//! What the client layer needs of a request.

use std::any::Any;
use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, Method, Request};

use super::super::semconv;

/// A request that [`ClientLayer`](super::ClientLayer) can send: `http::Request<B>`, and
/// `reqwest::Request` with the feature `reqwest`.
///
/// It cannot be implemented elsewhere, so that it may grow.
pub trait ClientRequest: private::Sealed {
    /// The method.
    fn method(&self) -> &Method;

    /// Where it goes.
    #[doc(hidden)]
    fn target(&self) -> Target<'_>;

    /// The headers, to add some.
    fn headers_mut(&mut self) -> &mut HeaderMap;

    /// The low-cardinality name of an error that a request of this kind ended with.
    #[doc(hidden)]
    fn error_type<E: Any>(_error: &E) -> &'static str {
        semconv::error_type::<E>()
    }
}

/// Where a request goes, as the attributes of its span want it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Target<'a> {
    pub(super) address: Option<&'a str>,
    pub(super) port: Option<u16>,
    /// The absolute URL, redacted.
    pub(super) url: Cow<'a, str>,
}

impl<B> ClientRequest for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn target(&self) -> Target<'_> {
        let uri = self.uri();
        let header = || self.headers().get(HOST)?.to_str().ok();
        // A request for one connection has its host in a header only.
        let authority = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(header);
        let scheme = uri.scheme_str().unwrap_or("http");
        let (address, port) = authority.map_or((None, None), |authority| {
            let (address, port) = semconv::host_and_port(authority);
            (Some(address).filter(|address| !address.is_empty()), port)
        });
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let url = format!("{scheme}://{}{path}", authority.unwrap_or_default());
        Target {
            address,
            port: port.or_else(|| semconv::default_port(scheme)),
            url: Cow::Owned(semconv::redact_url(&url).into_owned()),
        }
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
}

impl<B> private::Sealed for Request<B> {}

pub(super) mod private {
    //! Keeps the trait to this crate.

    /// Not to be named elsewhere.
    pub trait Sealed {}
}
