//! What is measured of an exchange.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};

/// The boundaries that the conventions ask for, in seconds.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Room for the attributes that any exchange has.
const ROOM: usize = 8;

/// What is measured at the end.
pub(crate) struct Measures {
    duration: Histogram<f64>,
    attributes: Vec<KeyValue>,
    active: Option<Active>,
}

/// The exchange is counted here by its first attributes, and is taken out again when it is dropped, in
/// whatever way that comes about.
struct Active {
    counter: UpDownCounter<i64>,
    attributes: usize,
}

impl Measures {
    pub(crate) fn new(duration: &Histogram<f64>) -> Self {
        Self {
            duration: duration.clone(),
            attributes: Vec::with_capacity(ROOM),
            active: None,
        }
    }

    pub(crate) fn push(&mut self, attribute: KeyValue) {
        self.attributes.push(attribute);
    }

    pub(crate) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    /// Counts the exchange as an active one, by the attributes that there are so far.
    pub(crate) fn activate(&mut self, counter: &UpDownCounter<i64>) {
        counter.add(1, &self.attributes);
        self.active = Some(Active {
            counter: counter.clone(),
            attributes: self.attributes.len(),
        });
    }

    pub(super) fn record(&self, duration: Duration) {
        self.duration
            .record(duration.as_secs_f64(), &self.attributes);
    }
}

impl Drop for Measures {
    fn drop(&mut self) {
        if let Some(active) = &self.active {
            // They are only ever added to.
            let attributes = self.attributes.get(..active.attributes);
            active.counter.add(-1, attributes.unwrap_or_default());
        }
    }
}

/// The histogram of a duration.
pub(crate) fn duration(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
}
