//! What both layers can be told, and what a request can say about itself.

use std::sync::{Arc, OnceLock};

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName};

use super::semconv::{KnownMethods, Redaction};
use crate::exchange::{Capture, Side};

/// The settings that server and client share.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) methods: KnownMethods,
    pub(super) redaction: Redaction,
    /// As the process says, where nothing else is said.
    pub(super) request_headers: Option<Capture>,
    pub(super) response_headers: Option<Capture>,
    pub(super) body_sizes: bool,
}

/// The headers that the spans of a process show: see [`set_captured_headers`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapturedHeaders {
    /// Of requests to servers.
    pub server_request: Vec<HeaderName>,
    /// Of their responses.
    pub server_response: Vec<HeaderName>,
    /// Of requests of clients.
    pub client_request: Vec<HeaderName>,
    /// Of the responses that they got.
    pub client_response: Vec<HeaderName>,
}

/// What the process shows, where it was told.
static PROCESS: OnceLock<[Capture; 4]> = OnceLock::new();
static NOTHING: Capture = Capture::NOTHING;

/// The headers that the spans of all servers and clients of the process show, unless a layer or a client is told otherwise itself. The
/// first call of a process counts; `trisignal` makes it when it is installed, by the configuration file.
pub fn set_captured_headers(headers: &CapturedHeaders) {
    let request = |names: &[HeaderName]| Capture::new(REQUEST, names.iter().cloned());
    let response = |names: &[HeaderName]| Capture::new(RESPONSE, names.iter().cloned());
    let _ = PROCESS.set([
        request(&headers.server_request),
        response(&headers.server_response),
        request(&headers.client_request),
        response(&headers.client_response),
    ]);
}

pub(super) const REQUEST: &str = "http.request.header";
pub(super) const RESPONSE: &str = "http.response.header";

impl Settings {
    pub(super) fn request_headers(&self, side: Side) -> &Capture {
        let of_process = || match side {
            Side::Server => of_process(0),
            Side::Client => of_process(2),
        };
        self.request_headers.as_ref().unwrap_or_else(of_process)
    }

    pub(super) fn response_headers(&self, side: Side) -> &Capture {
        let of_process = || match side {
            Side::Server => of_process(1),
            Side::Client => of_process(3),
        };
        self.response_headers.as_ref().unwrap_or_else(of_process)
    }
}

fn of_process(index: usize) -> &'static Capture {
    PROCESS.get().map_or(&NOTHING, |all| &all[index])
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
        /// Default: those of [`set_captured_headers`](crate::http::set_captured_headers), else none.
        #[must_use]
        pub fn capture_request_headers(
            mut $self,
            names: impl IntoIterator<Item = http::HeaderName>,
        ) -> Self {
            use $crate::http::settings::REQUEST;
            $settings.request_headers = Some($crate::exchange::Capture::new(REQUEST, names));
            $self
        }

        /// The response headers to put on the span, as `http.response.header.<name>`. A value that
        /// is marked as sensitive is shown as `REDACTED`.
        ///
        /// Default: those of [`set_captured_headers`](crate::http::set_captured_headers), else none.
        #[must_use]
        pub fn capture_response_headers(
            mut $self,
            names: impl IntoIterator<Item = http::HeaderName>,
        ) -> Self {
            use $crate::http::settings::RESPONSE;
            $settings.response_headers = Some($crate::exchange::Capture::new(RESPONSE, names));
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
