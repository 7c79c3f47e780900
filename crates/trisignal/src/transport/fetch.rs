//! Reads something small from somewhere, by the same hyper and TLS as the transports.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT as USER_AGENT_HEADER};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{Answer, Connector, USER_AGENT, tls};
use crate::config::{Compression, OtlpConfig, Protocol, TlsConfig};
use crate::error::Error;

/// A client for GET requests to one place.
pub(crate) struct Fetch {
    client: Client<Connector, Empty<Bytes>>,
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

impl Fetch {
    /// A client of the host of `url`.
    ///
    /// # Errors
    ///
    /// When it needs TLS and the system has no certificates to trust.
    pub(crate) fn new(url: &Uri) -> Result<Self, Error> {
        let connector = tls::connector(&OtlpConfig {
            endpoint: url.clone(),
            protocol: Protocol::HttpProtobuf,
            headers: HeaderMap::new(),
            bearer_token_file: None,
            timeout: None,
            compression: Compression::None,
            tls: TlsConfig::default(),
        })?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client })
    }

    /// The body of the answer, which comes within `patience` and has at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Why there is none, fit for a log line.
    pub(crate) async fn get(
        &self,
        url: Uri,
        patience: Duration,
        limit: usize,
    ) -> Result<Bytes, String> {
        tokio::time::timeout(patience, self.exchange(url, limit))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {patience:?}")))
    }

    async fn exchange(&self, url: Uri, limit: usize) -> Result<Bytes, String> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT));
        let response = self.client.request(request).await.map_err(|error| {
            let failure = Answer::broken(&error).failure;
            failure.map_or_else(|| "no answer".to_owned(), |failure| failure.detail)
        })?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("HTTP status {status}"));
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|_| "the answer broke off or is too long".to_owned())
    }
}
