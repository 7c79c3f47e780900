//! OTLP over HTTP with protobuf or JSON bodies.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::ResponseStatus;
use super::compress::{Encoding, Negotiation};
use super::headers::Headers;
use super::{Answer, Connector, FailureKind, MAX_RESPONSE_BYTES, partial_success};
use crate::config::{OtlpConfig, Protocol};
use crate::otlp_json;
use crate::pipeline::batch::Batch;
use crate::pipeline::pieces::{Pieces, Reader};
use crate::pipeline::retry::{self, Verdict};
use crate::pipeline::signal::Signal;

/// Connections to an HTTP backend; clones share them.
pub(super) type HttpClient = Client<Connector, Full<Reader>>;

/// The connections, opened when requests need them.
pub(super) fn client(connector: Connector) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// A client of one OTLP/HTTP endpoint.
pub(crate) struct HttpTransport {
    client: HttpClient,
    endpoint: Uri,
    headers: Headers,
    compression: Negotiation,
    /// Bodies are JSON.
    json: bool,
    pub(super) timeout: Option<Duration>,
}

/// By hand: headers carry tokens.
impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl HttpTransport {
    pub(super) fn new(config: &OtlpConfig, client: HttpClient) -> Self {
        let mut headers = Headers::new(config);
        let json = config.protocol == Protocol::HttpJson;
        let content_type = if json {
            "application/json"
        } else {
            "application/x-protobuf"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            client,
            endpoint: config.endpoint.clone(),
            headers,
            compression: Negotiation::new(config.compression, config.endpoint.host()),
            json,
            timeout: config.timeout,
        }
    }

    pub(super) async fn send(&self, batch: &Batch) -> Answer {
        let Ok(plain) = self.body(batch) else {
            return Answer::failed(
                Verdict::RejectedRequest,
                FailureKind::Status,
                "the batch can't be written as JSON",
            );
        };
        loop {
            let (body, encoding) = self.compression.encode(&plain);
            let headers = match self.headers.now() {
                Ok(headers) => headers,
                Err(answer) => return answer,
            };
            let request = self.request(headers, &body, encoding);
            let response = match self.client.request(request).await {
                Ok(response) => response,
                Err(error) => return Answer::broken(&error),
            };
            if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
                && self.compression.refused(encoding)
            {
                continue;
            }
            if response.status().is_success() {
                let advertised = response.headers().get(ACCEPT_ENCODING);
                self.compression
                    .accepted(advertised.and_then(|names| names.to_str().ok()));
            }
            return self.read(batch, response).await;
        }
    }

    fn body(&self, batch: &Batch) -> Result<Pieces, otlp_json::Malformed> {
        if self.json {
            otlp_json::encode(batch.signal, &batch.body.to_bytes())
                .map(|text| text.into_bytes().into())
        } else {
            Ok(batch.body.clone())
        }
    }

    fn request(
        &self,
        headers: HeaderMap,
        body: &Pieces,
        encoding: Encoding,
    ) -> Request<Full<Reader>> {
        let mut request = Request::new(Full::new(body.reader()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = headers;
        if let Some(name) = encoding.name() {
            request
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        request
    }

    /// The meaning of a response. Its status decides; the body only adds a partial success to a good one.
    async fn read<B>(&self, batch: &Batch, response: Response<B>) -> Answer
    where
        B: http_body::Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let status = response.status();
        let answered = ResponseStatus::Http(status.as_u16());
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let verdict = retry::http(status.as_u16(), retry_after, SystemTime::now());
        if verdict != Verdict::Accepted {
            return Answer::failed(
                verdict,
                FailureKind::Status,
                &format!("HTTP status {status}"),
            )
            .with_status(answered);
        }
        // A good status is the acknowledgement: when the rest of the answer is lost, sending again would only
        // make duplicates.
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES)
            .collect()
            .await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let partial = if self.json {
            partial_success_in_json(batch.signal, &body)
        } else {
            partial_success(batch.signal, body)
        };
        Answer::accepted(partial).with_status(answered)
    }
}

/// As [`partial_success`], of a JSON answer: the count is a text there, or a number.
fn partial_success_in_json(signal: Signal, body: &[u8]) -> Option<(u64, String)> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = answer.get("partialSuccess")?;
    let rejected = partial.get(match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    });
    let rejected = rejected.and_then(|count| match count.as_str() {
        Some(text) => text.parse().ok(),
        None => count.as_u64(),
    });
    let message = partial.get("errorMessage").and_then(|text| text.as_str());
    Some((
        rejected.unwrap_or(0),
        message.unwrap_or_default().to_owned(),
    ))
}
