//! OTLP over HTTP, with protobuf or JSON bodies.

use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use prost::Message;

use super::Shared;
use super::connection::Cutter;
use super::decode::{Encoding, Refusal};
use super::exchange::{Head, Verdict, exchange, refuse_by_head};
use super::reply::ReplyBody;
use super::status::{ExportResponse, RpcStatus};
use crate::model::Signal;
use crate::request::{Outcome, Protocol, RequestInfo};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Handles one request.
pub(super) async fn handle(
    request: Request<Incoming>,
    shared: &Shared,
    cutter: &Cutter,
) -> Response<ReplyBody> {
    let (parts, body) = request.into_parts();
    let protocol = protocol_of(&parts.headers);
    let signal = signal_of(parts.uri.path());
    let info = request_info(&parts, protocol, signal);
    let verdict = match check(&parts, protocol, signal) {
        Ok((signal, encoding)) => {
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
        Err(refusal) => refuse_by_head(info, refusal, shared),
    };
    render(verdict, protocol, signal)
}

/// What is known of a request by its head.
pub(super) fn request_info(
    parts: &Parts,
    protocol: Protocol,
    signal: Option<Signal>,
) -> RequestInfo {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    RequestInfo {
        signal,
        protocol,
        path: parts.uri.path().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, v)| (name.to_string(), text(v)))
            .collect(),
        encoded_bytes: 0,
        decompressed_bytes: 0,
        items: 0,
        accepted: 0,
        outcome: Outcome::Pending,
        received_at: Instant::now(),
    }
}

fn check(
    parts: &Parts,
    protocol: Protocol,
    signal: Option<Signal>,
) -> Result<(Signal, Encoding), Refusal> {
    let Some(signal) = signal else {
        return Err(Refusal::new(
            404,
            "the paths are /v1/traces, /v1/metrics and /v1/logs",
        ));
    };
    if parts.method != Method::POST {
        return Err(Refusal::new(405, "only POST is understood"));
    }
    if protocol == Protocol::HttpOther {
        return Err(Refusal::new(
            415,
            format!("only {PROTOBUF} and {JSON} are understood"),
        ));
    }
    let encoding = parts
        .headers
        .get(header::CONTENT_ENCODING)
        .map(HeaderValue::as_bytes);
    match encoding.map(<[u8]>::to_ascii_lowercase).as_deref() {
        None | Some(b"" | b"identity") => Ok((signal, Encoding::Identity)),
        Some(b"gzip" | b"x-gzip") => Ok((signal, Encoding::Gzip)),
        Some(b"zstd") => Ok((signal, Encoding::Zstd)),
        Some(_) => Err(Refusal::new(
            415,
            "only gzip and zstd are understood as content-encoding",
        )),
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    let name = path.strip_prefix("/v1/")?;
    Signal::ALL
        .into_iter()
        .find(|signal| signal.as_str() == name)
}

fn protocol_of(headers: &HeaderMap) -> Protocol {
    let value = headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    // Parameters such as a charset change nothing.
    let essence = value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    if essence.eq_ignore_ascii_case(PROTOBUF.as_bytes()) {
        Protocol::HttpProtobuf
    } else if essence.eq_ignore_ascii_case(JSON.as_bytes()) {
        Protocol::HttpJson
    } else {
        Protocol::HttpOther
    }
}

fn render(verdict: Verdict, protocol: Protocol, signal: Option<Signal>) -> Response<ReplyBody> {
    let json = protocol == Protocol::HttpJson;
    let (status, body, retry_after) = match verdict {
        Verdict::Taken { rejected, message } => {
            let response = ExportResponse::new(rejected, message);
            let body = match signal {
                Some(signal) if json => response.to_json(signal),
                _ => response.encode_to_vec(),
            };
            (StatusCode::OK, body, None)
        }
        Verdict::Refused {
            code,
            message,
            retry_after,
        } => {
            // A script may name a number that is no status.
            let status =
                StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let rpc = RpcStatus::new(code.grpc(), message, None);
            (
                status,
                if json {
                    rpc.to_json()
                } else {
                    rpc.encode_to_vec()
                },
                retry_after,
            )
        }
    };
    let mut response = Response::new(ReplyBody::data(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = if json { JSON } else { PROTOBUF };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    // RFC 7694: what may come next, whatever came of this one.
    let encodings = HeaderValue::from_static("gzip, zstd");
    headers.insert(header::ACCEPT_ENCODING, encodings);
    if let Some(Ok(value)) = retry_after.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
        headers.insert(header::RETRY_AFTER, value);
    }
    response
}
