//! Carries one encoded request to one backend, and says what its answer means.
//!
//! Both protocols use the same hyper client and the same TLS. Signals that go to the same place share one [`Connections`],
//! for gRPC one HTTP/2 connection. It opens at the first request and stays open between requests. A transport never
//! retries by itself: that is the sender's.

mod compress;
mod connections;
mod fetch;
mod grpc;
mod headers;
mod http;
mod pem;
mod rotating;
mod tls;

pub(crate) use self::connections::Connections;
pub(crate) use self::fetch::Fetch;

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use crate::config::{OtlpConfig, Protocol};
use crate::error::Error;
use crate::metrics::selfmetrics::Ending;
use crate::pipeline::batch::Batch;
use crate::pipeline::retry::Verdict;
use crate::pipeline::signal::Signal;

/// Ours first, then the name that the OTLP exporter specification asks for.
const USER_AGENT: &str = concat!(
    "trisignal/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/0.33.1"
);
/// The largest answer that is read: 4 MiB.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// How long a connection may take to open when an attempt has no time limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a text from the backend is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 256;

type Connector = HttpsConnector<HttpConnector>;

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// Items that an accepted request lost to partial success.
    pub(crate) rejected: u64,
    /// What went wrong, or what the backend remarked.
    pub(crate) failure: Option<Failure>,
    /// What the backend answered, where it did.
    pub(crate) status: Option<ResponseStatus>,
}

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseStatus {
    Http(u16),
    /// The name of the code, such as `UNAVAILABLE`.
    Grpc(&'static str),
}

/// What went wrong with an attempt, fit for a log line: short, on one line, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) detail: String,
}

/// What one log line in a while is enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailureKind {
    /// No connection, or it broke before the answer.
    Unreachable,
    /// The certificate or the handshake is wrong.
    Tls,
    /// There is no token to send along.
    Token,
    /// No answer in time.
    Timeout,
    /// The backend answered with an error.
    Status,
    /// The backend took the request and complained about some of it.
    PartialSuccess,
}

impl FailureKind {
    /// As `error.type` has it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Token => "token",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::PartialSuccess => "partial",
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, detail: &str) -> Self {
        Self {
            kind,
            detail: printable(detail),
        }
    }
}

/// A connection to one backend for one signal.
#[derive(Debug)]
pub(crate) enum Transport {
    Grpc(Box<grpc::GrpcTransport>),
    Http(Box<http::HttpTransport>),
}

impl Transport {
    /// Prepares the way of `signal`, over a connection of `connections`; it opens at the first request.
    ///
    /// # Errors
    ///
    /// When a file of the TLS configuration can't be read or used.
    pub(crate) fn new(
        signal: Signal,
        config: &OtlpConfig,
        connections: &mut Connections,
    ) -> Result<Self, Error> {
        Ok(match config.protocol {
            Protocol::Grpc => Self::Grpc(Box::new(grpc::GrpcTransport::new(
                signal,
                config,
                connections.grpc(config)?,
            ))),
            Protocol::HttpProtobuf | Protocol::HttpJson => Self::Http(Box::new(
                http::HttpTransport::new(config, connections.http(config)?),
            )),
        })
    }

    /// Sends `batch` and waits for the answer, at most as long as the configured timeout.
    pub(crate) async fn send(&self, batch: &Batch) -> Answer {
        let (timeout, exchange) = match self {
            Self::Grpc(grpc) => (grpc.timeout, Exchange::Grpc(grpc.send(batch))),
            Self::Http(http) => (http.timeout, Exchange::Http(http.send(batch))),
        };
        let exchange = async {
            match exchange {
                Exchange::Grpc(future) => future.await,
                Exchange::Http(future) => future.await,
            }
        };
        let Some(timeout) = timeout else {
            return exchange.await;
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                let detail = format!("no answer within {timeout:?}");
                Answer::failed(Verdict::Retry(None), FailureKind::Timeout, &detail)
            })
    }
}

/// The future of either protocol.
enum Exchange<G, H> {
    Grpc(G),
    Http(H),
}

impl Answer {
    fn failed(verdict: Verdict, kind: FailureKind, detail: &str) -> Self {
        Self {
            verdict,
            rejected: 0,
            failure: Some(Failure::new(kind, detail)),
            status: None,
        }
    }

    fn with_status(mut self, status: ResponseStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// How an export ends with this answer.
    pub(crate) fn ending(&self) -> Ending {
        let error = self
            .failure
            .as_ref()
            .and_then(|failure| match (failure.kind, self.status) {
                (FailureKind::Status, Some(ResponseStatus::Http(status))) => {
                    Some(status.to_string())
                }
                (FailureKind::Status, Some(ResponseStatus::Grpc(status))) => {
                    Some(status.to_owned())
                }
                // A remark is no failure.
                (FailureKind::PartialSuccess, _) if self.rejected == 0 => None,
                (kind, _) => Some(kind.as_str().to_owned()),
            });
        Ending {
            error,
            status: self.status,
        }
    }

    /// The answer to a request that was taken, with what the body of the response says of a partial success.
    fn accepted(partial: Option<(u64, String)>) -> Self {
        let (rejected, message) = partial.unwrap_or_default();
        let failure = (rejected > 0 || !message.is_empty())
            .then(|| Failure::new(FailureKind::PartialSuccess, &message));
        Self {
            verdict: Verdict::Accepted,
            rejected,
            failure,
            status: None,
        }
    }

    /// The answer when the exchange broke without one.
    fn broken(error: &(dyn StdError + 'static)) -> Self {
        let chain = || {
            std::iter::successors(Some(error), |error: &&(dyn StdError + 'static)| {
                (*error).source()
            })
        };
        let tls = chain().any(|error| {
            // tokio-rustls hands the TLS error over inside of an I/O error, which hides it from `source`.
            let inner = error
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref);
            error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
        });
        let root = chain().last().map(ToString::to_string).unwrap_or_default();
        if tls {
            Self::failed(Verdict::Hold, FailureKind::Tls, &root)
        } else {
            Self::failed(Verdict::Retry(None), FailureKind::Unreachable, &root)
        }
    }
}

/// How many items a partial success rejects, and why. A body that is no OTLP answer counts as full success:
/// some backends answer with an empty JSON object.
fn partial_success(signal: Signal, body: Bytes) -> Option<(u64, String)> {
    let (rejected, message) = match signal {
        Signal::Traces => {
            let partial = ExportTraceServiceResponse::decode(body)
                .ok()?
                .partial_success?;
            (partial.rejected_spans, partial.error_message)
        }
        Signal::Metrics => {
            let partial = ExportMetricsServiceResponse::decode(body)
                .ok()?
                .partial_success?;
            (partial.rejected_data_points, partial.error_message)
        }
        Signal::Logs => {
            let partial = ExportLogsServiceResponse::decode(body)
                .ok()?
                .partial_success?;
            (partial.rejected_log_records, partial.error_message)
        }
    };
    Some((u64::try_from(rejected).unwrap_or(0), message))
}

/// `text` cut to 256 bytes, its control characters replaced: it comes from outside and goes into a log line.
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(MAX_MESSAGE_BYTES));
    for char in text.chars() {
        let hidden =
            char.is_control() || matches!(char, '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let char = if hidden { ' ' } else { char };
        if clean.len() + char.len_utf8() > MAX_MESSAGE_BYTES {
            break;
        }
        clean.push(char);
    }
    clean
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::sync::Mutex;

    use opentelemetry_http::{HttpClient, HttpError};
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
    use opentelemetry_sdk::trace::SpanExporter as _;

    use super::*;

    /// Keeps the user agent of each request.
    #[derive(Clone, Debug, Default)]
    struct Capture(std::sync::Arc<Mutex<Vec<String>>>);

    #[async_trait::async_trait]
    impl HttpClient for Capture {
        async fn send_bytes(
            &self,
            request: ::http::Request<Bytes>,
        ) -> Result<::http::Response<Bytes>, HttpError> {
            let agent = &request.headers()[::http::header::USER_AGENT];
            self.0.lock().unwrap().push(agent.to_str()?.to_owned());
            Ok(::http::Response::new(Bytes::new()))
        }
    }

    /// What `opentelemetry-otlp` says about itself.
    fn upstream_user_agent() -> String {
        let capture = Capture::default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(capture.clone())
            .with_endpoint("http://localhost/")
            .with_protocol(Protocol::HttpBinary)
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(exporter.export(Vec::new())).unwrap();
        capture.0.lock().unwrap().remove(0)
    }

    #[test]
    fn texts_of_the_backend_are_cut_and_cleaned() {
        assert_eq!(printable("a\nb\u{1b}[31mc\u{202e}"), "a b [31mc ");
        assert_eq!(printable(&"é".repeat(300)).len(), 256);
    }

    #[test]
    fn the_user_agent_names_the_version_of_the_exporter_in_use() {
        let used = upstream_user_agent();
        assert!(
            USER_AGENT.ends_with(&used),
            "{USER_AGENT} should end with {used}"
        );
    }
}
