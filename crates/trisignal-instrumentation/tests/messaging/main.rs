//! Producers and consumers with a bridge and an SDK under them, over brokers in memory and over real
//! ones: what is seen of a message, however it goes.
//!
//! Each test has a subscriber, a tracer and a meter of its own, so they run in parallel. The global
//! propagator is the one thing they share; all of them set it to the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed expectation is the failure of the test"
)]

mod batches;
#[cfg(all(unix, any(feature = "nats", feature = "lapin")))]
mod broker;
mod conventions;
mod correlation;
mod creation;
mod ends;
#[cfg(all(unix, feature = "nats"))]
mod nats;
#[cfg(all(unix, feature = "lapin"))]
mod rabbitmq;
mod support;
mod traces;
