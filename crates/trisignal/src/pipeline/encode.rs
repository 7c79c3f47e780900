//! From the SDK's items to the bytes of an OTLP request, by `opentelemetry-otlp`.
//!
//! Its HTTP exporters get a client that keeps the body instead of sending it. So the encoding is upstream's, and
//! everything after the bytes is ours. Metrics are converted by `opentelemetry-proto`, as its exporter would do.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use prost::Message;

use crate::error::{Error, ErrorKind};
use crate::metrics::exemplar::Store;
use crate::metrics::exemplar::otlp::add_exemplars;

/// Never opened: the exporters want an endpoint, and one that is given keeps them from reading the environment.
const NO_ENDPOINT: &str = "http://localhost/";

/// An item that could not be encoded; there is nothing to say about it that helps anybody.
#[derive(Debug)]
pub(crate) struct EncodeError;

/// The client that keeps the body of the last request.
#[derive(Clone, Default)]
struct Capture {
    request: Arc<Mutex<Option<http::Request<Bytes>>>>,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capture")
    }
}

#[async_trait::async_trait]
impl HttpClient for Capture {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        // An empty body is a full success in OTLP.
        Ok(http::Response::new(Bytes::new()))
    }
}

impl Capture {
    fn take(&self) -> Option<http::Request<Bytes>> {
        self.request
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Runs an export, which ends at its first poll because nothing in it waits, and takes what it sent.
    fn run(&self, export: impl Future) -> Result<Bytes, EncodeError> {
        self.take();
        let mut export = pin!(export);
        let Poll::Ready(_) = export
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            return Err(EncodeError);
        };
        let request = self.take().ok_or(EncodeError)?;
        // Another crate of the process may have switched compression on, by a feature and the environment.
        if request
            .headers()
            .contains_key(http::header::CONTENT_ENCODING)
        {
            return Err(EncodeError);
        }
        Ok(request.into_body())
    }
}

/// The encoder of spans.
#[derive(Debug)]
pub(crate) struct SpanEncoder {
    exporter: SpanExporter,
    capture: Capture,
}

impl SpanEncoder {
    pub(crate) fn new(resource: &Resource) -> Result<Self, Error> {
        let capture = Capture::default();
        let builder = SpanExporter::builder()
            .with_http()
            .with_http_client(capture.clone());
        let builder = builder
            .with_endpoint(NO_ENDPOINT)
            .with_protocol(Protocol::HttpBinary);
        let mut exporter = builder.build().map_err(unusable)?;
        exporter.set_resource(resource);
        Ok(Self { exporter, capture })
    }

    pub(crate) fn encode(&self, spans: Vec<SpanData>) -> Result<Bytes, EncodeError> {
        self.capture.run(self.exporter.export(spans))
    }
}

/// The encoder of log records.
#[derive(Debug)]
pub(crate) struct LogEncoder {
    exporter: LogExporter,
    capture: Capture,
}

impl LogEncoder {
    pub(crate) fn new(resource: &Resource) -> Result<Self, Error> {
        let capture = Capture::default();
        let builder = LogExporter::builder()
            .with_http()
            .with_http_client(capture.clone());
        let builder = builder
            .with_endpoint(NO_ENDPOINT)
            .with_protocol(Protocol::HttpBinary);
        let mut exporter = builder.build().map_err(unusable)?;
        exporter.set_resource(resource);
        Ok(Self { exporter, capture })
    }

    pub(crate) fn encode(
        &self,
        records: &[(SdkLogRecord, InstrumentationScope)],
    ) -> Result<Bytes, EncodeError> {
        let borrowed: Vec<_> = records
            .iter()
            .map(|(record, scope)| (record, scope))
            .collect();
        self.capture
            .run(self.exporter.export(LogBatch::new(&borrowed)))
    }
}

/// The encoder of metrics, which adds the exemplars that the SDK has no hand in.
#[derive(Debug)]
pub(crate) struct MetricEncoder {
    temporality: Temporality,
    exemplars: Arc<Store>,
    /// When metrics were last encoded: exemplars from before that have been exported.
    last: Mutex<SystemTime>,
}

impl MetricEncoder {
    pub(crate) fn new(temporality: Temporality, exemplars: Arc<Store>) -> Self {
        Self {
            temporality,
            exemplars,
            last: Mutex::new(SystemTime::UNIX_EPOCH),
        }
    }

    pub(crate) fn encode(&self, metrics: &ResourceMetrics) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let since = std::mem::replace(&mut *last, SystemTime::now());
        drop(last);
        let mut request = ExportMetricsServiceRequest::from(metrics);
        add_exemplars(&mut request, metrics, &self.exemplars, since);
        self.exemplars.collected();
        request.encode_to_vec().into()
    }

    pub(crate) fn temporality(&self) -> Temporality {
        self.temporality
    }
}

fn unusable(error: ExporterBuildError) -> Error {
    Error::new(ErrorKind::Configuration, "the OTLP encoder can't be built").with_source(error)
}

/// What `opentelemetry-otlp` would send as its user agent.
#[cfg(test)]
pub(crate) fn upstream_user_agent() -> String {
    #![allow(clippy::unwrap_used)] // a missing header fails the test
    let encoder = LogEncoder::new(&Resource::builder_empty().build()).unwrap();
    let mut export = pin!(encoder.exporter.export(LogBatch::new(&[])));
    let _ = export
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    let request = encoder.capture.take().unwrap();
    request.headers()[http::header::USER_AGENT]
        .to_str()
        .unwrap()
        .to_owned()
}
