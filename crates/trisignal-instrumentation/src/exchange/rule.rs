//! Callbacks of users. Telemetry must not fail a request, not even through one of these: a panic in
//! a callback counts as no answer.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;

/// Finds the other end of the connection.
pub(crate) type PeerOf = Arc<dyn Fn(&Parts) -> Option<SocketAddr> + Send + Sync>;

type Rule = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// The requests that make neither span nor metric.
#[derive(Clone, Default)]
pub(crate) struct Exclusions(Vec<Rule>);

impl Exclusions {
    pub(crate) fn add(&mut self, rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) {
        self.0.push(Arc::new(rule));
    }

    pub(crate) fn has(&self, parts: &Parts) -> bool {
        self.0
            .iter()
            .any(|rule| guarded(|| rule(parts)).unwrap_or(false))
    }
}

pub(crate) fn peer_of(callback: Option<&PeerOf>, parts: &Parts) -> Option<SocketAddr> {
    let callback = callback?;
    guarded(|| callback(parts)).flatten()
}

pub(crate) fn guarded<T>(callback: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(callback)).ok()
}
