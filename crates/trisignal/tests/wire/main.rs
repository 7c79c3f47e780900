//! The pipeline on the wire: what an OTLP receiver sees of a service that uses `trisignal`, also under faults.
//!
//! Rows are those of the project's list of faults, scaled down: outages and limits are short, the counts are
//! exact. Nothing here depends on how fast the machine is.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // a test fails by panicking

mod backends;
mod bad_input;
mod bounds;
mod bridges;
mod certificates;
mod common;
mod compression;
mod config_file;
mod control;
mod explained;
mod exporters;
mod health;
mod histograms;
mod life;
mod outages;
mod own_metrics;
mod panics;
mod processors;
mod prometheus;
mod prometheus_cost;
mod proxy;
mod redaction;
mod rejected;
mod reload;
mod sampling;
mod scopes;
mod self_metrics;
mod signals;
mod spans;
mod suppression;
mod switched_off;
mod tls;
mod variables;
mod windows;
