//! HTTP servers and clients: spans, metrics, propagation and correlation as tower layers.
//!
//! | | server | client |
//! |---|---|---|
//! | layer | [`ServerLayer`] | [`ClientLayer`], or `client()` for `reqwest` |
//! | span | `{method} {route}`, kind server | `{method}`, kind client |
//! | metrics | `http.server.request.duration`, `http.server.active_requests` | `http.client.request.duration` |
//! | opt-in | `http.server.request.body.size`, `http.server.response.body.size` | `http.client.request.body.size`, `http.client.response.body.size` |
//! | parent | the trace of the caller | the span around the call |
//! | correlation | taken, else made; answered in `x-correlation-id` | sent as that and in baggage |
//!
//! Names follow the stable HTTP semantic conventions. Spans are `tracing` spans of level `INFO` and
//! target `trisignal::http`, so a filter can tell them from others. Userinfo in URLs and the values
//! of known secret query parameters are redacted.
//!
//! # How an exchange ends
//!
//! The span lives until the response body has ended; the duration in the metric is that of the
//! span.
//!
//! | end | span status | `error.type` |
//! |---|---|---|
//! | response body ended, status below 400 | unset | – |
//! | response body ended, status 4xx | server unset, client error | server –, client the status |
//! | response body ended, status 5xx | error | the status |
//! | service or body failed | error | the type of the error |
//! | handler panicked | error | `panic`; the panic goes on |
//! | peer gone: future or body dropped early, on a server | error | `cancelled`, unless the status is an error already: then that |
//! | caller lost interest: the same, on a client | unset, unless the status is an error already | –, else the status |
//!
//! The conventions have no word for a request that the peer cancelled on a server; `cancelled` is
//! ours. A panic in a handler goes on, so the server ends the connection without an answer. See
//! [`ServerLayer`] for the answer 500 in its place.
//!
//! An answer that has no body by its nature has ended with its head: the answers to `HEAD` and
//! `CONNECT`, 204, 304, and 101. What goes over an upgraded connection is another protocol and
//! belongs to no request. Interim responses (100, 103) are not seen by a tower service, and end
//! nothing.
//!
//! # What can be asked for
//!
//! Headers ([`capture_request_headers`](ServerLayer::capture_request_headers)) and sizes of bodies
//! ([`body_sizes`](ServerLayer::body_sizes)) are left out unless they are asked for. The methods
//! that are [known](ServerLayer::known_methods) and the query parameters that are
//! [redacted](ServerLayer::redacted_query_parameters) can be replaced. A server leaves out of spans
//! and metrics what a rule [excludes](ServerLayer::exclude_paths). A client says with the
//! request extensions [`Resend`] and [`UrlTemplate`] what only it knows; a `reqwest` request shows
//! no extensions, so with it they do nothing.
//!
//! Where telemetry is suppressed in the current context, as on an exporter's own thread, the layers
//! pass everything through.

mod client;
mod metrics;
mod outcome;
mod semconv;
mod server;
mod settings;

#[cfg(feature = "reqwest")]
pub use self::client::{Client, RequestBuilder, client};
pub use self::client::{ClientFuture, ClientLayer, ClientRequest, ClientResponse, ClientService};
pub(crate) use self::outcome::Outcome;
pub(crate) use self::semconv::protocol_version;
pub use self::semconv::set_known_methods;
pub(crate) use self::server::Origin;
pub use self::server::{ServerLayer, ServerService};
pub use self::settings::{CapturedHeaders, Resend, UrlTemplate, set_captured_headers};
pub use crate::exchange::{ResponseBody, ServerFuture, Trust};

/// The `tracing` target of the spans of this module.
pub const TARGET: &str = "trisignal::http";
