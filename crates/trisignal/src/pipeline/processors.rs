//! Where the SDK hands its items to the pipeline.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Span as _, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use trisignal_instrumentation::correlation::CorrelationId;

use opentelemetry::logs::Severity;

use super::batch::Batch;
use super::encode::MetricEncoder;
use super::ledger::DropReason;
use super::queue::Pushed;
use super::redaction::redact_span;
use super::signal::Signal;
use super::{Shared, size};
use crate::metrics::cardinality::OverflowWatch;
use crate::metrics::count::data_points;
use crate::metrics::selfmetrics::Sampled;
use crate::redact::Redactor;
use crate::sampling::logs::follows;

/// The attribute that ties the spans, logs and answers of one story together.
pub(crate) const CORRELATION_ID: &str = "correlation.id";

/// Stamps the correlation ID on spans that start.
#[derive(Debug)]
pub(crate) struct CorrelationProcessor;

impl SpanProcessor for CorrelationProcessor {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        // The parent has it from its request; a root is where it begins, with the trace ID.
        let id = CorrelationId::from_context(parent).or_else(|| {
            CorrelationId::from_context(
                &parent.with_remote_span_context(span.span_context().clone()),
            )
        });
        if let Some(id) = id {
            span.set_attribute(KeyValue::new(CORRELATION_ID, id.as_str().to_owned()));
        }
    }

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Shows members of the baggage on spans that start.
#[derive(Debug)]
pub(crate) struct BaggageProcessor {
    /// Those that may be shown.
    pub(crate) keys: Vec<&'static str>,
}

impl SpanProcessor for BaggageProcessor {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let baggage = parent.baggage();
        if baggage.is_empty() {
            return;
        }
        let members = self
            .keys
            .iter()
            .filter_map(|key| Some((*key, baggage.get(key)?)));
        // The SDK has no other look at the attributes of a span that runs, and takes each as often as it is set.
        let mut own = None;
        for (key, value) in members {
            let own = own.get_or_insert_with(|| span.exported_data());
            let is_set = own.as_ref().is_some_and(|data| {
                let mut keys = data.attributes.iter().map(|attribute| &attribute.key);
                keys.any(|own| own.as_str() == key)
            });
            if !is_set {
                span.set_attribute(KeyValue::new(key, value.clone()));
            }
        }
    }

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes ended spans into the pipeline. It never blocks.
pub(crate) struct PipelineSpanProcessor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) redactor: Redactor,
}

impl fmt::Debug for PipelineSpanProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipelineSpanProcessor")
    }
}

impl SpanProcessor for PipelineSpanProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        // The SDK hands over spans that are only recorded, too.
        if !span.span_context.is_sampled() {
            return self.shared.ledger.spans.ended(Sampled::RecordOnly);
        }
        self.shared.ledger.spans.ended(Sampled::RecordAndSample);
        self.shared.ledger.produced(Signal::Traces, 1);
        redact_span(&mut span, &self.redactor);
        let size = size::span(&span);
        self.shared
            .queued(Signal::Traces, self.shared.queues.spans.push(span, size));
    }

    /// Flushing is the telemetry handle's, which has a deadline and a report.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes log records into the pipeline. It never blocks.
pub(crate) struct PipelineLogProcessor {
    pub(crate) shared: Arc<Shared>,
    /// Records share the fate of their trace.
    pub(crate) trace_based: bool,
}

impl fmt::Debug for PipelineLogProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipelineLogProcessor")
    }
}

impl LogProcessor for PipelineLogProcessor {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.trace_based {
            let trace = record.trace_context().and_then(|trace| trace.trace_flags);
            // A record without a severity is not known to be harmless.
            let severity = record.severity_number().unwrap_or(Severity::Warn);
            if !follows(severity, trace) {
                return;
            }
        }
        self.shared.ledger.produced(Signal::Logs, 1);
        let size = size::log(record);
        let item = (record.clone(), scope.clone());
        self.shared
            .queued(Signal::Logs, self.shared.queues.logs.push(item, size));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Takes collected metrics into the pipeline. They are encoded where they are collected, on the reader's thread.
pub(crate) struct PipelineMetricExporter {
    shared: Arc<Shared>,
    encoder: MetricEncoder,
    overflows: Arc<OverflowWatch>,
}

impl PipelineMetricExporter {
    pub(crate) fn new(
        shared: Arc<Shared>,
        encoder: MetricEncoder,
        overflows: Arc<OverflowWatch>,
    ) -> Self {
        Self {
            shared,
            encoder,
            overflows,
        }
    }
}

impl PushMetricExporter for PipelineMetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        // The reader exports on the thread on which it has collected, and right after.
        if let Some(durations) = self.shared.durations.get() {
            durations.collected();
        }
        let points = data_points(metrics) as u64;
        if points == 0 {
            return Ok(());
        }
        self.shared.ledger.produced(Signal::Metrics, points);
        let encoded = catch_unwind(AssertUnwindSafe(|| self.encoder.encode(metrics)));
        self.overflows.look(metrics);
        if let Ok(body) = encoded {
            self.shared
                .enqueue(Batch::new(Signal::Metrics, body, points));
            return Ok(());
        }
        self.shared
            .drop_items(Signal::Metrics, DropReason::Panic, points, "");
        Err(OTelSdkError::InternalFailure(
            "metrics can't be encoded".to_owned(),
        ))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.encoder.temporality()
    }
}

impl Shared {
    /// Counts what a push cost, and wakes the encoder when there is work. Called by the threads of the host, so it
    /// says nothing: the encoder reports what it finds in the ledger.
    fn queued(&self, signal: Signal, pushed: Pushed) {
        match pushed {
            Pushed::Queued { evicted, wake } => {
                if evicted > 0 {
                    self.ledger.dropped(signal, DropReason::QueueFull, evicted);
                }
                if wake {
                    self.queues.wake();
                }
            }
            Pushed::TooLarge => self.ledger.dropped(signal, DropReason::TooLarge, 1),
            Pushed::Closed => self.ledger.dropped(signal, DropReason::Shutdown, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry::baggage::BaggageExt;
    use opentelemetry::trace::{SpanBuilder, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    #[test]
    fn allowed_baggage_is_on_every_span_once() {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BaggageProcessor {
                keys: vec!["tenant.id", "user.tier"],
            })
            .with_simple_exporter(spans.clone())
            .build();
        let cx = Context::new().with_baggage([
            KeyValue::new("tenant.id", "a"),
            KeyValue::new("secret", "b"),
        ]);
        let tracer = provider.tracer("test");
        let own = SpanBuilder::from_name("own").with_attributes([KeyValue::new("tenant.id", "b")]);
        drop(tracer.build_with_context(SpanBuilder::from_name("plain"), &cx));
        drop(tracer.build_with_context(own, &cx));
        drop(tracer.build_with_context(SpanBuilder::from_name("without"), &Context::new()));
        let attributes: Vec<_> = spans
            .get_finished_spans()
            .unwrap()
            .into_iter()
            .map(|span| span.attributes)
            .collect();
        assert_eq!(
            attributes,
            [
                vec![KeyValue::new("tenant.id", "a")],
                vec![KeyValue::new("tenant.id", "b")],
                vec![]
            ]
        );
    }
}
