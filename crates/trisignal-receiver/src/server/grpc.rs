//! OTLP over gRPC: a unary call is one framed message, answered by one framed message and trailers.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use prost::Message;

use super::Shared;
use super::connection::Cutter;
use super::decode::{Encoding, Refusal};
use super::exchange::{Head, Verdict, exchange, refuse_by_head};
use super::http::request_info;
use super::reply::ReplyBody;
use super::status::{ExportResponse, RpcStatus, base64, percent_encode};
use crate::answer::Code;
use crate::model::Signal;
use crate::request::Protocol;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Handles one call.
pub(super) async fn handle(
    request: Request<Incoming>,
    shared: &Shared,
    cutter: &Cutter,
) -> Response<ReplyBody> {
    let (parts, body) = request.into_parts();
    let signal = signal_of(parts.uri.path());
    let mut info = request_info(&parts, Protocol::Grpc, signal);
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    // These two are not gRPC, so that the answer is plain HTTP.
    let refused = if parts.method != Method::POST {
        Some((405, "only POST is a call"))
    } else if !content_type.is_some_and(|value| value.starts_with(b"application/grpc")) {
        Some((415, "only application/grpc is understood on this port"))
    } else {
        None
    };
    if let Some((status, why)) = refused {
        info.protocol = Protocol::HttpOther;
        refuse_by_head(info, Refusal::new(status, why), shared);
        return not_grpc(status, why);
    }
    let verdict = match (signal, encoding_of(&parts.headers)) {
        (Some(signal), Ok(encoding)) => {
            exchange(
                Head {
                    signal,
                    encoding,
                    info,
                },
                body,
                shared,
                cutter,
            )
            .await
        }
        (None, _) => {
            let why = format!("no such method: {}", parts.uri.path());
            refuse_by_head(
                info,
                Refusal {
                    code: Code::Grpc(12),
                    message: why,
                },
                shared,
            )
        }
        (_, Err(refusal)) => refuse_by_head(info, refusal, shared),
    };
    render(verdict)
}

fn signal_of(path: &str) -> Option<Signal> {
    match path.strip_prefix("/opentelemetry.proto.collector.")? {
        "trace.v1.TraceService/Export" => Some(Signal::Traces),
        "metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Encoding::Identity),
        Some(b"gzip") => Ok(Encoding::Gzip),
        Some(b"zstd") => Ok(Encoding::Zstd),
        Some(_) => Err(Refusal {
            code: Code::Grpc(12),
            message: "only identity, gzip and zstd are understood as grpc-encoding".to_owned(),
        }),
    }
}

fn render(verdict: Verdict) -> Response<ReplyBody> {
    match verdict {
        Verdict::Taken { rejected, message } => {
            let message = ExportResponse::new(rejected, message).encode_to_vec();
            let mut framed = vec![0];
            framed.extend((message.len() as u32).to_be_bytes());
            framed.extend(message);
            let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
            response(ReplyBody::data(framed).with_trailers(trailers))
        }
        Verdict::Refused {
            code,
            message,
            retry_after,
        } => {
            let delay = Verdict::retry_delay(retry_after.as_deref());
            let text = percent_encode(&message);
            let status = RpcStatus::new(code.grpc(), message, delay);
            // Without data the trailers are the headers: one frame, as gRPC has it.
            let mut response = response(ReplyBody::default());
            let headers = response.headers_mut();
            headers.insert(GRPC_STATUS, HeaderValue::from(status.code));
            // Percent-encoding and base64 leave nothing that a header cannot hold.
            if let Ok(text) = HeaderValue::from_str(&text) {
                headers.insert(GRPC_MESSAGE, text);
            }
            if let (false, Ok(details)) = (
                status.details.is_empty(),
                HeaderValue::from_str(&base64(&status.encode_to_vec())),
            ) {
                headers.insert(GRPC_DETAILS, details);
            }
            response
        }
    }
}

fn response(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(
        GRPC_ACCEPT_ENCODING,
        HeaderValue::from_static("identity,gzip,zstd"),
    );
    response
}

fn not_grpc(status: u16, why: &'static str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::data(why));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response
}
