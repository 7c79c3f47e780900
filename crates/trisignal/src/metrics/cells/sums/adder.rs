//! A counter of OpenTelemetry's API whose additions threads keep.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundSyncInstrument, SyncInstrument};

use super::{Sum, Sums};
use crate::metrics::cells::drains::{Drain, Drains};
use crate::metrics::exemplar::Number;
use crate::metrics::exemplar::capture::Capture;
use crate::metrics::registry::Kind;

/// A counter of the SDK, and the sums of all threads that add to it.
pub(in crate::metrics) struct Adder<K: Kind>(Arc<Added<K>>);

struct Added<K: Kind> {
    instrument: K::Bound,
    /// Where exemplars go; nowhere where none are made.
    capture: Option<Capture>,
    sums: Sums,
}

impl<K: Kind> Adder<K> {
    pub(in crate::metrics) fn new(
        instrument: K::Bound,
        capture: Option<Capture>,
        drains: &Drains,
    ) -> Self {
        let added = Arc::new(Added {
            instrument,
            capture,
            sums: Sums::new(),
        });
        drains.enter::<Added<K>>(&added);
        Self(added)
    }
}

impl<K> SyncInstrument<K::Value> for Adder<K>
where
    K: Kind<Value: Into<Number>>,
{
    fn measure(&self, value: K::Value, attributes: &[KeyValue]) {
        let added = K::step(value).is_some_and(|step| self.0.sums.add(step, attributes));
        if !added {
            self.0.tell(value, attributes);
        }
    }

    fn bind(
        &self,
        attributes: &[KeyValue],
    ) -> Box<dyn BoundSyncInstrument<K::Value> + Send + Sync> {
        self.0
            .sums
            .sweep(|sum, attributes| self.0.hand_over(sum, attributes));
        Box::new(Bound {
            added: Arc::clone(&self.0),
            sum: self.0.sums.own(attributes),
        })
    }
}

/// A counter with its attributes: it needs no look at them to find its sum.
struct Bound<K: Kind> {
    added: Arc<Added<K>>,
    sum: Arc<Sum>,
}

impl<K> BoundSyncInstrument<K::Value> for Bound<K>
where
    K: Kind<Value: Into<Number>>,
{
    fn measure(&self, value: K::Value) {
        let added = K::step(value).is_some_and(|step| self.sum.add(step));
        if !added {
            self.added.tell(value, self.sum.attributes());
        }
    }
}

impl<K: Kind> Added<K> {
    fn tell(&self, value: K::Value, attributes: &[KeyValue])
    where
        K::Value: Into<Number>,
    {
        K::record(&self.instrument, value, attributes);
        if let Some(capture) = &self.capture {
            capture.offer(value.into(), attributes);
        }
    }

    fn hand_over(&self, sum: i64, attributes: &[KeyValue]) {
        if let Some(value) = K::sum(sum) {
            K::record(&self.instrument, value, attributes);
        }
    }
}

impl<K: Kind> Drain for Added<K> {
    fn drain(&self) {
        self.sums
            .drain(|sum, attributes| self.hand_over(sum, attributes));
    }
}

/// What was added last is in no sum any more that somebody knows.
impl<K: Kind> Drop for Added<K> {
    fn drop(&mut self) {
        self.drain();
    }
}

#[cfg(test)]
#[path = "adder_tests.rs"]
mod tests;
