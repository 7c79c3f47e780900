//! Asks a Jaeger collector for its strategy, again and again, on the pipeline's own runtime.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;

use super::config::JaegerRemote;
use super::remote::Remote;
use crate::config::endpoint_for_people;
use crate::error::Error;
use crate::pipeline::{Phase, Shared};
use crate::transport::Fetch;

/// How long an answer may take, and how much of it is read.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_BYTES: usize = 1024 * 1024;
/// Until the first answer Jaeger is asked more often, from this on.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Nobody needs it more often than this.
const SHORTEST: Duration = Duration::from_millis(10);

/// Asks for a service.
pub(crate) struct Poll {
    remote: Arc<Remote>,
    url: Uri,
    fetch: Fetch,
    interval: Duration,
}

impl Poll {
    /// # Errors
    ///
    /// When the system has no certificates to trust and the endpoint needs one.
    pub(super) fn new(
        config: &JaegerRemote,
        service: &str,
        remote: Arc<Remote>,
    ) -> Result<Self, Error> {
        Ok(Self {
            remote,
            url: with_service(&config.endpoint, service),
            fetch: Fetch::new(&config.endpoint)?,
            interval: config.interval.max(SHORTEST),
        })
    }

    /// Goes on until the pipeline drains. What fails is said once, until it works again.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        let mut phase = shared.phase();
        let mut wait = FIRST_WAIT.min(self.interval);
        let endpoint = endpoint_for_people(&self.url.to_string());
        loop {
            let asked = tokio::select! {
                asked = self.ask() => asked,
                _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
            };
            match asked {
                Ok(()) => {
                    wait = self.interval;
                    shared.diagnostics.sampling_works();
                }
                Err(reason) => {
                    shared.diagnostics.sampling_failed(&endpoint, &reason);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(spread(wait)) => {}
                _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
            }
            wait = (wait * 2).min(self.interval);
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let body = self
            .fetch
            .get(self.url.clone(), PATIENCE, MAX_BYTES)
            .await?;
        self.remote.update(&body)
    }
}

/// A tenth more or less, so that services that started together do not ask together for ever.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.9..1.1))
}

/// `endpoint?service=<service>`, after what query it may have.
fn with_service(endpoint: &Uri, service: &str) -> Uri {
    let mut encoded = String::with_capacity(service.len());
    for byte in service.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let query = match endpoint.query() {
        Some(query) => format!("{query}&service={encoded}"),
        None => format!("service={encoded}"),
    };
    let path = format!("{}?{query}", endpoint.path());
    let mut parts = endpoint.clone().into_parts();
    // What is encoded is valid; a name that makes the URL too long leaves it as it was, and Jaeger says no.
    parts.path_and_query = path.parse::<PathAndQuery>().ok().or(parts.path_and_query);
    Uri::from_parts(parts).unwrap_or_else(|_| endpoint.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_in_the_query() {
        let cases = [
            (
                "http://a:5778/sampling",
                "checkout",
                "http://a:5778/sampling?service=checkout",
            ),
            (
                "http://a/s?key=1",
                "a b&c=é",
                "http://a/s?key=1&service=a%20b%26c%3D%C3%A9",
            ),
        ];
        for (endpoint, service, url) in cases {
            let found = with_service(&Uri::from_static(endpoint), service);
            assert_eq!(found.to_string(), url);
        }
    }
}
