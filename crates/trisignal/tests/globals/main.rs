//! What a process has one of: the subscriber, the logger, OpenTelemetry's globals, its signals, threads and
//! descriptors. Each test runs in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // a test fails by panicking

#[path = "../wire/certificates.rs"]
#[allow(dead_code)] // each binary uses a part of what they share
mod certificates;
#[path = "../wire/common.rs"]
#[allow(dead_code)]
mod common;
mod diagnostics;
mod ending;
mod headers;
mod host;
mod idle;
mod installing;
mod isolated;
mod lines;
mod memory;
#[path = "../wire/proxy.rs"]
#[allow(dead_code)]
mod proxy;
mod reload;
mod requests;
mod secrets;
mod variables;
