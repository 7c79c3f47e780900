//! Our span for code on OpenTelemetry's API: what such code does to the current span reaches the open record.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanContext, Status};

use super::open::{Open, Start};
use super::table;
use crate::clock::nanoseconds;

/// A span as the API sees it. It does not end the span when it is dropped: `tracing` does.
///
/// It knows the span by numbers, because the record of the span has the context that this is in.
#[derive(Debug)]
pub(crate) struct Handle {
    span: SpanContext,
    bridge: u64,
    id: u64,
}

impl Handle {
    pub(crate) fn new(start: &Start) -> Self {
        Self {
            span: start.span.clone(),
            bridge: start.bridge,
            id: start.id,
        }
    }

    /// Has `f` see the record. One that is closed, whose ID may be another span's, takes no more.
    fn with<T>(&self, f: impl FnOnce(&Open) -> T) -> Option<T> {
        let open = table::find(self.bridge, self.id)?;
        (open.start.span == self.span).then(|| f(&open))
    }
}

impl Span for Handle {
    fn add_event_with_timestamp<T>(&mut self, name: T, time: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.with(|open| open.add_event(&name.into(), nanoseconds(time), &attributes));
    }

    fn span_context(&self) -> &SpanContext {
        &self.span
    }

    fn is_recording(&self) -> bool {
        self.with(Open::is_recording).unwrap_or_default()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.with(|open| open.set_attribute(&attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.with(|open| open.set_status(&status));
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.with(|open| open.update_name(new_name.into()));
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        if to.is_valid() {
            self.with(|open| open.add_link(&to, &attributes));
        }
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        self.with(|open| open.end(nanoseconds(time)));
    }
}
