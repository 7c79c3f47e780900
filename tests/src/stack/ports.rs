//! The ports of a stack.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that systems take for connections and for listeners that ask for any: from 32,768 on, or even higher.
const FIRST_PORT: u16 = 10_000;
const PORTS: u32 = 20_000;

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

/// A port that nobody listens on. No two calls of one test run give the same, and it is none of those that the system gives
/// away by itself: a program that takes some seconds to start still finds it free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs at the same time begin at different ones.
    let begin = std::process::id().wrapping_mul(7_919) % PORTS;
    loop {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        // The remainder is less than 20,000.
        let port = FIRST_PORT + ((begin + next) % PORTS) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
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
