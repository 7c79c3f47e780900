//! Binds instruments to the meter, whichever of the two comes first.
//!
//! An instrument enters the registry when it is first used. From then on exactly one of two binds it: the
//! installation, when the instrument was there before; or its first user, when the meter was. No lock is held while
//! an OpenTelemetry instrument is made, because that runs views, which are code of the user.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::pending::{Kept, Pending};

/// The registry of the process: the only global of metrics.
pub(super) static GLOBAL: Registry = Registry::new();

/// Binds all instruments of the process, those used already and those to come.
///
/// # Errors
///
/// When it was called before. Nothing has changed then.
pub(crate) fn install_meter(meter: Meter) -> Result<Replayed, AlreadyInstalled> {
    GLOBAL.install(meter)
}

/// What instruments had to say when they were bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub instruments: usize,
    /// Measurements before the installation that found no place.
    pub lost: u64,
}

/// What instruments hold.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub instruments: usize,
    /// Measurements, where those that were added up are one.
    pub entries: usize,
    pub lost: u64,
}

/// There is a meter already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlreadyInstalled;

impl fmt::Display for AlreadyInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the meter of the process is installed already")
    }
}

impl std::error::Error for AlreadyInstalled {}

/// Everything about an instrument but its measurements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub name: &'static str,
    pub unit: &'static str,
    pub description: &'static str,
    pub boundaries: Option<&'static [f64]>,
}

/// A kind of instrument: what it measures, how that is kept, and what it is bound to.
pub(super) trait Kind: Send + Sync + 'static {
    type Value: Copy + Send + 'static;
    type Bound: Send + Sync;
    const KEPT: Kept<Self::Value>;

    fn build(meter: &Meter, spec: &Spec) -> Self::Bound;
    fn record(bound: &Self::Bound, value: Self::Value, attributes: &[KeyValue]);
}

/// An instrument that can be made in a `const`.
pub(super) struct Instrument<K: Kind> {
    pub(super) spec: Spec,
    registry: &'static Registry,
    /// Made at first use, because a `const` can't allocate.
    state: OnceLock<Arc<State<K>>>,
}

impl<K: Kind> Instrument<K> {
    pub(super) const fn new(registry: &'static Registry, spec: Spec) -> Self {
        Self {
            spec,
            registry,
            state: OnceLock::new(),
        }
    }

    pub(super) fn record(&self, value: K::Value, attributes: &[KeyValue]) {
        match self.state.get() {
            Some(state) => state.record(value, attributes),
            None => self.touch().record(value, attributes),
        }
    }

    #[cold]
    fn touch(&self) -> &State<K> {
        let mut first = false;
        let state = self.state.get_or_init(|| {
            first = true;
            Arc::new(State {
                spec: self.spec,
                bound: OnceLock::new(),
                pending: Mutex::default(),
            })
        });
        // Outside of the initialisation: binding may run code that uses this very instrument.
        if first {
            self.registry.enter(Arc::clone(state) as Arc<dyn Bind>);
        }
        state
    }
}

/// Measurements, and where they go.
struct State<K: Kind> {
    spec: Spec,
    bound: OnceLock<K::Bound>,
    pending: Mutex<Pending<K::Value>>,
}

impl<K: Kind> State<K> {
    fn record(&self, value: K::Value, attributes: &[KeyValue]) {
        if let Some(bound) = self.bound.get() {
            return K::record(bound, value, attributes);
        }
        let mut pending = lock(&self.pending);
        // Again: it may have been bound while this thread waited for the lock.
        match self.bound.get() {
            Some(bound) => {
                drop(pending);
                K::record(bound, value, attributes);
            }
            None => pending.keep(&K::KEPT, value, attributes),
        }
    }
}

/// A [`State`] of any kind.
trait Bind: Send + Sync {
    /// Hands over what was kept, and answers how many measurements had found no place.
    fn bind(&self, meter: &Meter) -> u64;
    #[cfg(test)]
    fn held(&self) -> (usize, u64);
}

impl<K: Kind> Bind for State<K> {
    fn bind(&self, meter: &Meter) -> u64 {
        let instrument = K::build(meter, &self.spec);
        let mut pending = lock(&self.pending);
        // Replayed before anything newer gets through, so that the last value of a gauge is the last.
        pending.replay(|value, attributes| K::record(&instrument, value, attributes));
        let _ = self.bound.set(instrument);
        std::mem::take(&mut pending.lost)
    }

    #[cfg(test)]
    fn held(&self) -> (usize, u64) {
        let pending = lock(&self.pending);
        (pending.len(), pending.lost)
    }
}

/// Instruments that wait for a meter, or the meter.
pub(super) struct Registry(Mutex<Phase>);

enum Phase {
    Waiting(Vec<Arc<dyn Bind>>),
    Installed(Meter),
}

impl Registry {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Phase::Waiting(Vec::new())))
    }

    pub(super) fn install(&self, meter: Meter) -> Result<Replayed, AlreadyInstalled> {
        let waiting = match &mut *lock(&self.0) {
            Phase::Installed(_) => return Err(AlreadyInstalled),
            phase => match std::mem::replace(phase, Phase::Installed(meter.clone())) {
                Phase::Waiting(waiting) => waiting,
                Phase::Installed(_) => Vec::new(), // The outer match has excluded it.
            },
        };
        let lost = waiting
            .iter()
            .map(|instrument| instrument.bind(&meter))
            .fold(0, u64::saturating_add);
        Ok(Replayed {
            instruments: waiting.len(),
            lost,
        })
    }

    #[cfg(test)]
    pub(super) fn pending(&self) -> Held {
        let Phase::Waiting(waiting) = &*lock(&self.0) else {
            return Held::default();
        };
        waiting.iter().fold(
            Held {
                instruments: waiting.len(),
                ..Held::default()
            },
            |sum, instrument| {
                let (entries, lost) = instrument.held();
                Held {
                    entries: sum.entries + entries,
                    lost: sum.lost.saturating_add(lost),
                    ..sum
                }
            },
        )
    }

    /// Binds the instrument now if there is a meter, else when there is one.
    fn enter(&self, instrument: Arc<dyn Bind>) {
        let meter = match &mut *lock(&self.0) {
            Phase::Waiting(waiting) => return waiting.push(instrument),
            Phase::Installed(meter) => meter.clone(),
        };
        instrument.bind(&meter);
    }
}

/// Nothing of the user runs under these locks, and no state is left half-way: a poisoned one is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "instrument_tests.rs"]
mod tests;
