//! What the tests share: sample data, and one client per protocol, none of which is the receiver's own code.

// Each test binary uses a part of it, as a private module; and tests may panic.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs
)]

use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_client::LogsServiceClient,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
    metrics_service_client::MetricsServiceClient,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tonic::codec::CompressionEncoding;

/// Far more than anything here takes; reached only when something is broken.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

pub fn text(key: &str, value: &str) -> KeyValue {
    any(key, Any::StringValue(value.to_owned()))
}

pub fn any(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

pub fn resource(service: &str) -> Option<Resource> {
    Some(Resource {
        attributes: vec![text("service.name", service)],
        ..Default::default()
    })
}

pub fn scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: name.to_owned(),
        version: "1.2".to_owned(),
        ..Default::default()
    })
}

/// A span of trace `trace` (repeated to 16 bytes) with the number as ID.
pub fn span(trace: u8, id: u64, parent: u64, name: &str) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            parent.to_be_bytes().to_vec()
        },
        name: name.to_owned(),
        kind: 1,
        start_time_unix_nano: 1_000_000 * id,
        end_time_unix_nano: 1_000_000 * (id + 2),
        ..Default::default()
    }
}

pub fn traces(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        scope: scope("tests"),
        spans,
        ..Default::default()
    }];
    let block = ResourceSpans {
        resource: resource(service),
        scope_spans,
        ..Default::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![block],
    }
}

/// Spans with the IDs of a range, all in one trace.
pub fn spans(ids: std::ops::Range<u64>) -> ExportTraceServiceRequest {
    traces(
        "svc",
        ids.map(|id| span(7, id, 0, &format!("span {id}")))
            .collect(),
    )
}

pub fn log(body: &str, time: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: time,
        severity_number: 9,
        body: Some(AnyValue {
            value: Some(Any::StringValue(body.to_owned())),
        }),
        ..Default::default()
    }
}

pub fn logs(service: &str, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs {
        scope: scope("app::pay"),
        log_records,
        ..Default::default()
    }];
    let block = ResourceLogs {
        resource: resource(service),
        scope_logs,
        ..Default::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![block],
    }
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub fn http_client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

pub async fn send(
    client: &HttpClient,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<HttpAnswer, String> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = client
        .request(request)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| format!("{error:?}"))?
        .to_bytes();
    Ok(HttpAnswer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Posts to `/v1/{path}` with a fresh connection.
pub async fn post(
    endpoint: &str,
    path: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Result<HttpAnswer, String> {
    let url = format!("{endpoint}/v1/{path}");
    send(
        &http_client(),
        "POST",
        &url,
        &[("content-type", content_type)],
        body,
    )
    .await
}

pub async fn post_spans(endpoint: &str, request: &ExportTraceServiceRequest) -> HttpAnswer {
    post(endpoint, "traces", PROTOBUF, request.encode_to_vec())
        .await
        .unwrap()
}

pub type GrpcChannel = Client<HttpConnector, tonic::body::Body>;

pub fn channel() -> GrpcChannel {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

pub async fn grpc_spans(
    endpoint: &str,
    request: ExportTraceServiceRequest,
    gzip: bool,
) -> Result<ExportTraceServiceResponse, tonic::Status> {
    let mut client = TraceServiceClient::with_origin(channel(), endpoint.parse().unwrap());
    if gzip {
        client = client.send_compressed(CompressionEncoding::Gzip);
    }
    client
        .export(request)
        .await
        .map(tonic::Response::into_inner)
}

pub async fn grpc_logs(
    endpoint: &str,
    request: ExportLogsServiceRequest,
) -> Result<ExportLogsServiceResponse, tonic::Status> {
    let mut client = LogsServiceClient::with_origin(channel(), endpoint.parse().unwrap());
    client
        .export(request)
        .await
        .map(tonic::Response::into_inner)
}

pub async fn grpc_metrics(
    endpoint: &str,
    request: ExportMetricsServiceRequest,
) -> Result<ExportMetricsServiceResponse, tonic::Status> {
    let mut client = MetricsServiceClient::with_origin(channel(), endpoint.parse().unwrap());
    client
        .export(request)
        .await
        .map(tonic::Response::into_inner)
}
