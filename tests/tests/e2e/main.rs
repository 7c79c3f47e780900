//! End to end on real parts: the demo's services, the real Collector, Jaeger, and Tempo, Loki and
//! Prometheus where they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail by panic"
)]

mod backends;
mod by_hand;
mod files;
mod foreign;
mod loki;
mod monitoring;
mod outage;
mod prometheus;
mod sampling;
mod trace;
