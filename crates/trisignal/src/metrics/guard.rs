//! The meters that are handed out: the SDK's, with what it does not do itself.
//!
//! Instruments offer what they measure as [exemplars](super::exemplar); counters and histograms are told
//! what [threads have kept](super::cells). And there is a wall around the callbacks of
//! observable instruments: a panic in one is counted, and the rest is collected. The SDK runs callbacks on the thread that collects, under its locks. A panic there would end the collection, and
//! with it all metrics of the process for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{
    AsyncInstrument, AsyncInstrumentBuilder, Callback, Counter, Gauge, Histogram, HistogramBuilder,
    InstrumentBuilder, InstrumentProvider, Meter, MeterProvider, ObservableCounter,
    ObservableGauge, ObservableUpDownCounter, UpDownCounter,
};
use opentelemetry_sdk::metrics::{InstrumentKind, SdkMeterProvider};

use super::DRAIN;
use super::cells::drains::Drains;
use super::cells::sums::Adder;
use super::cells::values::Keeper;
use super::exemplar::capture::{Capture, Captured};
use super::exemplar::{ExemplarFilter, Store, Stream};
use super::instruments::{CounterKind, UpDownCounterKind};
use super::keys::{Sieve, Sift as _, SiftedObserver};
use super::views::{Described, Views};

/// What is called for each panic, from the thread that collects.
type OnPanic = Arc<dyn Fn() + Send + Sync>;

/// Hands out the SDK's meters, with every callback guarded.
#[derive(Clone)]
pub(crate) struct GuardedMeterProvider {
    inner: SdkMeterProvider,
    on_panic: OnPanic,
    /// The same that the SDK has.
    views: Option<Views>,
    exemplars: Option<Arc<Store>>,
    drains: Arc<Drains>,
}

impl GuardedMeterProvider {
    /// `on_panic` must not panic itself.
    pub(crate) fn new(inner: SdkMeterProvider, on_panic: OnPanic) -> Self {
        let drains = Arc::<Drains>::default();
        let kept = Arc::clone(&drains);
        // The SDK runs the callbacks of observable instruments before it reads any aggregate. One that never observes
        // anything is never exported.
        let _ = inner
            .meter("trisignal")
            .u64_observable_counter(DRAIN)
            .with_callback(move |_| kept.drain())
            .build();
        Self {
            inner,
            on_panic,
            views: None,
            exemplars: None,
            drains,
        }
    }

    /// Has instruments do what `views` say and the SDK can't, and offer what they measure to `store`, as far as its filter may ever
    /// be open.
    pub(crate) fn with_exemplars(mut self, store: Arc<Store>, views: Views) -> Self {
        let may_open = store.filter() != ExemplarFilter::AlwaysOff;
        self.exemplars = may_open.then_some(store);
        self.views = Some(views);
        self
    }
}

impl GuardedMeterProvider {
    /// A meter for counters that have threads add up before they are told.
    pub(crate) fn meter_of_sums(&self, scope: InstrumentationScope) -> Meter {
        self.meter_that(scope, false)
    }

    fn meter_that(&self, scope: InstrumentationScope, adds: bool) -> Meter {
        let meter = self.inner.meter_with_scope(scope.clone());
        Meter::new(Arc::new(GuardedMeter {
            meter,
            scope,
            on_panic: Arc::clone(&self.on_panic),
            views: self.views.clone(),
            exemplars: self.exemplars.clone(),
            drains: Arc::clone(&self.drains),
            adds,
        }))
    }
}

impl MeterProvider for GuardedMeterProvider {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        self.meter_that(scope, true)
    }
}

struct GuardedMeter {
    meter: Meter,
    scope: InstrumentationScope,
    on_panic: OnPanic,
    views: Option<Views>,
    exemplars: Option<Arc<Store>>,
    drains: Arc<Drains>,
    /// Whether threads keep what is added to its counters.
    adds: bool,
}

impl GuardedMeter {
    /// Where the measurements of an instrument are offered; `None` where none of them is an exemplar ever.
    fn capture(
        &self,
        name: &str,
        unit: Option<&str>,
        kind: InstrumentKind,
        bounds: Option<&[f64]>,
    ) -> Option<Capture> {
        let store = self.exemplars.as_ref()?;
        let described = self.described(name, unit, kind);
        let plans = self.views.as_ref()?.plans(described, bounds).into_iter();
        let streams = plans.map(|plan| {
            let make = || Stream::new(plan.attributes, plan.shape, plan.limit);
            store.stream(&self.scope, &plan.name, make)
        });
        let streams: Vec<_> = streams.collect();
        (!streams.is_empty()).then(|| Capture::new(Arc::clone(store), streams))
    }

    /// What chooses the attributes of an instrument before the SDK does.
    fn sieve(&self, name: &str, unit: Option<&str>, kind: InstrumentKind) -> Option<Sieve> {
        self.views.as_ref()?.sieve(self.described(name, unit, kind))
    }

    fn described<'a>(
        &'a self,
        name: &'a str,
        unit: Option<&'a str>,
        kind: InstrumentKind,
    ) -> Described<'a> {
        Described {
            name,
            kind,
            unit: unit.unwrap_or_default(),
            scope: &self.scope,
        }
    }

    fn guard<M: 'static>(&self, callback: Callback<M>, sieve: Option<Sieve>) -> Callback<M> {
        let on_panic = Arc::clone(&self.on_panic);
        Box::new(move |observer: &dyn AsyncInstrument<M>| {
            let observe = || match &sieve {
                Some(sieve) => callback(&SiftedObserver {
                    inner: observer,
                    sieve,
                }),
                None => callback(observer),
            };
            if !survives(observe) {
                on_panic();
            }
        })
    }
}

/// Runs code of the user; false when it panicked.
fn survives(run: impl FnOnce()) -> bool {
    let Err(payload) = catch_unwind(AssertUnwindSafe(run)) else {
        return true;
    };
    // The payload is the user's too, and its destructor may panic in turn; where it does, that one is leaked.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    false
}

/// Instruments without callbacks are made by the SDK's meter, and wrapped: where exemplars are made, and those of a kind
/// whose additions threads keep.
macro_rules! delegate {
    ($($method:ident: $instrument:ident of $value:ty $(as $kind:ident)?;)*) => {
        $(fn $method(&self, asked: InstrumentBuilder<'_, $instrument<$value>>) -> $instrument<$value> {
            let kind = InstrumentKind::$instrument;
            let capture = self.capture(&asked.name, asked.unit.as_deref(), kind, None);
            let sieve = self.sieve(&asked.name, asked.unit.as_deref(), kind);
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            let inner = builder.build().sift(sieve);
            $(if self.adds {
                return $instrument::new(Arc::new(Adder::<$kind>::new(inner, capture, &self.drains)));
            })?
            match capture {
                Some(capture) => $instrument::new(Arc::new(Captured { inner, capture })),
                None => inner,
            }
        })*
    };
}

/// Histograms are wrapped: threads keep what they measure.
macro_rules! delegate_histograms {
    ($($method:ident: $value:ty;)*) => {
        $(fn $method(&self, asked: HistogramBuilder<'_, Histogram<$value>>) -> Histogram<$value> {
            let (kind, bounds) = (InstrumentKind::Histogram, asked.boundaries.as_deref());
            let capture = self.capture(&asked.name, asked.unit.as_deref(), kind, bounds);
            let sieve = self.sieve(&asked.name, asked.unit.as_deref(), kind);
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            builder.boundaries = asked.boundaries;
            Histogram::new(Arc::new(Keeper::new(builder.build().sift(sieve), capture, &self.drains)))
        })*
    };
}

macro_rules! guarded {
    ($($method:ident: $instrument:ident of $value:ty;)*) => {
        $(fn $method(&self, asked: AsyncInstrumentBuilder<'_, $instrument<$value>, $value>) -> $instrument<$value> {
            let sieve = self.sieve(&asked.name, asked.unit.as_deref(), InstrumentKind::$instrument);
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            builder.callbacks = asked.callbacks.into_iter().map(|callback| self.guard(callback, sieve.clone())).collect();
            builder.build()
        })*
    };
}

/// All methods of the trait: one that is missing here would make instruments without effect.
impl InstrumentProvider for GuardedMeter {
    delegate! {
        u64_counter: Counter of u64 as CounterKind;
        i64_up_down_counter: UpDownCounter of i64 as UpDownCounterKind;
        f64_counter: Counter of f64;
        f64_up_down_counter: UpDownCounter of f64;
        u64_gauge: Gauge of u64;
        i64_gauge: Gauge of i64;
        f64_gauge: Gauge of f64;
    }

    delegate_histograms! {
        f64_histogram: f64;
        u64_histogram: u64;
    }

    guarded! {
        u64_observable_counter: ObservableCounter of u64;
        f64_observable_counter: ObservableCounter of f64;
        i64_observable_up_down_counter: ObservableUpDownCounter of i64;
        f64_observable_up_down_counter: ObservableUpDownCounter of f64;
        u64_observable_gauge: ObservableGauge of u64;
        i64_observable_gauge: ObservableGauge of i64;
        f64_observable_gauge: ObservableGauge of f64;
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
