//! What the client layer needs of a request.

use std::any::Any;
use std::borrow::Cow;

use http::header::HOST;
use http::{Extensions, HeaderMap, Method, Request};

use crate::exchange::values::{default_port, error_type, host_and_port};
use crate::http::semconv::Redaction;
use crate::http::settings::content_length;

/// A request that [`ClientLayer`](super::ClientLayer) can send: `http::Request<B>`, and
/// `reqwest::Request` with the feature `reqwest`.
///
/// It cannot be implemented elsewhere, so that it may grow.
pub trait ClientRequest: private::Sealed {
    /// The method.
    fn method(&self) -> &Method;

    /// Where it goes.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn target(&self, redaction: &Redaction) -> Target<'_>;

    /// The headers.
    fn headers(&self) -> &HeaderMap;

    /// The headers, to add some.
    fn headers_mut(&mut self) -> &mut HeaderMap;

    /// The low-cardinality name of an error that a request of this kind ended with.
    #[doc(hidden)]
    fn error_type<E: Any>(_error: &E) -> &'static str {
        error_type::<E>()
    }

    /// What the sender says about it, where it can.
    #[doc(hidden)]
    fn extensions(&self) -> Option<&Extensions> {
        None
    }

    /// The length of the body in bytes, where it is known.
    #[doc(hidden)]
    fn body_size(&self) -> Option<u64> {
        content_length(self.headers())
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

    #[allow(private_interfaces, reason = "nobody else can call it")]
    fn target(&self, redaction: &Redaction) -> Target<'_> {
        let uri = self.uri();
        let header = || self.headers().get(HOST)?.to_str().ok();
        // A request for one connection has its host in a header only.
        let authority = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(header);
        let scheme = uri.scheme_str().unwrap_or("http");
        let (address, port) = authority.map_or((None, None), |authority| {
            let (address, port) = host_and_port(authority);
            (Some(address).filter(|address| !address.is_empty()), port)
        });
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        // Not by `format!`, which takes several times as long.
        let url = [scheme, "://", authority.unwrap_or_default(), path].concat();
        // Mostly there is nothing to redact, and no second copy.
        let shown = match redaction.url(&url) {
            Cow::Borrowed(_) => None,
            Cow::Owned(shown) => Some(shown),
        };
        Target {
            address,
            port: port.or_else(|| default_port(scheme)),
            url: Cow::Owned(shown.unwrap_or(url)),
        }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn extensions(&self) -> Option<&Extensions> {
        Some(self.extensions())
    }
}

impl<B> private::Sealed for Request<B> {}

pub(super) mod private {
    //! Keeps the trait to this crate.

    /// Not to be named elsewhere.
    pub trait Sealed {}
}
