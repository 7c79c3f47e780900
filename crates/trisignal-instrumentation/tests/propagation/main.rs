//! Propagation and carried context from outside, with hostile input, a real SDK and a real bridge.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a failed expectation is the failure of the test"
)]

// The judges of the fuzz targets.
#[allow(unreachable_pub, reason = "public in the crate that they belong to")]
#[path = "../../fuzz/src/lib.rs"]
mod checks;

mod carried;
mod correlation;
mod generated;
mod hostile;
mod random_flag;
mod support;
