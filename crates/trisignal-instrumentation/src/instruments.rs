//! The instruments of this crate, and the seam to whoever provides them.
//!
//! An instrument made from the global meter before a provider is installed stays a no-op for ever.
//! Here the provider is looked at on each use (one read lock and one pointer comparison) and the
//! instruments are made anew when it is another one, so a layer or a static that is older than the
//! set-up of telemetry works as soon as that is done.
//!
//! # Bound instruments
//!
//! A layer measures most exchanges with attributes that it has measured before, and an instrument that is
//! bound to them need not look at them. But binding is experimental in OpenTelemetry's API: where a
//! provider doesn't know of it, a bound instrument measures nothing. So it is done only with those of a
//! provider that [`set_binding`] names.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};

/// The boundaries that the conventions ask for, in seconds.
const BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The instrumentation scope of everything this crate measures.
pub(crate) const SCOPE: &str = "trisignal-instrumentation";

type Provider = Arc<dyn MeterProvider + Send + Sync>;

/// The provider whose instruments can be bound.
static BINDING: RwLock<Option<Weak<dyn MeterProvider + Send + Sync>>> = RwLock::new(None);

/// Says that bound instruments of `provider` measure the same as others. It should be the global one.
/// The last call of a process counts.
///
/// `trisignal` says so of its own when it is installed. Without it everything is measured as well, and
/// takes longer.
pub fn set_binding(provider: &Arc<dyn MeterProvider + Send + Sync>) {
    let mut binding = BINDING.write().unwrap_or_else(PoisonError::into_inner);
    *binding = Some(Arc::downgrade(provider));
}

fn can_bind(provider: &Provider) -> bool {
    let binding = BINDING.read().unwrap_or_else(PoisonError::into_inner);
    let is_it = |binding: &Weak<_>| std::ptr::addr_eq(binding.as_ptr(), Arc::as_ptr(provider));
    binding.as_ref().is_some_and(is_it)
}

/// A set of instruments, made by `make` for the provider in force.
pub(crate) struct Rebinding<T> {
    make: fn(&Source<'_>) -> T,
    bound: RwLock<Option<Bound<T>>>,
}

struct Bound<T> {
    /// Kept alive so that its address stays its identity.
    provider: Provider,
    instruments: Arc<T>,
}

/// Where instruments come from.
pub(crate) struct Source<'a> {
    pub(crate) meter: &'a Meter,
    /// Whether they measure when they are bound.
    pub(crate) can_bind: bool,
}

/// A meter of which nothing else is known.
impl<'a> From<&'a Meter> for Source<'a> {
    fn from(meter: &'a Meter) -> Self {
        Self {
            meter,
            can_bind: false,
        }
    }
}

impl<T> Rebinding<T> {
    /// Makes nothing yet.
    pub(crate) const fn new(make: fn(&Source<'_>) -> T) -> Self {
        Self {
            make,
            bound: RwLock::new(None),
        }
    }

    /// The instruments of the provider in force.
    pub(crate) fn get(&self) -> Arc<T> {
        let provider = global::meter_provider();
        if let Some(bound) = &*self.bound.read().unwrap_or_else(PoisonError::into_inner)
            && Arc::ptr_eq(&bound.provider, &provider)
        {
            return Arc::clone(&bound.instruments);
        }
        // Made outside the lock: a provider is foreign code. Two threads may both do it, and both
        // results are good.
        let source = Source {
            meter: &provider.meter(SCOPE),
            can_bind: can_bind(&provider),
        };
        let instruments = Arc::new((self.make)(&source));
        let bound = Bound {
            provider,
            instruments: Arc::clone(&instruments),
        };
        let previous = self
            .bound
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(bound);
        // The last owner of a provider shuts it down, which is not to happen under our lock.
        drop(previous);
        instruments
    }
}

/// Counts propagation headers that were not taken, or not sent, as a whole.
pub(crate) static PROPAGATION_REJECTED: Rebinding<Counter<u64>> =
    Rebinding::new(propagation_rejected);

/// The counter of ill-formed correlation IDs. It never has the ID as an attribute.
pub(crate) fn correlation_rejected(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("trisignal.correlation.rejected")
        .with_unit("{id}")
        .with_description("Inbound correlation IDs that were not well-formed and were replaced")
        .build()
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

fn propagation_rejected(source: &Source<'_>) -> Counter<u64> {
    source
        .meter
        .u64_counter("trisignal.propagation.rejected")
        .with_unit("{header}")
        .with_description("Trace context and baggage headers that were ill-formed or over a limit")
        .build()
}
