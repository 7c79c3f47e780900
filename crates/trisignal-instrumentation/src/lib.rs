//! Context, correlation, spans and metrics for HTTP services and clients: what a library may depend
//! on.
//!
//! There is no SDK and no exporter here. Spans are plain `tracing` spans, metrics and context are
//! those of the OpenTelemetry API. In a program that sets telemetry up (with `trisignal::init`,
//! say) all of it is exported; in one that does not, it costs next to nothing.
//!
//! # A server
//!
//! [`http::ServerLayer`] goes around any tower service over `http` requests. Each request gets a
//! span with the stable HTTP names, is measured, goes on in the caller's trace, and has a
//! correlation ID, which is answered in `x-correlation-id`.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use trisignal_instrumentation::correlation::CorrelationId;
//! use trisignal_instrumentation::http::ServerLayer;
//!
//! async fn pay(_: Request<String>) -> Result<Response<String>, Infallible> {
//!     // Inside, everything is plain `tracing`; the ID is there for what needs to show it.
//!     tracing::info!("paying");
//!     Ok(Response::new(CorrelationId::current().unwrap().to_string()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let service = ServerLayer::new().route(|_| Some("/pay".to_owned())).layer(service_fn(pay));
//!
//! let request = Request::post("/pay").header("x-request-id", "order-4711").body(String::new()).unwrap();
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.headers()["x-correlation-id"], "order-4711");
//! # }
//! ```
//!
//! For axum, with the feature `axum`, the routes are known:
//! `Router::new().route(…).layer(ServerLayer::axum())`.
//!
//! # A client
//!
//! [`http::ClientLayer`] does the same for what goes out, over `http` requests and, with the
//! feature `reqwest`, over those of `reqwest`. `http::client(reqwest::Client::new())` is a client
//! that feels like `reqwest`'s own.
//!
//! # Context
//!
//! | module | for |
//! |---|---|
//! | [`propagation`] | the formats of context in headers: W3C Trace Context and Baggage, B3, AWS X-Ray, by name and composed; and in environment variables |
//! | [`correlation`] | the one ID of a piece of work, and the one rule of where it comes from |
//! | [`context`] | the context of the code that runs, taken along to tasks, threads, streams and channels; the one seam to whatever turns `tracing` spans into OpenTelemetry's |
//!
//! With these context is carried over anything that has headers.
//!
//! # Features
//!
//! | feature | adds | crates |
//! |---|---|---|
//! | – | everything but the below | about 20 |
//! | `axum` | `http::ServerLayer::axum()` | axum's |
//! | `reqwest` | `http::client()`, `http::Client`, and `reqwest` requests under `http::ClientLayer` | reqwest's |

pub mod context;
pub mod correlation;
mod exchange;
pub mod grpc;
pub mod http;
mod instruments;
pub mod propagation;
#[cfg(test)]
mod testing;
