//! What processors of the user may rely on: a resource before the first item, a flush, and one shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use trisignal::Protocol;

use super::common::{PATIENCE, assert_balanced, builder, logs, receiver, spans};

/// Counts what it is called for.
#[derive(Clone, Debug, Default)]
struct Calls {
    /// Whether the resource with the service's name was there at the first item.
    resource: Arc<AtomicU64>,
    items: Arc<AtomicU64>,
    flushes: Arc<AtomicU64>,
    shutdowns: Arc<AtomicU64>,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Calls {
    fn item(&self) {
        assert_eq!(read(&self.resource), 1, "the resource comes first");
        count(&self.items);
    }

    fn know(&self, resource: &Resource) {
        let name = resource.get(&"service.name".into());
        assert_eq!(name, Some("checkout".into()));
        count(&self.resource);
    }
}

impl SpanProcessor for Calls {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        self.item();
    }

    fn force_flush(&self) -> OTelSdkResult {
        count(&self.flushes);
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        count(&self.shutdowns);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.know(resource);
    }
}

impl LogProcessor for Calls {
    fn emit(&self, _: &mut SdkLogRecord, _: &InstrumentationScope) {
        self.item();
    }

    fn force_flush(&self) -> OTelSdkResult {
        count(&self.flushes);
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        count(&self.shutdowns);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.know(resource);
    }
}

#[test]
fn processors_are_flushed_and_shut_down_once() {
    let receiver = receiver();
    let (of_spans, of_logs) = (Calls::default(), Calls::default());
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .span_processor(of_spans.clone())
        .log_processor(of_logs.clone())
        .build()
        .unwrap();
    spans(&telemetry, 3);
    logs(&telemetry, 3);
    assert!(telemetry.flush_blocking(PATIENCE).complete);
    for calls in [&of_spans, &of_logs] {
        assert_eq!(
            (
                read(&calls.items),
                read(&calls.flushes),
                read(&calls.shutdowns)
            ),
            (3, 1, 0)
        );
    }

    assert_balanced(&telemetry.shutdown_blocking(PATIENCE));
    // What comes late is still the pipeline's to count.
    spans(&telemetry, 1);
    assert_eq!(telemetry.health().traces.produced, 4);
    assert_balanced(&telemetry.shutdown_blocking(PATIENCE));
    drop(telemetry);
    for calls in [&of_spans, &of_logs] {
        assert_eq!((read(&calls.flushes), read(&calls.shutdowns)), (2, 1));
    }
}
