//! What `tracing` has no words for: attributes with names of run time, links, status and names.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{SpanContext, Status};
use opentelemetry::{Key, KeyValue, Value};
use tracing::Span;

use super::layer::Bridge;
use super::open::Open;
use crate::clock::now;

/// More to say about a span of `tracing` than its macros can.
///
/// All of it does nothing for a span that is not exported. What is said here only the exported span has: events inside
/// of it don't show these attributes.
///
/// ```
/// use trisignal::SpanExt;
///
/// let span = tracing::info_span!("import");
/// span.set_attribute(format!("column.{}", 7), "customer");
/// span.set_error("the file has no header");
/// ```
pub trait SpanExt {
    /// Sets an attribute whose name is known at run time only. It replaces one of the same name.
    fn set_attribute(&self, key: impl Into<Key>, value: impl Into<Value>);

    /// Links the span to another one, of this process or from elsewhere. What is not valid is no link.
    fn add_link(&self, to: &SpanContext, attributes: &[KeyValue]);

    /// Adds an event with these attributes, as of now.
    fn add_event(&self, name: &str, attributes: &[KeyValue]);

    /// Says that the work failed, and why.
    fn set_error(&self, description: impl Into<Cow<'static, str>>);

    /// Says that the work succeeded, which no later error takes back.
    fn set_ok(&self);

    /// Gives the span another name.
    fn set_name(&self, name: impl Into<Cow<'static, str>>);

    /// Its place in a trace; `None` for a span that is not exported.
    fn span_context(&self) -> Option<SpanContext>;
}

impl SpanExt for Span {
    fn set_attribute(&self, key: impl Into<Key>, value: impl Into<Value>) {
        if let Some(open) = open(self) {
            open.set_attribute(&KeyValue::new(key, value));
        }
    }

    fn add_link(&self, to: &SpanContext, attributes: &[KeyValue]) {
        if let Some(open) = open(self).filter(|_| to.is_valid()) {
            open.add_link(to, attributes);
        }
    }

    fn add_event(&self, name: &str, attributes: &[KeyValue]) {
        if let Some(open) = open(self) {
            open.add_event(name, now(), attributes);
        }
    }

    fn set_error(&self, description: impl Into<Cow<'static, str>>) {
        if let Some(open) = open(self) {
            open.set_status(&Status::error(description));
        }
    }

    fn set_ok(&self) {
        if let Some(open) = open(self) {
            open.set_status(&Status::Ok);
        }
    }

    fn set_name(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = open(self) {
            open.update_name(name.into());
        }
    }

    fn span_context(&self) -> Option<SpanContext> {
        let context = open(self)?.start.span.clone();
        context.is_valid().then_some(context)
    }
}

/// The record of a span that a bridge of ours knows.
fn open(span: &Span) -> Option<Arc<Open>> {
    span.with_subscriber(|(id, dispatch)| dispatch.downcast_ref::<Bridge>()?.open(id))
        .flatten()
}
