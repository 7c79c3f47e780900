//! How a span begins: its parent, its IDs, and whether anybody wants it.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceState, Tracer as _,
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

impl Beginning<'_> {
    /// Fills in a record that nobody else has yet.
    pub(crate) fn begin(&self, open: &mut Open) {
        let known = open.start.export.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, self.export)) {
            open.start.export = Some(Arc::clone(self.export));
        }
        let needs_attributes = self.export.sampling.needs_attributes();
        let reads = needs_attributes || self.followed || self.export.tracer.is_some();
        let directives = self.read(open, reads);
        let kind = directives.as_ref().and_then(|said| said.kind.clone());
        let kind = kind.unwrap_or(SpanKind::Internal);
        let status = directives.as_ref().and_then(Directives::status);
        if let Some(tracer) = &self.export.tracer {
            open.start.sdk = Some(self.begin_sdk(open, tracer, kind, status));
            return;
        }
        let added = if self.export.sampling.built_in.is_some() {
            self.parent.with(|parent| self.sample(open, &kind, parent))
        } else {
            self.sample(open, &kind, &self.parent.context())
        };
        if !open.start.recording {
            return;
        }
        open.start.time = now();
        let state = open.state_mut();
        if !reads {
            let capture = Capture::span(&mut state.fields, &self.export.redactor);
            self.attributes.record(&mut capture.of(self.callsite));
        }
        state.kind = kind_number(&kind);
        for attribute in added.iter().flatten() {
            state.extra.set_otel(&self.export.redacted(attribute));
        }
        if !self.export.baggage.is_empty() {
            self.show_baggage(open);
        }
        if let Some(status) = status {
            open.set_status(&status);
        }
    }

    /// Reads the name and what else the span says of itself, and, if it `reads` them, all of its fields.
    fn read(&self, open: &mut Open, reads: bool) -> Option<Directives> {
        let state = open.state_mut();
        let mut directives = self.callsite.has_directives.then(Directives::default);
        if reads {
            let capture = Capture::span(&mut state.fields, &self.export.redactor);
            let mut capture = capture.of(self.callsite).with(directives.as_mut());
            self.attributes.record(&mut capture);
        } else if let Some(directives) = &mut directives {
            self.attributes.record(directives);
        }
        let given = directives.as_mut().and_then(|said| said.name.take());
        state.name = match given {
            Some(name) => self.export.shown_name(Cow::Owned(name)),
            None => Cow::Borrowed(self.attributes.metadata().name()),
        };
        directives
    }

    /// Asks the sampler, and gives the span its place in the trace. Answers the attributes that a sampler of the user adds.
    fn sample(&self, open: &mut Open, kind: &SpanKind, parent: &Context) -> Option<Vec<KeyValue>> {
        if parent.is_telemetry_suppressed() {
            return None;
        }
        let sampling = &self.export.sampling;
        let around = parent.span();
        let around = Some(around.span_context()).filter(|around| around.is_valid());
        let trace_id = around.map_or_else(ids::trace_id, SpanContext::trace_id);
        let state = open.state_mut();
        let fields = sampling.needs_attributes().then(|| state.fields.iter());
        let attributes = fields.map(|fields| fields.map(key_value).collect::<Vec<_>>());
        let span = around.unwrap_or(&SpanContext::NONE);
        let question = Question {
            context: Some(parent),
            parent: span,
            trace_id,
            name: &state.name,
            kind,
            attributes: attributes.as_deref().unwrap_or_default(),
        };
        let (sampled, added, trace_state) = match &sampling.built_in {
            Some(sampler) => {
                let Answer { sampled, state } = sampler.decide(&question);
                (sampled, None, state.apply(span.trace_state()))
            }
            None => self.ask_sampler(&question),
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
        added
    }

    /// The decision of a sampler of the user: whether it is sampled, attributes to add, and its trace state.
    fn ask_sampler(&self, question: &Question<'_>) -> (bool, Option<Vec<KeyValue>>, TraceState) {
        let result = self.export.sampling.sampler.should_sample(
            question.context,
            question.trace_id,
            question.name,
            question.kind,
            question.attributes,
            &[],
        );
        let sampled = result.decision == SamplingDecision::RecordAndSample;
        (sampled, Some(result.attributes), result.trace_state)
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
    fn begin_sdk(
        &self,
        open: &mut Open,
        tracer: &SdkTracer,
        kind: SpanKind,
        status: Option<Status>,
    ) -> Context {
        open.start.time = now();
        let state = open.state_mut();
        let name = std::mem::take(&mut state.name);
        let attributes = state
            .fields
            .iter()
            .chain(self.callsite.place.iter())
            .map(key_value)
            .collect();
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
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
