//! The ports of a stack.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// The ports of one stack, all on 127.0.0.1.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) otlp_grpc: u16,
    pub(super) otlp_http: u16,
    pub(super) health: u16,
    pub(super) exporter: u16,
    pub(super) own_metrics: u16,
    pub(super) jaeger_otlp: u16,
    pub(super) jaeger_ui: u16,
    pub(super) jaeger_api: u16,
    pub(super) jaeger_health: u16,
    pub(super) tempo_otlp: u16,
    pub(super) tempo_http: u16,
    pub(super) tempo_grpc: u16,
    pub(super) loki_http: u16,
    pub(super) loki_grpc: u16,
    pub(super) prometheus: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self {
            otlp_grpc: free_port(),
            otlp_http: free_port(),
            health: free_port(),
            exporter: free_port(),
            own_metrics: free_port(),
            jaeger_otlp: free_port(),
            jaeger_ui: free_port(),
            jaeger_api: free_port(),
            jaeger_health: free_port(),
            tempo_otlp: free_port(),
            tempo_http: free_port(),
            tempo_grpc: free_port(),
            loki_http: free_port(),
            loki_grpc: free_port(),
            prometheus: free_port(),
        }
    }
}

/// A port that nobody listens on. No two calls of one test run give the same.
#[must_use]
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        if given.insert(port) {
            return port;
        }
    }
}

pub(super) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
