//! gRPC servers and clients: spans, metrics, propagation and correlation as tower layers.
//!
//! | | server | client |
//! |---|---|---|
//! | layer | [`ServerLayer`] | [`ClientLayer`] |
//! | span | `package.Service/Method`, kind server | `package.Service/Method`, kind client |
//! | metric | `rpc.server.call.duration` | `rpc.client.call.duration` |
//! | parent | the trace of the caller | the span around the call |
//! | correlation | taken, else made; answered in `x-correlation-id` | sent as that and in baggage |
//!
//! The layers go around what `tonic` servers and channels are: services over `http::Request<B>`.
//! `tonic` itself is no dependency. Names follow the RPC semantic conventions (a release
//! candidate). Spans are `tracing` spans of level `INFO` and target `trisignal::grpc`. A service
//! needs either these layers or those of [`http`](crate::http), not both.
//!
//! # tonic
//!
//! ```no_run
//! use tonic::transport::{Endpoint, Server, server::TcpConnectInfo};
//! use tower::Layer;
//! use trisignal_instrumentation::grpc::{ClientLayer, ServerLayer};
//!
//! # async fn serve(orders: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
//! let layer = ServerLayer::new()
//!     .peer(|parts| parts.extensions.get::<TcpConnectInfo>()?.remote_addr());
//! Server::builder().layer(layer).add_routes(orders).serve("[::1]:50051".parse()?).await?;
//! # Ok(()) }
//!
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::from_static("http://orders:50051");
//! let channel = ClientLayer::new().target(endpoint.uri()).layer(endpoint.connect_lazy());
//! // `OrdersClient::new(channel)` is a generated client.
//! # Ok(()) }
//! ```
//!
//! # How a call ends
//!
//! The span lives until the trailers, for all four kinds of calls; the duration in the metric is
//! that of the span.
//!
//! | end | `rpc.response.status_code` | error |
//! |---|---|---|
//! | status in the trailers, or in the headers of an answer without a body | that | see below |
//! | body ended without a status | by the HTTP status, else `UNKNOWN` | see below |
//! | given up: by the peer on a server, by the caller on a client | `CANCELLED` | see below |
//! | given up after the deadline of `grpc-timeout` | `DEADLINE_EXCEEDED` | `DEADLINE_EXCEEDED` |
//! | service or body failed | none | the type of the error |
//! | the same on a client, after the deadline of `grpc-timeout` | `DEADLINE_EXCEEDED` | `DEADLINE_EXCEEDED` |
//! | handler panicked | none | `panic`; the panic goes on |
//!
//! On a client every status but `OK` is an error, `CANCELLED` too. On a server `UNKNOWN`,
//! `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS` are, the others
//! are the caller's business. `error.type` is the status, and the same on span and metric.
//!
//! # Unknown methods
//!
//! A caller may ask for any path, so a server shows `_OTHER` for what is no method of its own, with
//! the path in `rpc.method_original`, and calls the span `grpc`. [`ServerLayer::known_methods`] tells which there are. Without
//! it the layer learns them from the answers: see there.

mod client;
mod methods;
mod metrics;
mod outcome;
mod server;
mod status;

pub use self::client::{ClientLayer, ClientService};
pub(crate) use self::outcome::Outcome;
pub use self::server::{ServerLayer, ServerService};
pub use crate::exchange::{ResponseBody, ServerFuture, Trust};
pub use crate::http::ClientFuture;

/// The `tracing` target of the spans of this module.
pub const TARGET: &str = "trisignal::grpc";

/// The value of `rpc.system.name`, and the name of a span whose method has none.
const SYSTEM: &str = "grpc";
