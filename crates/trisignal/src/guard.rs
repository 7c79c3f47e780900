//! Panic-proof wrappers for what users give the SDK to call.
//!
//! A panic below the span layer would abort the process or poison the locks of the SDK. What panics is counted as a
//! callback panic in [`Health`](crate::Health), and telemetry goes on as if the callback had done nothing: a span
//! whose sampler panics is sampled, a record whose processor panics goes on to the next one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

/// Called once for each contained panic.
pub(crate) type OnPanic = Arc<dyn Fn() + Send + Sync>;

/// Calls what a user gave us; a panic is reported and becomes `None`.
#[derive(Clone)]
pub(crate) struct Guard {
    on_panic: OnPanic,
}

impl Guard {
    pub(crate) fn new(on_panic: OnPanic) -> Self {
        Self { on_panic }
    }

    fn call<T>(&self, callback: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(callback)) {
            Ok(value) => Some(value),
            Err(payload) => {
                (self.on_panic)();
                // The payload is the user's too, and may panic when it is dropped; what that brings is leaked.
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(second);
                }
                None
            }
        }
    }

    fn call_fallible(&self, callback: impl FnOnce() -> OTelSdkResult) -> OTelSdkResult {
        self.call(callback).unwrap_or_else(|| {
            Err(OTelSdkError::InternalFailure(
                "the processor panicked".to_owned(),
            ))
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// A sampler that samples where the inner one panics.
#[derive(Clone, Debug)]
pub(crate) struct GuardedSampler {
    pub(crate) inner: Arc<dyn ShouldSample>,
    pub(crate) guard: Guard,
}

impl ShouldSample for GuardedSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sample = || {
            self.inner
                .should_sample(parent, trace_id, name, kind, attributes, links)
        };
        self.guard.call(sample).unwrap_or_else(|| SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: parent.map_or_else(TraceState::default, |cx| {
                cx.span().span_context().trace_state().clone()
            }),
        })
    }
}

/// A span processor whose panics go no further, and which is shut down once, whoever asks: a shutdown of telemetry
/// does, and the SDK when its provider goes. It has its resource from the start.
#[derive(Clone, Debug)]
pub(crate) struct GuardedSpanProcessor {
    inner: Arc<dyn SpanProcessor>,
    guard: Guard,
    once: Arc<Once>,
}

impl GuardedSpanProcessor {
    pub(crate) fn new(
        mut inner: Box<dyn SpanProcessor>,
        resource: &Resource,
        guard: Guard,
    ) -> Self {
        guard.call(|| inner.set_resource(resource));
        Self {
            inner: Arc::from(inner),
            guard,
            once: Arc::new(Once::new()),
        }
    }
}

impl SpanProcessor for GuardedSpanProcessor {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        self.guard.call(|| self.inner.on_start(span, parent));
    }

    fn on_end(&self, span: SpanData) {
        self.guard.call(|| self.inner.on_end(span));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.guard.call_fallible(|| self.inner.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let mut result = Ok(());
        self.once.call_once(|| {
            let shutdown = || self.inner.shutdown_with_timeout(timeout);
            result = self.guard.call_fallible(shutdown);
        });
        result
    }
}

/// A log processor whose panics go no further; see [`GuardedSpanProcessor`].
#[derive(Clone, Debug)]
pub(crate) struct GuardedLogProcessor {
    inner: Arc<dyn LogProcessor>,
    guard: Guard,
    once: Arc<Once>,
}

impl GuardedLogProcessor {
    pub(crate) fn new(mut inner: Box<dyn LogProcessor>, resource: &Resource, guard: Guard) -> Self {
        guard.call(|| inner.set_resource(resource));
        Self {
            inner: Arc::from(inner),
            guard,
            once: Arc::new(Once::new()),
        }
    }
}

impl LogProcessor for GuardedLogProcessor {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.guard.call(|| self.inner.emit(record, scope));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.guard.call_fallible(|| self.inner.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let mut result = Ok(());
        self.once.call_once(|| {
            let shutdown = || self.inner.shutdown_with_timeout(timeout);
            result = self.guard.call_fallible(shutdown);
        });
        result
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.guard
            .call(|| self.inner.event_enabled(level, target, name))
            .unwrap_or(true)
    }
}
