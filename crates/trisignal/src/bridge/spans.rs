//! The way of spans out of the bridge: what is the same for all of them, and how an ended one becomes bytes.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::TraceState;
use opentelemetry::{Array, KeyValue, StringValue, Value as OtelValue};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::Level;
use trisignal_instrumentation::correlation::BAGGAGE_KEY;

use super::callsite::{Attributes, Callsites};
use super::correlated::Correlated;
use super::cut::{MAX_NAME, MAX_TEXT, cut};
use super::events::fields::Value;
use super::open::Start;
use super::room::{Room, write_encoded};
use super::state::State;
use crate::limits::{Limits, truncated};
use crate::otlp::request::ITEMS;
use crate::otlp::span::{self, Head};
use crate::otlp::value::{self, Encoded};
use crate::pipeline::chunks::{Chunked, Chunks, ScopeName};
use crate::pipeline::ledger::Ledger;
use crate::redact::{REDACTED, Redactor};
use crate::sampling::Chosen;

/// The scope of all spans that come from `tracing`.
const SCOPE: &str = "trisignal";

/// Attributes that are made here. A field of such a name is kept as `fields.<name>`.
pub(crate) const RESERVED: [&str; 4] = [
    "code.file.path",
    "code.line.number",
    "code.module.name",
    BAGGAGE_KEY,
];

/// Where spans go, and how.
#[derive(Debug)]
pub(crate) struct SpanExport {
    pub(crate) chunks: Arc<Chunks>,
    /// Counts the spans that begin and end.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) callsites: Callsites,
    pub(crate) sampling: Chosen,
    pub(crate) limits: Limits,
    pub(crate) redactor: Redactor,
    /// Keys of the baggage members that spans show.
    pub(crate) baggage: Vec<&'static str>,
    /// The most verbose events of `tracing` that are events of their span as well.
    pub(crate) events: Option<Level>,
    /// Whether an entered span is OpenTelemetry's current context.
    pub(crate) activates: bool,
    /// Makes the spans where processors of the user want to see them.
    pub(crate) tracer: Option<SdkTracer>,
}

impl SpanExport {
    /// Writes a span that ended at `end`.
    pub(crate) fn write(&self, start: &Start, state: &State, end: u64) {
        let callsite = start.metadata.map(|metadata| self.callsites.of(metadata));
        let context = &start.span;
        let header;
        let trace_state = if *context.trace_state() == TraceState::NONE {
            ""
        } else {
            header = context.trace_state().header();
            &header
        };
        let place = callsite.as_deref().map(|callsite| &callsite.place);
        let scope = ScopeName::Static(SCOPE);
        self.chunks.append(Chunked::Traces, scope, |out| {
            self.encode(out, (start, end), state, trace_state, place);
        });
    }

    /// Appends a span with these times as an item of its scope. `place` are the attributes of its call site.
    #[inline]
    fn encode(
        &self,
        out: &mut Vec<u8>,
        (start, end): (&Start, u64),
        state: &State,
        trace_state: &str,
        place: Option<&Attributes>,
    ) {
        let context = &start.span;
        let head = Head {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            parent_span_id: start.parent_span_id,
            trace_state,
            flags: span::flags(context.trace_flags().to_u8(), start.parent_is_remote),
            name: &state.name,
            kind: state.kind,
            start: start.time,
            end,
        };
        let message = head.begin(out, ITEMS);
        let extras = state.extras();
        if let Some(extras) = extras {
            extras.dropped().write(out);
        }
        let given = extras.and_then(|extras| extras.correlation.clone());
        let correlation = match given {
            Some(id) => Correlated::Id(id),
            None => Correlated::of_trace(context.trace_id()),
        };
        let mut room = Room::new(self.limits.spans);
        room.dropped = state.fields.dropped();
        room.correlation(out, span::ATTRIBUTES, &correlation);
        room.fields(out, span::ATTRIBUTES, &state.fields, &correlation);
        if let Some(extras) = extras {
            room.dropped += extras.attributes.dropped();
            room.fields(out, span::ATTRIBUTES, &extras.attributes, &correlation);
        }
        if let Some(place) = place {
            room.constants(out, span::ATTRIBUTES, place);
        }
        span::dropped_attributes(out, room.dropped);
        if let Some(extras) = extras {
            extras.write(out);
        }
        message.end(out);
    }

    /// Appends an attribute of an event, with its texts as long as they may be.
    pub(crate) fn write_attribute(&self, out: &mut Vec<u8>, number: u32, attribute: &Encoded<'_>) {
        write_encoded(
            out,
            number,
            attribute,
            self.limits.spans.attribute_value_length,
        );
    }

    /// The same for one of OpenTelemetry's API.
    pub(crate) fn write_otel(&self, out: &mut Vec<u8>, number: u32, attribute: &KeyValue) {
        write_otel(
            out,
            number,
            attribute,
            self.limits.spans.attribute_value_length,
        );
    }

    /// `name` without what is secret in it, and not longer than names may be.
    pub(crate) fn shown_name(&self, name: Cow<'static, str>) -> Cow<'static, str> {
        match self.redactor.text(&name) {
            Cow::Borrowed(shown) if shown.len() <= MAX_NAME => name,
            shown => Cow::Owned(cut(&shown, MAX_NAME).into_owned()),
        }
    }

    /// `attribute` without what is secret in it, and not longer than anything may be.
    pub(crate) fn redacted<'a>(&self, attribute: &'a KeyValue) -> Cow<'a, KeyValue> {
        let key = attribute.key.as_str();
        let hidden = |text: &str| match self.redactor.value(key, text) {
            Cow::Borrowed(shown) if shown == text && text.len() <= MAX_TEXT => None,
            shown => Some(StringValue::from(cut(&shown, MAX_TEXT).into_owned())),
        };
        let value = match &attribute.value {
            OtelValue::String(text) => hidden(text.as_str()).map(OtelValue::String),
            OtelValue::Array(Array::String(texts)) => {
                let any = texts.iter().any(|text| hidden(text.as_str()).is_some());
                let shown =
                    |text: &StringValue| hidden(text.as_str()).unwrap_or_else(|| text.clone());
                any.then(|| OtelValue::Array(Array::String(texts.iter().map(shown).collect())))
            }
            OtelValue::Bool(_) => None,
            _ => self.redactor.hides(key).then(|| OtelValue::from(REDACTED)),
        };
        match value {
            Some(value) => Cow::Owned(KeyValue::new(attribute.key.clone(), value)),
            None => Cow::Borrowed(attribute),
        }
    }

    pub(crate) fn redacted_all<'a>(&self, attributes: &'a [KeyValue]) -> Cow<'a, [KeyValue]> {
        if attributes
            .iter()
            .all(|attribute| matches!(self.redacted(attribute), Cow::Borrowed(_)))
        {
            return Cow::Borrowed(attributes);
        }
        let shown = attributes
            .iter()
            .map(|attribute| self.redacted(attribute).into_owned());
        Cow::Owned(shown.collect())
    }
}

fn write_otel(out: &mut Vec<u8>, number: u32, attribute: &KeyValue, limit: Option<usize>) {
    match &attribute.value {
        OtelValue::String(text) if limit.is_some() => {
            let text = truncated(text.as_str(), limit);
            value::attribute(out, number, attribute.key.as_str(), Value::Text(text));
        }
        _ => value::otel_attribute(out, number, attribute),
    }
}
