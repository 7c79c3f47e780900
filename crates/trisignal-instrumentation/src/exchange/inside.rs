//! What is done in the span of an exchange, while it is entered.

use http::{HeaderMap, HeaderValue, StatusCode, Version};
use opentelemetry::trace::{SpanContext, SpanRef, TraceContextExt};
use opentelemetry::{Context, KeyValue, SpanId};
use tracing::Span;

use super::{Capture, Course, End, Outcome, Scope};
use crate::context;
use crate::correlation::CorrelationId;

/// An exchange whose span is entered.
pub(crate) struct Inside<'a> {
    span: &'a Span,
    course: &'a mut Course,
}

/// What tells OpenTelemetry's span in `cx` from others.
pub(super) fn span_id(cx: &Context) -> SpanId {
    if cx.has_active_span() {
        cx.span().span_context().span_id()
    } else {
        SpanId::INVALID
    }
}

impl<'a> Inside<'a> {
    pub(super) fn new(span: &'a Span, course: &'a mut Course) -> Self {
        Self { span, course }
    }

    /// Finds out what has become current with the span, where `outside` was OpenTelemetry's before.
    /// Answers whether another context than before is attached, and what `look` sees in the current one.
    ///
    /// Without a bridge the current span is not ours, but maybe somebody else's.
    pub(super) fn look_around<T>(
        &mut self,
        outside: SpanId,
        look: impl FnOnce(&Context) -> T,
    ) -> (bool, T) {
        context::look_at_current(|cx, is_attached| {
            self.course.is_bridged = span_id(cx) != outside;
            (is_attached && self.course.is_bridged, look(cx))
        })
    }

    /// What is to be in force where the span brings no context.
    pub(super) fn set_context(&mut self, context: Context) {
        self.course.context = Some(context);
    }

    /// Notes the correlation ID that the answer of a server is to carry.
    pub(super) fn set_correlation(&mut self, id: &CorrelationId) {
        self.course.correlation = id.to_header();
    }

    /// The correlation ID for the answer.
    pub(super) fn take_correlation(&mut self) -> Option<HeaderValue> {
        self.course.correlation.take()
    }

    /// Notes the head of the response.
    pub(crate) fn respond(&mut self, status: StatusCode, version: Version, headers: &HeaderMap) {
        let Course { side, outcome, .. } = &mut *self.course;
        match outcome {
            Outcome::Http(outcome) => outcome.respond(*side, self.span, status, version),
            Outcome::Grpc(outcome) => outcome.respond(self.span, status, headers),
        }
        self.annotate(self.course.capture.attributes(headers));
    }

    /// Notes the trailers of the response.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Outcome::Grpc(outcome) = &mut self.course.outcome {
            outcome.trailers(self.span, trailers);
        }
    }

    /// Notes that so many bytes of the response body have passed, from the first time on.
    pub(crate) fn passed(&mut self, bytes: u64) {
        if let Outcome::Http(outcome) = &mut self.course.outcome {
            outcome.passed(bytes);
        }
    }

    /// What the protocol knows of the response.
    pub(super) fn outcome(&self) -> &Outcome {
        &self.course.outcome
    }

    /// Puts the headers that `capture` asks for on the span.
    pub(super) fn capture(&self, capture: &Capture, headers: &HeaderMap) {
        self.annotate(capture.attributes(headers));
    }

    /// Puts `attributes`, which `tracing` has no words for, on the span.
    pub(super) fn annotate(&self, attributes: Option<Vec<KeyValue>>) {
        if let Some(attributes) = attributes {
            self.bridged(|span| span.set_attributes(attributes));
        }
    }

    /// Links the span to `other`.
    pub(super) fn link(&self, other: SpanContext) {
        self.bridged(|span| span.add_link(other, Vec::new()));
    }

    /// Hands out the span of the bridge, if there is one.
    fn bridged(&self, work: impl FnOnce(SpanRef<'_>)) {
        if self.course.is_bridged {
            work(context::current().span());
        }
    }

    /// Has it end as it should be.
    pub(crate) fn complete(&mut self) {
        self.course.end = End::Complete;
    }

    /// Has it end with an error of the given low-cardinality type.
    pub(crate) fn fail(&mut self, error_type: &'static str) {
        self.course.end = End::Failed(error_type);
    }

    /// Makes the span and its context current.
    pub(super) fn enter(&self) -> Scope<'a> {
        Scope::enter(self.span, self.course)
    }

    /// Leaves the span, with its end before where there is one: somebody has noted it, or nobody will, as `is_dropped` says. Answers
    /// whether the exchange is over.
    pub(super) fn leave(mut self, scope: Option<Scope<'_>>, is_dropped: bool) -> bool {
        let is_over = is_dropped || self.course.end != End::Abandoned;
        if is_over {
            self.settle();
        }
        drop(scope);
        is_over
    }

    /// Says all that is to be said at the end. Inside the span: a bridge takes the last exit as the
    /// end of the span, and exemplars point to the current one.
    fn settle(&mut self) {
        self.course.is_settled = true;
        if let Outcome::Grpc(outcome) = &self.course.outcome
            && let Some(name) = outcome.new_name()
        {
            self.bridged(|span| span.update_name(name));
        }
        let Course {
            side,
            started,
            outcome,
            measures,
            end,
            ..
        } = &*self.course;
        let added = match outcome {
            Outcome::Http(outcome) => outcome.finish(*side, *end, self.span),
            Outcome::Grpc(outcome) => outcome.finish(*side, *end, self.span),
        };
        if let Some(measures) = measures {
            let family = measures.family();
            family.measure(started.elapsed(), &added, |attributes| {
                if let Outcome::Http(outcome) = outcome {
                    outcome.measure(attributes);
                }
            });
        }
    }
}
