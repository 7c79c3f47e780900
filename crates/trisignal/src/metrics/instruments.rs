//! The instruments of a service: declared once as a `static`, used anywhere, at any time.
//!
//! An OpenTelemetry instrument made before the SDK is there stays without effect for ever. These are bound when
//! telemetry is installed, or at first use if that is later, and hand over what they were told before:
//!
//! | instrument | kept until telemetry is installed |
//! |---|---|
//! | [`Counter`], [`UpDownCounter`] | the sum for each of 256 sets of attributes; the sum of all further ones together, under the attribute `otel.metric.overflow` |
//! | [`Gauge`] | the last value for each of 256 sets of attributes |
//! | [`Histogram`] | 1,024 measurements |
//!
//! What goes beyond is dropped, and counted. Where telemetry is never installed nothing else happens.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{self as otel, Meter};

use super::cells::sums::Step;
use super::pending::{Kept, SETS};
use super::registry::{GLOBAL, Handle, Instrument, Kind, Prepare, Prepared, Registry, Spec};

/// Measurements of a histogram that are kept before telemetry is installed.
const MEASUREMENTS: usize = 1_024;

macro_rules! instrument {
    ($(#[$doc:meta])* $name:ident of $kind:ident) => {
        $(#[$doc])*
        pub struct $name(Instrument<$kind>);

        impl $name {
            /// An instrument by the rules of OpenTelemetry: a name such as `orders.placed`, of at most 255 letters,
            /// digits, `_`, `.`, `-` and `/`; and a unit in UCUM such as `s`, `By` or `{order}`, which may be empty.
            ///
            /// A name that is not valid makes an instrument without effect.
            #[must_use]
            pub const fn new(name: &'static str, unit: &'static str) -> Self {
                Self::in_registry(&GLOBAL, name, unit)
            }

            /// What is measured, in a sentence. The default is none.
            #[must_use]
            pub const fn with_description(mut self, description: &'static str) -> Self {
                self.0.spec.description = description;
                self
            }

            pub(super) const fn in_registry(registry: &'static Registry, name: &'static str, unit: &'static str) -> Self {
                Self(Instrument::new(registry, Spec { name, unit, description: "", boundaries: None }))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("name", &self.0.spec.name)
                    .field("unit", &self.0.spec.unit)
                    .finish_non_exhaustive()
            }
        }
    };
}

instrument! {
    /// Counts what only ever gets more: orders placed, bytes sent.
    ///
    /// ```
    /// use trisignal::{Counter, otel::KeyValue};
    ///
    /// static PLACED: Counter = Counter::new("orders.placed", "{order}").with_description("Orders taken from customers.");
    ///
    /// PLACED.add(1);
    /// PLACED.add_with(1, &[KeyValue::new("kind", "book")]);
    /// ```
    Counter of CounterKind
}

impl Counter {
    /// Counts `value` more. A sum beyond the largest number stays there.
    pub fn add(&self, value: u64) {
        self.add_with(value, &[]);
    }

    /// Counts `value` more for these attributes, of which there should be few different sets: each is a time series.
    pub fn add_with(&self, value: u64, attributes: &[KeyValue]) {
        self.0.record(value, attributes);
    }

    /// A handle that counts for these attributes: for places that are passed very often, or attributes that are costly to
    /// make.
    ///
    /// ```
    /// use trisignal::{Counter, otel::KeyValue};
    ///
    /// static PLACED: Counter = Counter::new("orders.placed", "{order}");
    ///
    /// let books = PLACED.bind(&[KeyValue::new("kind", "book")]);
    /// books.add(1);
    /// ```
    #[must_use]
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundCounter {
        BoundCounter(self.0.bind(attributes))
    }

    #[cfg(test)]
    pub(super) fn kept_sums(&self) -> usize {
        self.0.kept_sums()
    }
}

instrument! {
    /// Follows an amount that goes up and down by steps: requests in flight, items in a queue.
    ///
    /// ```
    /// use trisignal::UpDownCounter;
    ///
    /// static WAITING: UpDownCounter = UpDownCounter::new("orders.waiting", "{order}");
    ///
    /// WAITING.add(3);
    /// WAITING.add(-1);
    /// ```
    UpDownCounter of UpDownCounterKind
}

impl UpDownCounter {
    /// Moves the amount by `step`, up or down.
    pub fn add(&self, step: i64) {
        self.add_with(step, &[]);
    }

    /// Moves the amount for these attributes by `step`, up or down.
    pub fn add_with(&self, step: i64, attributes: &[KeyValue]) {
        self.0.record(step, attributes);
    }

    /// A handle that moves the amount for these attributes.
    #[must_use]
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundUpDownCounter {
        BoundUpDownCounter(self.0.bind(attributes))
    }
}

instrument! {
    /// Tells a value as it is now: a temperature, a level, a ratio. The last one before each collection counts.
    ///
    /// ```
    /// use trisignal::Gauge;
    ///
    /// static FILL: Gauge = Gauge::new("store.fill", "1");
    ///
    /// FILL.record(0.75);
    /// ```
    Gauge of GaugeKind
}

impl Gauge {
    /// The value is now `value`.
    pub fn record(&self, value: f64) {
        self.record_with(value, &[]);
    }

    /// The value for these attributes is now `value`.
    pub fn record_with(&self, value: f64, attributes: &[KeyValue]) {
        self.0.record(value, attributes);
    }
}

instrument! {
    /// Collects a distribution: durations in seconds, sizes in bytes.
    ///
    /// ```
    /// use trisignal::Histogram;
    ///
    /// static PACKING: Histogram =
    ///     Histogram::new("orders.packing.duration", "s").with_boundaries(&[0.1, 0.5, 1.0, 5.0, 10.0]);
    ///
    /// let started = std::time::Instant::now();
    /// PACKING.record(started.elapsed().as_secs_f64());
    /// ```
    Histogram of HistogramKind
}

impl Histogram {
    /// The upper bounds of the buckets, each larger than the one before.
    ///
    /// The default fits milliseconds: `0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000`.
    /// Bounds that are not in order or not finite make an instrument without effect.
    #[must_use]
    pub const fn with_boundaries(mut self, boundaries: &'static [f64]) -> Self {
        self.0.spec.boundaries = Some(boundaries);
        self
    }

    /// One measurement.
    pub fn record(&self, value: f64) {
        self.record_with(value, &[]);
    }

    /// One measurement for these attributes.
    pub fn record_with(&self, value: f64, attributes: &[KeyValue]) {
        self.0.record(value, attributes);
    }

    /// A handle that measures for these attributes: for places that are passed very often, or attributes that are costly to
    /// make.
    #[must_use]
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundHistogram {
        BoundHistogram(self.0.prepare(attributes))
    }
}

/// A [`Counter`] for attributes that do not change. Clones count together.
#[derive(Clone)]
pub struct BoundCounter(Handle<CounterKind>);

impl BoundCounter {
    /// Counts `value` more.
    pub fn add(&self, value: u64) {
        self.0.record(value);
    }
}

impl fmt::Debug for BoundCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundCounter").field(&self.0.name()).finish()
    }
}

/// An [`UpDownCounter`] for attributes that do not change. Clones move the same amount.
#[derive(Clone)]
pub struct BoundUpDownCounter(Handle<UpDownCounterKind>);

impl BoundUpDownCounter {
    /// Moves the amount by `step`, up or down.
    pub fn add(&self, step: i64) {
        self.0.record(step);
    }
}

impl fmt::Debug for BoundUpDownCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundUpDownCounter")
            .field(&self.0.name())
            .finish()
    }
}

/// A [`Histogram`] for attributes that do not change. Clones measure the same.
#[derive(Clone)]
pub struct BoundHistogram(Prepared<HistogramKind>);

impl BoundHistogram {
    /// One measurement.
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}

impl fmt::Debug for BoundHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundHistogram")
            .field(&self.0.name())
            .finish()
    }
}

/// Builds an OpenTelemetry instrument of this kind with everything that the spec says.
macro_rules! build {
    ($meter:ident.$method:ident, $spec:ident) => {{
        let mut builder = $meter.$method($spec.name).with_unit($spec.unit);
        if !$spec.description.is_empty() {
            builder = builder.with_description($spec.description);
        }
        builder
    }};
}

pub(super) struct CounterKind;

impl Kind for CounterKind {
    type Value = u64;
    type Bound = otel::Counter<u64>;
    const KEPT: Kept<u64> = Kept {
        most: SETS,
        merge: Some(u64::saturating_add),
        overflow_as_one: true,
    };

    fn build(meter: &Meter, spec: &Spec) -> Self::Bound {
        build!(meter.u64_counter, spec).build()
    }

    fn record(bound: &Self::Bound, value: u64, attributes: &[KeyValue]) {
        bound.add(value, attributes);
    }

    fn step(value: u64) -> Option<Step> {
        Step::up(value)
    }

    fn sum(sum: i64) -> Option<u64> {
        u64::try_from(sum).ok()
    }
}

pub(super) struct UpDownCounterKind;

impl Kind for UpDownCounterKind {
    type Value = i64;
    type Bound = otel::UpDownCounter<i64>;
    const KEPT: Kept<i64> = Kept {
        most: SETS,
        merge: Some(i64::saturating_add),
        overflow_as_one: true,
    };

    fn build(meter: &Meter, spec: &Spec) -> Self::Bound {
        build!(meter.i64_up_down_counter, spec).build()
    }

    fn record(bound: &Self::Bound, value: i64, attributes: &[KeyValue]) {
        bound.add(value, attributes);
    }

    fn step(value: i64) -> Option<Step> {
        Step::either_way(value)
    }

    fn sum(sum: i64) -> Option<i64> {
        Some(sum)
    }
}

pub(super) struct GaugeKind;

impl Kind for GaugeKind {
    type Value = f64;
    type Bound = otel::Gauge<f64>;
    const KEPT: Kept<f64> = Kept {
        most: SETS,
        merge: Some(|_, newest| newest),
        overflow_as_one: false,
    };

    fn build(meter: &Meter, spec: &Spec) -> Self::Bound {
        build!(meter.f64_gauge, spec).build()
    }

    fn record(bound: &Self::Bound, value: f64, attributes: &[KeyValue]) {
        bound.record(value, attributes);
    }
}

pub(super) struct HistogramKind;

impl Kind for HistogramKind {
    type Value = f64;
    type Bound = otel::Histogram<f64>;
    const KEPT: Kept<f64> = Kept {
        most: MEASUREMENTS,
        merge: None,
        overflow_as_one: false,
    };

    fn build(meter: &Meter, spec: &Spec) -> Self::Bound {
        let builder = build!(meter.f64_histogram, spec);
        match spec.boundaries {
            Some(boundaries) => builder.with_boundaries(boundaries.to_vec()).build(),
            None => builder.build(),
        }
    }

    fn record(bound: &Self::Bound, value: f64, attributes: &[KeyValue]) {
        bound.record(value, attributes);
    }
}

impl Prepare for HistogramKind {
    type Prepared = otel::BoundHistogram<f64>;

    fn prepare(bound: &Self::Bound, attributes: &[KeyValue]) -> Self::Prepared {
        bound.bind(attributes)
    }

    fn record_prepared(prepared: &Self::Prepared, value: f64) {
        prepared.record(value);
    }
}
