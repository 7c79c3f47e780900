//! Our span for code on OpenTelemetry's API: what such code does to the current span reaches the open record.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanContext, Status};

use super::open::Open;
use crate::clock::nanoseconds;

/// An open span as the API sees it. It does not end the span when it is dropped: `tracing` does.
#[derive(Debug)]
pub(crate) struct Handle(pub(crate) Arc<Open>);

impl Span for Handle {
    fn add_event_with_timestamp<T>(&mut self, name: T, time: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.0
            .add_event(&name.into(), nanoseconds(time), &attributes);
    }

    fn span_context(&self) -> &SpanContext {
        &self.0.start.span
    }

    fn is_recording(&self) -> bool {
        self.0.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.set_attribute(&attribute);
    }

    fn set_status(&mut self, status: Status) {
        self.0.set_status(&status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.0.update_name(new_name.into());
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        if to.is_valid() {
            self.0.add_link(&to, &attributes);
        }
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        self.0.end(nanoseconds(time));
    }
}
