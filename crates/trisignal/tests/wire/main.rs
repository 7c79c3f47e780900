//! The pipeline on the wire: what an OTLP receiver sees of a service that uses `trisignal`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // a test fails by panicking

mod common;
mod signals;
