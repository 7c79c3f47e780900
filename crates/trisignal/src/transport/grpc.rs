//! OTLP over gRPC: a unary call of tonic whose messages are bytes that are encoded, and compressed, already.
//!
//! tonic compresses at its library's default level, which costs eight times of what the fastest one does, and copies each message
//! into one piece of memory. So messages are compressed before, and it makes calls without one: [`Announce`] adds it on the way out.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message as _;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use tower_service::Service;

use super::ResponseStatus;
use super::compress::{Encoding, Negotiation};
use super::headers::Headers;
use super::{Answer, Connector, FailureKind, MAX_RESPONSE_BYTES, partial_success};
use crate::config::OtlpConfig;
use crate::pipeline::batch::Batch;
use crate::pipeline::pieces::{Pieces, Reader};
use crate::pipeline::retry;
use crate::pipeline::signal::Signal;

/// A connection that has gone silent is given up after [`PING_TIMEOUT`] more: without pings, requests would wait
/// out their whole time limit on it, one after another.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How the message of a call is encoded. tonic keeps this name for itself, and so takes it out of a request.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// A connection to a gRPC backend; clones share it.
pub(super) type GrpcClient = Client<Connector, Framed>;

/// The connection, opened at the first request.
pub(super) fn client(connector: Connector) -> GrpcClient {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .build(connector)
}

/// A client of one OTLP/gRPC service.
pub(crate) struct GrpcTransport {
    client: Grpc<Announce>,
    compression: Negotiation,
    path: PathAndQuery,
    headers: Headers,
    pub(super) timeout: Option<Duration>,
}

/// By hand: headers carry tokens.
impl fmt::Debug for GrpcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcTransport")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl GrpcTransport {
    pub(super) fn new(signal: Signal, config: &OtlpConfig, client: GrpcClient) -> Self {
        let client = Grpc::with_origin(Announce(client), Uri::clone(&config.endpoint))
            .max_decoding_message_size(MAX_RESPONSE_BYTES)
            .accept_compressed(CompressionEncoding::Gzip);
        let path = PathAndQuery::from_static(match signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        });
        Self {
            client,
            compression: Negotiation::new(config.compression, config.endpoint.host()),
            path,
            headers: Headers::new(config),
            timeout: config.timeout,
        }
    }

    pub(super) async fn send(&self, batch: &Batch) -> Answer {
        loop {
            let (message, encoding) = self.compression.encode(&batch.body);
            let headers = match self.headers.now() {
                Ok(headers) => headers,
                Err(answer) => return answer,
            };
            match self.call(headers, message, encoding).await {
                Ok(response) => {
                    let advertised = response.metadata().get(GRPC_ACCEPT_ENCODING);
                    let advertised = advertised.and_then(|names| names.to_str().ok());
                    self.compression.accepted(advertised);
                    let partial = partial_success(batch.signal, response.into_inner());
                    return Answer::accepted(partial).with_status(ResponseStatus::Grpc("OK"));
                }
                // What the gRPC specification has for a message in an encoding that the server has not.
                Err(status)
                    if status.code() == Code::Unimplemented
                        && self.compression.refused(encoding) => {}
                Err(status) => return failed(&status),
            }
        }
    }

    async fn call(
        &self,
        headers: HeaderMap,
        message: Pieces,
        encoding: Encoding,
    ) -> Result<tonic::Response<Bytes>, Status> {
        let mut request = Request::new(());
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request
            .extensions_mut()
            .insert(Message { message, encoding });
        let mut client = self.client.clone();
        client
            .ready()
            .await
            .map_err(|error| Status::from_error(Box::new(error)))?;
        client.unary(request, self.path.clone(), Bytewise).await
    }
}

/// The message of a call, as it was encoded.
#[derive(Clone, Default)]
struct Message {
    message: Pieces,
    encoding: Encoding,
}

/// Gives a call its message, and says how that is compressed.
#[derive(Clone)]
struct Announce(GrpcClient);

impl Service<http::Request<tonic::body::Body>> for Announce {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper_util::client::legacy::Error;
    type Future = hyper_util::client::legacy::ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        // Each call has one: `call` above gives it.
        let message: Option<Message> = request.extensions_mut().remove();
        let Message { message, encoding } = message.unwrap_or_default();
        if let Some(name) = encoding.name() {
            request
                .headers_mut()
                .insert(GRPC_ENCODING, HeaderValue::from_static(name));
        }
        // tonic's own has nothing in it yet: it would have encoded when asked.
        self.0
            .call(request.map(|_| Framed::new(&message, encoding)))
    }
}

/// A body of one message: its frame and its pieces as they are, handed over at once. The connection makes frames of HTTP/2
/// of them, as large as the backend takes; given one by one, each piece would be a frame and a write to the socket.
#[derive(Debug)]
pub(super) struct Framed(Option<Reader>);

impl Framed {
    fn new(message: &Pieces, encoding: Encoding) -> Self {
        let flag = u8::from(encoding != Encoding::Identity);
        // No request is near this length.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut frame = vec![flag];
        frame.extend_from_slice(&length.to_be_bytes());
        let frame = std::iter::once(Bytes::from(frame));
        let pieces: Pieces = frame.chain(message.iter().cloned()).collect();
        Self(Some(pieces.reader()))
    }
}

impl http_body::Body for Framed {
    type Data = Reader;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Reader>, Infallible>>> {
        Poll::Ready(self.0.take().map(|all| Ok(http_body::Frame::data(all))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

fn failed(status: &Status) -> Answer {
    // A status that the backend sent has no source; one that stands for a broken exchange has.
    if let Some(source) = status.source() {
        return Answer::broken(source);
    }
    let verdict = retry::grpc(status.code(), retry_delay(status.details()));
    let detail = format!("gRPC status {:?}: {}", status.code(), status.message());
    Answer::failed(verdict, FailureKind::Status, &detail)
        .with_status(ResponseStatus::Grpc(code_name(status.code())))
}

/// The code as the gRPC specification spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details of a status (`google.rpc.Status`).
fn retry_delay(details: &[u8]) -> Option<Duration> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<ProtoDuration>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct ProtoDuration {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    let details = RpcStatus::decode(details).ok()?.details;
    let info = details
        .iter()
        .find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let (seconds, nanos) = (
        u64::try_from(delay.seconds).ok()?,
        u32::try_from(delay.nanos).ok()?,
    );
    Some(Duration::from_secs(seconds) + Duration::from_nanos(u64::from(nanos)))
}

/// The codec that passes answers through as they are. Requests have their message elsewhere.
#[derive(Clone, Copy, Debug, Default)]
struct Bytewise;

impl Codec for Bytewise {
    type Encode = ();
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytewise {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Bytewise {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_retry_delay_is_read_from_the_details() {
        // Status{details: [Any{"type.googleapis.com/google.rpc.RetryInfo", RetryInfo{Duration{2 s, 5 ns}}}]}
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let info = [0x0a, 4, 0x08, 2, 0x10, 5];
        let mut any = vec![0x0a, url.len() as u8];
        any.extend_from_slice(url);
        any.extend_from_slice(&[0x12, info.len() as u8]);
        any.extend_from_slice(&info);
        let mut status = vec![0x08, 14, 0x1a, any.len() as u8];
        status.extend_from_slice(&any);
        assert_eq!(retry_delay(&status), Some(Duration::new(2, 5)));
        assert_eq!(retry_delay(&[]), None);
        assert_eq!(retry_delay(b"\xff\xff\xff"), None);
    }
}
