//! Exporters that throw away.

use fastrace::collector::{Reporter, SpanRecord};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

#[derive(Debug)]
pub(super) struct Null;

impl SpanExporter for Null {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        drop(batch);
        Ok(())
    }
}

impl LogExporter for Null {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let _ = batch;
        Ok(())
    }
}

impl Reporter for Null {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        drop(spans);
    }
}
