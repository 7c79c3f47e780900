//! A wall around the callbacks of observable instruments: a panic in one is counted, and the rest is collected.
//!
//! The SDK runs callbacks on the thread that collects, under its locks. A panic there would end the collection, and
//! with it all metrics of the process for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{
    AsyncInstrument, AsyncInstrumentBuilder, Callback, Counter, Gauge, Histogram, HistogramBuilder,
    InstrumentBuilder, InstrumentProvider, Meter, MeterProvider, ObservableCounter,
    ObservableGauge, ObservableUpDownCounter, UpDownCounter,
};
use opentelemetry_sdk::metrics::SdkMeterProvider;

/// What is called for each panic, from the thread that collects.
type OnPanic = Arc<dyn Fn() + Send + Sync>;

/// Hands out the SDK's meters, with every callback guarded.
#[derive(Clone)]
pub(crate) struct GuardedMeterProvider {
    inner: SdkMeterProvider,
    on_panic: OnPanic,
}

impl GuardedMeterProvider {
    /// `on_panic` must not panic itself.
    pub(crate) fn new(inner: SdkMeterProvider, on_panic: OnPanic) -> Self {
        Self { inner, on_panic }
    }
}

impl MeterProvider for GuardedMeterProvider {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let meter = self.inner.meter_with_scope(scope);
        Meter::new(Arc::new(GuardedMeter {
            meter,
            on_panic: Arc::clone(&self.on_panic),
        }))
    }
}

struct GuardedMeter {
    meter: Meter,
    on_panic: OnPanic,
}

impl GuardedMeter {
    fn guard<M: 'static>(&self, callback: Callback<M>) -> Callback<M> {
        let on_panic = Arc::clone(&self.on_panic);
        Box::new(move |observer: &dyn AsyncInstrument<M>| {
            if !survives(|| callback(observer)) {
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

/// Instruments without callbacks are made by the SDK's meter as they are.
macro_rules! delegate {
    ($($method:ident: $instrument:ty;)*) => {
        $(fn $method(&self, asked: InstrumentBuilder<'_, $instrument>) -> $instrument {
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            builder.build()
        })*
    };
}

macro_rules! delegate_histograms {
    ($($method:ident: $instrument:ty;)*) => {
        $(fn $method(&self, asked: HistogramBuilder<'_, $instrument>) -> $instrument {
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            builder.boundaries = asked.boundaries;
            builder.build()
        })*
    };
}

macro_rules! guarded {
    ($($method:ident: $instrument:ty, $value:ty;)*) => {
        $(fn $method(&self, asked: AsyncInstrumentBuilder<'_, $instrument, $value>) -> $instrument {
            let mut builder = self.meter.$method(asked.name);
            builder.description = asked.description;
            builder.unit = asked.unit;
            builder.callbacks = asked.callbacks.into_iter().map(|callback| self.guard(callback)).collect();
            builder.build()
        })*
    };
}

/// All methods of the trait: one that is missing here would make instruments without effect.
impl InstrumentProvider for GuardedMeter {
    delegate! {
        u64_counter: Counter<u64>;
        f64_counter: Counter<f64>;
        i64_up_down_counter: UpDownCounter<i64>;
        f64_up_down_counter: UpDownCounter<f64>;
        u64_gauge: Gauge<u64>;
        i64_gauge: Gauge<i64>;
        f64_gauge: Gauge<f64>;
    }

    delegate_histograms! {
        f64_histogram: Histogram<f64>;
        u64_histogram: Histogram<u64>;
    }

    guarded! {
        u64_observable_counter: ObservableCounter<u64>, u64;
        f64_observable_counter: ObservableCounter<f64>, f64;
        i64_observable_up_down_counter: ObservableUpDownCounter<i64>, i64;
        f64_observable_up_down_counter: ObservableUpDownCounter<f64>, f64;
        u64_observable_gauge: ObservableGauge<u64>, u64;
        i64_observable_gauge: ObservableGauge<i64>, i64;
        f64_observable_gauge: ObservableGauge<f64>, f64;
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
