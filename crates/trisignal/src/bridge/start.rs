//! How a span begins: its parent, its IDs, and whether anybody wants it.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, TraceContextExt, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SdkTracer};
use tracing::span::Attributes;

use super::callsite::Callsite;
use super::correlated::Correlated;
use super::directives::Directives;
use super::events::capture::Capture;
use super::events::fields::Value;
use super::events::trace::Home;
use super::ids;
use super::open::{Open, key_value};
use super::spans::SpanExport;
use crate::clock::{now, system_time};
use crate::metrics::selfmetrics::{ParentOrigin, Sampled};
use crate::otlp::span::kind_number;
use crate::sampling::{Answer, Question};

/// A span that is about to begin.
pub(crate) struct Beginning<'a> {
    pub(crate) export: &'a Arc<SpanExport>,
    pub(crate) attributes: &'a Attributes<'a>,
    pub(crate) callsite: &'a Callsite,
    pub(crate) parent: &'a Home,
    /// Whether events want its fields even when nobody wants the span.
    pub(crate) followed: bool,
}

/// What is asked before the rest is read.
struct Asked {
    name: Cow<'static, str>,
    kind: SpanKind,
    directives: Directives,
}

impl Beginning<'_> {
    /// Fills in a record that nobody else has yet.
    pub(crate) fn begin(&self, open: &mut Open) {
        let known = open.start.export.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, self.export)) {
            open.start.export = Some(Arc::clone(self.export));
        }
        let needs_attributes = self.export.sampling.needs_attributes();
        let reads = needs_attributes || self.followed || self.export.tracer.is_some();
        let asked = self.ask(reads.then_some(&mut *open));
        open.start.time = now();
        if let Some(tracer) = &self.export.tracer {
            open.start.sdk = Some(self.begin_sdk(open, tracer, asked));
            return;
        }
        let added = if self.export.sampling.built_in.is_some() {
            self.parent.with(|parent| self.sample(open, &asked, parent))
        } else {
            self.sample(open, &asked, &self.parent.context())
        };
        if !open.start.recording {
            return;
        }
        if !reads {
            let fields = &mut open.state_mut().fields;
            let capture = Capture::span(fields, &self.export.redactor);
            self.attributes.record(&mut capture.of(self.callsite));
        }
        self.describe(open, asked, &added);
    }

    /// Reads what the span says of itself, and all of its fields where it is for `open`.
    fn ask(&self, open: Option<&mut Open>) -> Asked {
        let metadata = self.attributes.metadata();
        let mut directives = Directives::default();
        if let Some(open) = open {
            let fields = &mut open.state_mut().fields;
            let capture = Capture::span(fields, &self.export.redactor);
            let mut capture = capture.of(self.callsite).with(&mut directives);
            self.attributes.record(&mut capture);
        } else if self.callsite.has_directives {
            self.attributes.record(&mut directives);
        }
        let name = match directives.name.take() {
            Some(name) => self.export.shown_name(Cow::Owned(name)),
            None => Cow::Borrowed(metadata.name()),
        };
        Asked {
            name,
            kind: directives.kind.take().unwrap_or(SpanKind::Internal),
            directives,
        }
    }

    /// Asks the sampler, and gives the span its place in the trace. Answers the attributes that the sampler adds.
    fn sample(&self, open: &mut Open, asked: &Asked, parent: &Context) -> Vec<KeyValue> {
        if parent.is_telemetry_suppressed() {
            return Vec::new();
        }
        let around = parent.span();
        let around = Some(around.span_context()).filter(|around| around.is_valid());
        let trace_id = around.map_or_else(ids::trace_id, SpanContext::trace_id);
        let attributes: Vec<_> = if self.export.sampling.needs_attributes() {
            open.state_mut().fields.iter().map(key_value).collect()
        } else {
            Vec::new()
        };
        let (sampled, attributes, trace_state) = match &self.export.sampling.built_in {
            Some(sampler) => {
                let span = around.unwrap_or(&SpanContext::NONE);
                let Answer { sampled, state } = sampler.decide(&Question {
                    context: Some(parent),
                    parent: span,
                    trace_id,
                    name: &asked.name,
                    kind: &asked.kind,
                    attributes: &attributes,
                });
                (sampled, Vec::new(), state.apply(span.trace_state()))
            }
            None => self.ask_sampler(trace_id, asked, &attributes, parent),
        };
        let counted = if sampled {
            Sampled::RecordAndSample
        } else {
            // Without processors of users nobody sees what is recorded only.
            Sampled::Drop
        };
        let spans = &self.export.ledger.spans;
        spans.started(ParentOrigin::of_span(around), counted);
        // The bit that says how the ID was made is the business of who made it.
        let flags = around.map_or(ids::RANDOM, SpanContext::trace_flags);
        open.start.span = SpanContext::new(
            trace_id,
            ids::span_id(),
            flags.with_sampled(sampled),
            false,
            trace_state,
        );
        open.start.parent_span_id = around.map_or(SpanId::INVALID, SpanContext::span_id);
        open.start.parent_is_remote = around.is_some_and(SpanContext::is_remote);
        open.start.recording = sampled;
        if sampled {
            open.state_mut().correlation = match Correlated::of(parent) {
                given @ Correlated::Id(_) => given,
                _ => Correlated::of_trace(trace_id),
            };
        }
        attributes
    }

    /// The decision of a sampler of the user: whether it is sampled, attributes to add, and its trace state.
    fn ask_sampler(
        &self,
        trace_id: TraceId,
        asked: &Asked,
        attributes: &[KeyValue],
        parent: &Context,
    ) -> (bool, Vec<KeyValue>, TraceState) {
        let result = self.export.sampling.sampler.should_sample(
            Some(parent),
            trace_id,
            &asked.name,
            &asked.kind,
            attributes,
            &[],
        );
        let sampled = result.decision == SamplingDecision::RecordAndSample;
        (sampled, result.attributes, result.trace_state)
    }

    /// What a span that is recorded has from its start.
    fn describe(&self, open: &mut Open, asked: Asked, added: &[KeyValue]) {
        let status = asked.directives.status();
        let state = open.state_mut();
        state.name = asked.name;
        state.kind = kind_number(&asked.kind);
        for attribute in added {
            state.extra.set_otel(&self.export.redacted(attribute));
        }
        if !self.export.baggage.is_empty() {
            self.show_baggage(open);
        }
        if let Some(status) = status {
            open.set_status(&status);
        }
    }

    fn show_baggage(&self, open: &mut Open) {
        let state = open.state_mut();
        let parent = self.parent.context();
        let baggage = parent.baggage();
        for key in &self.export.baggage {
            if let Some(value) = baggage.get(key)
                && !state.fields.contains(key)
            {
                let shown = self.export.redactor.value(key, value.as_str());
                state.extra.set(key, Value::Text(&shown));
            }
        }
    }

    /// Has the SDK make the span, for the processors of the user.
    fn begin_sdk(&self, open: &mut Open, tracer: &SdkTracer, asked: Asked) -> Context {
        let status = asked.directives.status();
        let fields = open.state_mut().fields.iter();
        let attributes = fields
            .chain(self.callsite.place.iter())
            .map(key_value)
            .collect();
        let builder = SpanBuilder::from_name(asked.name)
            .with_kind(asked.kind)
            .with_start_time(system_time(open.start.time))
            .with_attributes::<Vec<KeyValue>>(attributes);
        let parent = self.parent.context();
        let span = tracer.build_with_context(builder, &parent);
        let context = parent.with_span(span);
        if let Some(status) = status {
            context.span().set_status(status);
        }
        open.start.span = context.span().span_context().clone();
        context
    }
}
