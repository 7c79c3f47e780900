//! Counts the spans that begin and end, also those that are not recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::pipeline::Shared;

/// Where the parent of a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParentOrigin {
    /// There is none.
    None,
    /// In this process.
    Local,
    /// In another one.
    Remote,
}

impl ParentOrigin {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Local, Self::Remote];

    /// The origin of what `parent` holds.
    pub(crate) fn of(parent: &Context) -> Self {
        Self::of_span(Some(parent.span().span_context()))
    }

    /// The same for the parent itself.
    #[inline]
    pub(crate) fn of_span(parent: Option<&SpanContext>) -> Self {
        match parent.filter(|parent| parent.is_valid()) {
            None => Self::None,
            Some(parent) if parent.is_remote() => Self::Remote,
            Some(_) => Self::Local,
        }
    }

    /// As `otel.span.parent.origin` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// What becomes of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampled {
    /// It is not recorded.
    Drop,
    /// It is recorded for processors of the user, and not exported.
    RecordOnly,
    RecordAndSample,
}

impl Sampled {
    pub(crate) const ALL: [Self; 3] = [Self::Drop, Self::RecordOnly, Self::RecordAndSample];
    /// Those whose end is seen.
    pub(super) const RECORDING: [Self; 2] = [Self::RecordOnly, Self::RecordAndSample];

    pub(crate) fn of(decision: &SamplingDecision) -> Self {
        match decision {
            SamplingDecision::Drop => Self::Drop,
            SamplingDecision::RecordOnly => Self::RecordOnly,
            SamplingDecision::RecordAndSample => Self::RecordAndSample,
        }
    }

    /// As `otel.span.sampling_result` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "DROP",
            Self::RecordOnly => "RECORD_ONLY",
            Self::RecordAndSample => "RECORD_AND_SAMPLE",
        }
    }
}

/// In how many places spans are counted, so that threads seldom meet in one.
const PLACES: usize = 16;

/// The spans of a pipeline since its start.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts([Place; PLACES]);

/// In cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place {
    started: [[AtomicU64; 3]; 3],
    ended: [AtomicU64; 3],
}

impl SpanCounts {
    /// A span began, recorded or not.
    #[inline]
    pub(crate) fn started(&self, origin: ParentOrigin, sampled: Sampled) {
        self.place().started[origin as usize][sampled as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A recorded span ended.
    #[inline]
    pub(crate) fn ended(&self, sampled: Sampled) {
        self.place().ended[sampled as usize].fetch_add(1, Ordering::Release);
    }

    pub(super) fn started_of(&self, origin: ParentOrigin, sampled: Sampled) -> u64 {
        let started = |place: &Place| {
            place.started[origin as usize][sampled as usize].load(Ordering::Relaxed)
        };
        self.0.iter().map(started).sum()
    }

    /// How many have begun and not ended.
    pub(super) fn live(&self, sampled: Sampled) -> u64 {
        // The ends first: each of them is preceded by its beginning.
        let ended = |place: &Place| place.ended[sampled as usize].load(Ordering::Acquire);
        let ended: u64 = self.0.iter().map(ended).sum();
        let started: u64 = ParentOrigin::ALL
            .into_iter()
            .map(|origin| self.started_of(origin, sampled))
            .sum();
        started.saturating_sub(ended)
    }

    /// That of this thread.
    #[inline]
    fn place(&self) -> &Place {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % PLACES;
        }
        // A thread that has no memory left is as good as the first.
        &self.0[MINE.try_with(|mine| *mine).unwrap_or_default()]
    }
}

/// Counts what the SDK asks its sampler for, which is every span that it begins.
#[derive(Clone, Debug)]
pub(crate) struct CountingSampler<S> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared>,
}

impl<S: ShouldSample + Clone + 'static> ShouldSample for CountingSampler<S> {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let result = self
            .inner
            .should_sample(parent, trace_id, name, kind, attributes, links);
        let origin = parent.map_or(ParentOrigin::None, ParentOrigin::of);
        let sampled = Sampled::of(&result.decision);
        self.shared.ledger.spans.started(origin, sampled);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_is_what_began_and_did_not_end() {
        let spans = SpanCounts::default();
        for origin in ParentOrigin::ALL {
            for sampled in Sampled::ALL {
                spans.started(origin, sampled);
            }
        }
        spans.ended(Sampled::RecordAndSample);
        assert_eq!(Sampled::ALL.map(|sampled| spans.live(sampled)), [3, 3, 2]);
        assert_eq!(spans.started_of(ParentOrigin::Remote, Sampled::Drop), 1);
    }
}
