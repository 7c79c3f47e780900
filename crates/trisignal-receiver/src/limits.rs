//! The bounds of the store and of the server.

use std::time::Duration;

/// What the store keeps at most. The oldest records are dropped first, and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Items per signal: spans, log records, data points. Default 100,000.
    pub items: usize,
    /// Bytes per signal, estimated from the encoded size. Default 128 MiB.
    pub bytes: usize,
    /// Entries of the list of requests. Default 10,000.
    pub requests: usize,
    /// Identities per signal that are remembered to tell duplicates, about 60 bytes each. Default 4,000,000.
    pub identities: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            items: 100_000,
            bytes: 128 << 20,
            requests: 10_000,
            identities: 4_000_000,
        }
    }
}

/// What the server takes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request body as sent. Default 64 MiB.
    pub body: usize,
    /// Bytes of a request body after decompression. Default 64 MiB.
    pub decompressed: usize,
    /// Open connections of each listener; more wait to be accepted. Default 512.
    pub connections: usize,
    /// How long an HTTP/1 client may take for the head of a request. Default 30 s.
    pub header_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            decompressed: 64 << 20,
            connections: 512,
            header_timeout: Duration::from_secs(30),
        }
    }
}
