//! Context, correlation, spans and metrics for HTTP and gRPC services and clients, and for
//! messaging: what a library may depend on.
//!
//! There is no SDK and no exporter here. Spans are plain `tracing` spans, metrics and context are
//! those of the OpenTelemetry API. In a program that sets telemetry up (with `trisignal::init`,
//! say) all of it is exported; in one that does not, it costs next to nothing.
//!
//! # Servers and clients
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
//! [`http::ClientLayer`] does the same for what goes out, [`grpc`] for gRPC on both sides.
//!
//! ## axum
//!
//! With the feature `axum` the layer knows the routes:
//!
//! ```
//! # #[cfg(feature = "axum")] fn app() -> axum::Router {
//! use axum::{Router, routing::get};
//! use trisignal_instrumentation::http::ServerLayer;
//!
//! Router::new()
//!     .route("/orders/{id}", get(|| async { "paid" }))
//!     .layer(ServerLayer::axum().exclude_paths(["/health"]))
//! # }
//! ```
//!
//! ## hyper
//!
//! ```no_run
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::{client::legacy::Client, server::conn::auto, service::TowerToHyperService};
//! use tower::{Layer, service_fn};
//! use trisignal_instrumentation::http::{ClientLayer, ServerLayer};
//! # type Request = http::Request<hyper::body::Incoming>;
//! # type Response = http::Response<http_body_util::Full<bytes::Bytes>>;
//! # async fn pay(_: Request) -> Result<Response, std::convert::Infallible> { Ok(Response::default()) }
//! # async fn serve(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!
//! let service = TowerToHyperService::new(ServerLayer::new().layer(service_fn(pay)));
//! auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await?;
//!
//! let client = ClientLayer::new().layer(Client::builder(TokioExecutor::new()).build_http::<String>());
//! # drop(client); Ok(()) }
//! ```
//!
//! ## tonic
//!
//! ```no_run
//! use tonic::transport::{Endpoint, Server};
//! use tower::Layer;
//! use trisignal_instrumentation::grpc::{ClientLayer, ServerLayer};
//! # async fn serve(orders: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
//!
//! Server::builder().layer(ServerLayer::new()).add_routes(orders).serve("[::1]:50051".parse()?).await?;
//!
//! let endpoint = Endpoint::from_static("http://orders:50051");
//! let channel = ClientLayer::new().target(endpoint.uri()).layer(endpoint.connect_lazy());
//! // `OrdersClient::new(channel)` is a generated client.
//! # drop(channel); Ok(()) }
//! ```
//!
//! ## reqwest
//!
//! With the feature `reqwest` there is a client that feels like `reqwest`'s own:
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")]
//! # async fn call() -> Result<(), reqwest::Error> {
//! let client = trisignal_instrumentation::http::client(reqwest::Client::new());
//! let answer = client.get("http://orders/orders/7").send().await?.text().await?;
//! # Ok(()) }
//! ```
//!
//! # Messages
//!
//! [`messaging`] has producers and consumers for any broker whose messages have headers. A consumer does not continue the
//! producer's trace, it is linked to it, and the correlation ID is the same in both. With the feature
//! `nats`, say:
//!
#![cfg_attr(feature = "nats", doc = "```no_run")]
#![cfg_attr(not(feature = "nats"), doc = "```ignore")]
//! use async_nats::{Client, HeaderMap, Message, PublishError};
//! use trisignal_instrumentation::messaging::{Consumer, Producer};
//!
//! async fn place(orders: &Producer, nats: &Client) -> Result<(), PublishError> {
//!     orders
//!         .send(HeaderMap::new(), |headers| nats.publish_with_headers("orders", headers, "one coffee".into()))
//!         .await
//! }
//!
//! async fn handle(orders: &Consumer, message: Message) {
//!     orders.process(&message.headers, async { tracing::info!("cooking") }).await;
//! }
//! ```
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
//! | `nats` | [`messaging::Carrier`] for the headers of `async-nats` | async-nats' |
//! | `lapin` | [`messaging::Carrier`] for the headers of `lapin` | lapin's |

pub mod context;
pub mod correlation;
mod exchange;
pub mod grpc;
pub mod http;
pub mod instruments;
pub mod messaging;
pub mod propagation;
#[cfg(test)]
mod testing;
