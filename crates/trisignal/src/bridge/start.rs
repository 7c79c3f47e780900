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
use super::state::State;
use crate::clock::{now, system_time};
use crate::metrics::selfmetrics::{ParentOrigin, Sampled};
use crate::otlp::span::kind_number;
use crate::sampling::{Answer, Question, Sampler};

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
        let export = self.export;
        let known = open.start.export.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, export)) {
            open.start.lead_to(export);
        }
        let needs_attributes = export.sampling.needs_attributes();
        let reads = needs_attributes || self.followed || export.tracer.is_some();
        let mut said = self.callsite.has_directives.then(Directives::default);
        self.read(open.state_mut(), reads, said.as_mut());
        let kind = said.as_ref().and_then(|said| said.kind.clone());
        let kind = kind.unwrap_or(SpanKind::Internal);
        if let Some(tracer) = &export.tracer {
            return self.begin_sdk(open, tracer, kind, said.as_ref());
        }
        if export.sampling.built_in.is_some() {
            self.parent.with(|parent| self.place(open, &kind, parent));
        } else {
            self.place_by_own(open, &kind);
        }
        if !open.start.recording {
            return;
        }
        open.start.time = now();
        let state = open.state_mut();
        state.kind = kind_number(&kind);
        if !reads {
            self.capture(state, None);
        }
        if !export.baggage.is_empty() {
            self.show_baggage(open);
        }
        if let Some(status) = said.as_ref().and_then(Directives::status) {
            open.set_status(&status);
        }
    }

    /// Reads the name and what else the span says of itself, and, if it `reads` them, all of its fields.
    #[inline]
    fn read(&self, state: &mut State, reads: bool, mut said: Option<&mut Directives>) {
        if reads {
            self.capture(state, said.as_deref_mut());
        } else if let Some(said) = said.as_deref_mut() {
            self.attributes.record(said);
        }
        state.name = match said.and_then(|said| said.name.take()) {
            Some(name) => self.export.shown_name(Cow::Owned(name)),
            None => Cow::Borrowed(self.attributes.metadata().name()),
        };
    }

    #[inline(never)]
    fn capture(&self, state: &mut State, said: Option<&mut Directives>) {
        let capture = Capture::span(&mut state.fields, &self.export.redactor);
        self.attributes
            .record(&mut capture.of(self.callsite).with(said));
    }

    /// The same as [`place`](Self::place) with a sampler of the user, which may make another context the current one.
    #[cold]
    fn place_by_own(&self, open: &mut Open, kind: &SpanKind) {
        self.place(open, kind, &self.parent.context());
    }

    /// Gives the span its place in the trace, and its context.
    fn place(&self, open: &mut Open, kind: &SpanKind, parent: &Context) {
        if parent.is_telemetry_suppressed() {
            open.start.span = SpanContext::NONE;
        } else {
            self.sample(open, kind, parent);
        }
        open.start.begin_in(parent);
    }

    /// Decides whether the span is sampled, and says who it is.
    fn sample(&self, open: &mut Open, kind: &SpanKind, parent: &Context) {
        let around = parent.span();
        let around = around.span_context();
        let origin = ParentOrigin::of_span(Some(around));
        // The bit that says how the ID was made is the business of who made it.
        let (trace_id, parent_span_id, flags) = match origin {
            ParentOrigin::None => (ids::trace_id(), SpanId::INVALID, ids::RANDOM),
            _ => (around.trace_id(), around.span_id(), around.trace_flags()),
        };
        let follows = |sampler: &Sampler| sampler.follows(around);
        let (sampled, trace_state) = if self.export.sampling.built_in.as_ref().is_some_and(follows)
        {
            (around.is_sampled(), TraceState::NONE)
        } else {
            self.ask(open, kind, parent, trace_id)
        };
        let counted = if sampled {
            Sampled::RecordAndSample
        } else {
            // Without processors of users nobody sees what is recorded only.
            Sampled::Drop
        };
        self.export.ledger.spans.started(origin, counted);
        let start = &mut open.start;
        start.span = SpanContext::new(
            trace_id,
            ids::span_id(),
            flags.with_sampled(sampled),
            false,
            trace_state,
        );
        start.parent_span_id = parent_span_id;
        start.parent_is_remote = origin == ParentOrigin::Remote;
        start.recording = sampled;
        if sampled && let Some(given) = Correlated::given(parent) {
            open.state_mut().extras_mut().correlation = Some(given);
        }
    }

    /// The decision of the sampler: whether the span is sampled, and its trace state.
    #[inline(never)]
    fn ask(
        &self,
        open: &mut Open,
        kind: &SpanKind,
        parent: &Context,
        trace_id: TraceId,
    ) -> (bool, TraceState) {
        let sampling = &self.export.sampling;
        let state = open.state_mut();
        let attributes: Vec<_> = if sampling.needs_attributes() {
            state.fields.iter().map(key_value).collect()
        } else {
            Vec::new()
        };
        let around = parent.span();
        let around = around.span_context();
        let question = Question {
            context: Some(parent),
            parent: if around.is_valid() {
                around
            } else {
                &SpanContext::NONE
            },
            trace_id,
            name: &state.name,
            kind,
            attributes: &attributes,
        };
        match &sampling.built_in {
            Some(sampler) => {
                let Answer { sampled, state } = sampler.decide(&question);
                (sampled, state.apply(question.parent.trace_state()))
            }
            None => {
                let (sampled, added, trace_state) = self.ask_sampler(&question);
                for attribute in added.iter().filter(|_| sampled) {
                    let shown = self.export.redacted(attribute);
                    state.extras_mut().attributes.set_otel(&shown);
                }
                (sampled, trace_state)
            }
        }
    }

    /// The decision of a sampler of the user: whether it is sampled, attributes to add, and its trace state.
    fn ask_sampler(&self, question: &Question<'_>) -> (bool, Vec<KeyValue>, TraceState) {
        let result = self.export.sampling.sampler.should_sample(
            question.context,
            question.trace_id,
            question.name,
            question.kind,
            question.attributes,
            &[],
        );
        let sampled = result.decision == SamplingDecision::RecordAndSample;
        (sampled, result.attributes, result.trace_state)
    }

    #[inline(never)]
    fn show_baggage(&self, open: &mut Open) {
        let state = open.state_mut();
        let parent = self.parent.context();
        let baggage = parent.baggage();
        for key in &self.export.baggage {
            if let Some(value) = baggage.get(key)
                && !state.fields.contains(key)
            {
                let shown = self.export.redactor.value(key, value.as_str());
                state.extras_mut().attributes.set(key, Value::Text(&shown));
            }
        }
    }

    /// Has the SDK make the span, for the processors of the user.
    #[cold]
    fn begin_sdk(
        &self,
        open: &mut Open,
        tracer: &SdkTracer,
        kind: SpanKind,
        said: Option<&Directives>,
    ) {
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
        if let Some(status) = said.and_then(Directives::status) {
            context.span().set_status(status);
        }
        open.start.span = context.span().span_context().clone();
        open.start.sdk = Some(context);
        open.start.begin_in(&parent);
    }
}
