//! What is measured of an exchange.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};

use super::family::{Added, Family};

/// What is measured at the end.
pub(crate) struct Measures {
    duration: Histogram<f64>,
    family: Arc<Family>,
    active: Option<Active>,
}

/// The exchange is counted here by the first attributes of its family, and is taken out again when it
/// is dropped, in whatever way that comes about.
struct Active {
    counter: UpDownCounter<i64>,
    attributes: usize,
}

impl Measures {
    pub(crate) fn new(duration: &Histogram<f64>, family: Arc<Family>) -> Self {
        Self {
            duration: duration.clone(),
            family,
            active: None,
        }
    }

    pub(crate) fn family(&self) -> &Family {
        &self.family
    }

    /// Counts the exchange as an active one, by so many attributes of its family.
    pub(crate) fn activate(&mut self, counter: &UpDownCounter<i64>, attributes: usize) {
        let active = Active {
            counter: counter.clone(),
            attributes,
        };
        active.add(1, &self.family);
        self.active = Some(active);
    }

    /// Measures the duration, and has `others` measure what has the same attributes.
    pub(super) fn record(
        &self,
        duration: Duration,
        added: &Added,
        others: impl FnOnce(&[KeyValue]),
    ) {
        self.family.with(added, |attributes| {
            self.duration.record(duration.as_secs_f64(), attributes);
            others(attributes);
        });
    }
}

impl Drop for Measures {
    fn drop(&mut self) {
        if let Some(active) = &self.active {
            active.add(-1, &self.family);
        }
    }
}

impl Active {
    fn add(&self, step: i64, family: &Family) {
        let attributes = family.attributes().get(..self.attributes);
        self.counter.add(step, attributes.unwrap_or_default());
    }
}
