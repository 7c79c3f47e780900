//! What the pipeline says about itself: few lines, each once in a while.
//!
//! The lines are `tracing` events of the target `trisignal`, so that they reach the console of the service by
//! its filter. They come from threads whose telemetry is suppressed, so they are never exported themselves.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::pipeline::ledger::DropReason;
use crate::pipeline::signal::{Destination, Signal};
use crate::transport::{Failure, FailureKind};

/// The least time between two lines about the same thing.
const INTERVAL: Duration = Duration::from_secs(10);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Topic {
    /// All signals together: a Collector that is away is one fact, not three.
    Failing(FailureKind),
    Recovered,
    Dropping(DropReason),
    Panic,
    Sampling,
    SamplingAgain,
}

/// Writes the lines, and keeps them few.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: HashMap<Topic, Instant>,
    /// Those whose last attempt failed.
    failing: HashSet<Destination>,
    /// The last question about sampling had no answer.
    sampling_fails: bool,
}

impl Diagnostics {
    /// An attempt failed and will be made again. While it goes on failing for the same reason, nothing more is
    /// said.
    pub(crate) fn attempt_failed(
        &self,
        destination: Destination,
        endpoint: &str,
        failure: &Failure,
    ) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_failing = !state.failing.is_empty();
        state.failing.insert(destination);
        let topic = Topic::Failing(failure.kind);
        if (was_failing && state.last.contains_key(&topic)) || !state.is_due(topic) {
            return;
        }
        drop(state);
        tracing::warn!(
            target: "trisignal",
            signal = %destination.signal,
            endpoint,
            reason = failure.detail,
            "telemetry can't be delivered, it is kept and will be sent again"
        );
    }

    /// An attempt succeeded.
    pub(crate) fn delivered(&self, destination: Destination) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_failing = state.failing.remove(&destination);
        if !was_failing || !state.failing.is_empty() {
            return;
        }
        // A later failure is news again, but not within the interval.
        state
            .last
            .retain(|topic, at| !matches!(topic, Topic::Failing(_)) || at.elapsed() < INTERVAL);
        if !state.is_due(Topic::Recovered) {
            return;
        }
        drop(state);
        tracing::info!(target: "trisignal", "telemetry is delivered again");
    }

    /// The backend took a request and had something to say about it.
    pub(crate) fn remarked(&self, signal: Signal, endpoint: &str, remark: &Failure) {
        if self.is_due(Topic::Failing(remark.kind)) {
            let message = &remark.detail;
            tracing::warn!(target: "trisignal", %signal, endpoint, message, "the backend gave a warning");
        }
    }

    /// Items are lost.
    pub(crate) fn dropped(&self, signal: Signal, reason: DropReason, items: u64, detail: &str) {
        if items == 0 || !self.is_due(Topic::Dropping(reason)) {
            return;
        }
        tracing::warn!(target: "trisignal", %signal, %reason, items, detail, "telemetry was dropped");
    }

    /// The service that decides about sampling gives no answer that can be used. Said once, until it does again.
    pub(crate) fn sampling_failed(&self, endpoint: &str, reason: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_failing = std::mem::replace(&mut state.sampling_fails, true);
        if was_failing || !state.is_due(Topic::Sampling) {
            return;
        }
        drop(state);
        tracing::warn!(target: "trisignal", endpoint, reason, "the sampling strategy can't be read, the last one stays");
    }

    /// It gave one.
    pub(crate) fn sampling_works(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut state.sampling_fails) || !state.is_due(Topic::SamplingAgain) {
            return;
        }
        drop(state);
        tracing::info!(target: "trisignal", "the sampling strategy is read again");
    }

    /// Code that telemetry called, or its own, panicked; the process goes on.
    pub(crate) fn panicked(&self, whose: &'static str) {
        if self.is_due(Topic::Panic) {
            tracing::error!(target: "trisignal", whose, "a panic was contained");
        }
    }

    fn is_due(&self, topic: Topic) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_due(topic)
    }
}

impl State {
    fn is_due(&mut self, topic: Topic) -> bool {
        let now = Instant::now();
        match self.last.get(&topic) {
            Some(last) if now.duration_since(*last) < INTERVAL => false,
            _ => {
                self.last.insert(topic, now);
                true
            }
        }
    }
}
