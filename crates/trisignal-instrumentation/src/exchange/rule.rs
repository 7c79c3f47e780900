//! Callbacks of users. Telemetry must not fail a request, not even through one of these: a panic in
//! a callback counts as no answer.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;

/// How the other end of the connection is found.
#[derive(Clone)]
pub(crate) enum PeerOf {
    /// axum has put it into the extensions.
    #[cfg(feature = "axum")]
    Connected,
    Told(Callback<SocketAddr>),
}

/// What finds something of a request.
pub(crate) type Callback<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

type Rule = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// The requests that make neither span nor metric.
#[derive(Clone, Default)]
pub(crate) struct Exclusions(Vec<Rule>);

impl Exclusions {
    pub(crate) fn add(&mut self, rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) {
        self.0.push(Arc::new(rule));
    }

    #[inline]
    pub(crate) fn has(&self, parts: &Parts) -> bool {
        self.0
            .iter()
            .any(|rule| guarded(|| rule(parts)).unwrap_or(false))
    }
}

#[inline]
pub(crate) fn peer_of(peer: Option<&PeerOf>, parts: &Parts) -> Option<SocketAddr> {
    match peer? {
        #[cfg(feature = "axum")]
        PeerOf::Connected => {
            use axum::extract::ConnectInfo;
            Some(parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0)
        }
        PeerOf::Told(callback) => guarded(|| callback(parts)).flatten(),
    }
}

pub(crate) fn guarded<T>(callback: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(callback)).ok()
}
