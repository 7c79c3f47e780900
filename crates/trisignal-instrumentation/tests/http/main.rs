//! The HTTP and gRPC layers with a bridge and an SDK under them: what is seen of an exchange, however it
//! goes.
//!
//! Each test has a subscriber, a tracer and a meter of its own, so they run in parallel. The global
//! propagator is the one thing they share; all of them set it to the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed expectation is the failure of the test"
)]

#[cfg(feature = "axum")]
mod axum_router;
mod chain;
mod client;
mod client_sends;
mod conventions;
mod correlation;
mod ends;
#[path = "../grpc/mod.rs"]
mod grpc;
mod inside;
mod many;
mod plain_hyper;
#[cfg(all(feature = "axum", feature = "reqwest"))]
mod real_server;
#[cfg(feature = "reqwest")]
mod reqwest_client;
mod server;
mod settings;
mod support;
mod trust;
