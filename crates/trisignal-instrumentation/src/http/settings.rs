//! What both layers can be told, and what a request can say about itself.

use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use super::semconv::{KnownMethods, Redaction};
use crate::exchange::Capture;

/// The settings that server and client share.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) methods: KnownMethods,
    pub(super) redaction: Redaction,
    pub(super) request_headers: Capture,
    pub(super) response_headers: Capture,
    pub(super) body_sizes: bool,
}

/// A request extension: this request was sent before, and is sent for the given time again.
///
/// Whoever retries sets it on each attempt after the first; it becomes
/// `http.request.resend_count` on the span of the attempt. A `reqwest` request shows no extensions,
/// so there it does nothing.
///
/// ```
/// use trisignal_instrumentation::http::Resend;
///
/// let mut request = http::Request::get("http://orders/").body(()).unwrap();
/// request.extensions_mut().insert(Resend(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resend(
    /// How often it was sent before.
    pub u32,
);

/// A request extension: the template that the URL was made from, like `/orders/{id}`.
///
/// It becomes a part of the client span's name and `url.template` on span and metrics, so it must
/// be one of few. A `reqwest` request shows no extensions, so there it does nothing.
///
/// ```
/// use trisignal_instrumentation::http::UrlTemplate;
///
/// let mut request = http::Request::get("http://orders/orders/7").body(()).unwrap();
/// request.extensions_mut().insert(UrlTemplate::from("/orders/{id}"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(pub(super) Arc<str>);

impl From<&str> for UrlTemplate {
    fn from(template: &str) -> Self {
        Self(template.into())
    }
}

/// The length of a body in bytes, as its headers announce it.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The setters that are the same on both layers; `$settings` is where the layer has its settings.
macro_rules! setters {
    ($self:ident => $settings:expr) => {
        /// The methods that are shown by name, in place of the default ones; all others are
        /// `_OTHER`. The case counts.
        ///
        /// Default: those of RFC 9110, `PATCH` and `QUERY`.
        #[must_use]
        pub fn known_methods(
            mut $self,
            names: impl IntoIterator<Item = impl AsRef<str>>,
        ) -> Self {
            $settings.methods = $crate::http::semconv::KnownMethods::only(names);
            $self
        }

        /// The query parameters whose values are replaced by `REDACTED`, in place of the default
        /// ones. The case counts.
        ///
        /// Default: `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`, `sig` and
        /// `X-Goog-Signature`.
        #[must_use]
        pub fn redacted_query_parameters(
            mut $self,
            keys: impl IntoIterator<Item = impl Into<String>>,
        ) -> Self {
            $settings.redaction = $crate::http::semconv::Redaction::only(keys);
            $self
        }

        /// The request headers to put on the span, as `http.request.header.<name>`. A value that is
        /// marked as sensitive is shown as `REDACTED`.
        ///
        /// Default: none.
        #[must_use]
        pub fn capture_request_headers(
            mut $self,
            names: impl IntoIterator<Item = http::HeaderName>,
        ) -> Self {
            let capture = $crate::exchange::Capture::new("http.request.header", names);
            $settings.request_headers = capture;
            $self
        }

        /// The response headers to put on the span, as `http.response.header.<name>`. A value that
        /// is marked as sensitive is shown as `REDACTED`.
        ///
        /// Default: none.
        #[must_use]
        pub fn capture_response_headers(
            mut $self,
            names: impl IntoIterator<Item = http::HeaderName>,
        ) -> Self {
            let capture = $crate::exchange::Capture::new("http.response.header", names);
            $settings.response_headers = capture;
            $self
        }

        /// Whether the sizes of bodies are measured, in `http.*.request.body.size` and
        /// `http.*.response.body.size`, and put on the span.
        ///
        /// The size of a request is what its `Content-Length` announces, that of a response is what
        /// has passed when the exchange ended.
        ///
        /// Default: no.
        #[must_use]
        pub fn body_sizes(mut $self, measured: bool) -> Self {
            $settings.body_sizes = measured;
            $self
        }
    };
}

pub(super) use setters;
