//! The real backends for end-to-end tests: Collector, Jaeger, and Tempo and Prometheus where they are, on free
//! ports, with the configuration files of `collector/`.
//!
//! A test begins with [`Stack::start`]; what it gets is its own, and ends with it. Loki is not to be had as a
//! program, so a [`trisignal_receiver::Receiver`] stands in its place and takes what the Collector would send it.
//!
//! Where the programs are missing, `start` says so and gives none, and the test ends. With
//! `TRISIGNAL_E2E=required`, as `cargo xtask ci` sets it, that is a failure instead.

mod checkout;
mod files;
mod http;
mod jaeger;
mod metrics;
mod process;
mod programs;
mod stack;
mod wait;

pub use checkout::{Checkout, Protocol};
pub use files::root;
pub use http::{Response, get, post};
pub use jaeger::{Jaeger, TracedSpan, read_trace};
pub use metrics::{Sample, read_samples};
pub use process::Process;
pub use programs::{Programs, fluent_bit, say_not_run};
pub use stack::{Parts, Stack, free_port};
pub use wait::{DEADLINE, Over, until};
