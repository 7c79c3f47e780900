//! Binds instruments to the meter, whichever of the two comes first.
//!
//! An instrument enters the registry when it is first used. From then on exactly one of two binds it: the
//! installation, when the instrument was there before; or its first user, when the meter was. No lock is held while
//! an OpenTelemetry instrument is made, because that runs views, which are code of the user.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::cells::sums::{self, Step, Sum, Sums};
use super::pending::{Kept, Pending};

/// The name of the instrument that hands over what threads keep: without it they would keep it for ever.
pub(crate) const DRAIN: &str = "trisignal.sums";

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

    /// The value as a step of a sum that threads may keep for themselves; `None` where it goes to the instrument.
    fn step(_: Self::Value) -> Option<Step> {
        None
    }

    /// A sum of steps as a value; only called with what [`Self::step`] made.
    fn sum(_: i64) -> Option<Self::Value> {
        None
    }
}

/// A kind whose instruments make handles that find the series without looking at the attributes.
pub(super) trait Prepare: Kind {
    type Prepared: Send + Sync;

    fn prepare(bound: &Self::Bound, attributes: &[KeyValue]) -> Self::Prepared;
    fn record_prepared(prepared: &Self::Prepared, value: Self::Value);
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

    /// A handle for these attributes.
    pub(super) fn bind(&self, attributes: &[KeyValue]) -> Handle<K> {
        let state = self.state.get().unwrap_or_else(|| self.touch());
        Handle {
            state: Arc::clone(state),
            sum: state.sums.own(attributes),
        }
    }

    /// As [`Instrument::bind`], for kinds whose instruments do it themselves.
    pub(super) fn prepare(&self, attributes: &[KeyValue]) -> Prepared<K>
    where
        K: Prepare,
    {
        let state = self.state.get().unwrap_or_else(|| self.touch());
        Prepared(Arc::new(Target {
            state: Arc::clone(state),
            attributes: attributes.into(),
            prepared: OnceLock::new(),
        }))
    }

    /// How many sums threads keep for it.
    #[cfg(test)]
    pub(super) fn kept_sums(&self) -> usize {
        self.state.get().map_or(0, |state| state.sums.count())
    }

    #[cold]
    fn touch(&self) -> &Arc<State<K>> {
        let mut first = false;
        let state = self.state.get_or_init(|| {
            first = true;
            Arc::new(State {
                spec: self.spec,
                bound: OnceLock::new(),
                pending: Mutex::default(),
                sums: Sums::new(),
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
    sums: Sums,
}

/// A sum of one instrument for attributes that do not change.
pub(super) struct Handle<K: Kind> {
    state: Arc<State<K>>,
    sum: Arc<Sum>,
}

impl<K: Kind> Clone for Handle<K> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            sum: Arc::clone(&self.sum),
        }
    }
}

impl<K: Kind> Handle<K> {
    pub(super) fn record(&self, value: K::Value) {
        let added = K::step(value).is_some_and(|step| self.sum.add(step));
        if !added {
            self.state.tell(value, self.sum.attributes());
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.state.spec.name
    }
}

/// An instrument with attributes that do not change.
pub(super) struct Prepared<K: Prepare>(Arc<Target<K>>);

struct Target<K: Prepare> {
    state: Arc<State<K>>,
    attributes: Box<[KeyValue]>,
    /// From the first use on at which there is a meter.
    prepared: OnceLock<K::Prepared>,
}

impl<K: Prepare> Clone for Prepared<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Prepare> Prepared<K> {
    pub(super) fn record(&self, value: K::Value) {
        match self.0.prepared.get() {
            Some(prepared) => K::record_prepared(prepared, value),
            None => self.0.record_first(value),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.state.spec.name
    }
}

impl<K: Prepare> Target<K> {
    #[cold]
    fn record_first(&self, value: K::Value) {
        match self.state.bound.get() {
            Some(bound) => {
                let prepare = || K::prepare(bound, &self.attributes);
                K::record_prepared(self.prepared.get_or_init(prepare), value);
            }
            None => self.state.tell(value, &self.attributes),
        }
    }
}

impl<K: Kind> State<K> {
    fn record(&self, value: K::Value, attributes: &[KeyValue]) {
        // Not before there is a meter: what comes earlier has a place and an order of its own.
        let added = self.bound.get().is_some()
            && K::step(value).is_some_and(|step| self.sums.add(step, attributes));
        if !added {
            self.tell(value, attributes);
        }
    }

    /// Tells the instrument, or keeps the value until there is one.
    fn tell(&self, value: K::Value, attributes: &[KeyValue]) {
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
    /// Hands over what threads have added up.
    fn drain(&self);
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

    fn drain(&self) {
        if let Some(bound) = self.bound.get() {
            self.sums.drain(|sum, attributes| {
                if let Some(value) = K::sum(sum) {
                    K::record(bound, value, attributes);
                }
            });
        }
    }

    #[cfg(test)]
    fn held(&self) -> (usize, u64) {
        let pending = lock(&self.pending);
        (pending.len(), pending.lost)
    }
}

/// All instruments that were used, and the meter once there is one.
pub(super) struct Registry(Mutex<Entries>);

struct Entries {
    instruments: Vec<Arc<dyn Bind>>,
    meter: Option<Meter>,
}

impl Registry {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Entries {
            instruments: Vec::new(),
            meter: None,
        }))
    }

    pub(super) fn install(&'static self, meter: Meter) -> Result<Replayed, AlreadyInstalled> {
        let waiting = {
            let mut entries = lock(&self.0);
            if entries.meter.is_some() {
                return Err(AlreadyInstalled);
            }
            entries.meter = Some(meter.clone());
            entries.instruments.clone()
        };
        self.drain_before_collections(&meter);
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
        let entries = lock(&self.0);
        if entries.meter.is_some() {
            return Held::default();
        }
        entries.instruments.iter().fold(
            Held {
                instruments: entries.instruments.len(),
                ..Held::default()
            },
            |held, instrument| {
                let (kept, lost) = instrument.held();
                Held {
                    entries: held.entries + kept,
                    lost: held.lost + lost,
                    ..held
                }
            },
        )
    }

    /// The SDK runs the callbacks of observable instruments before it reads any sum. One that never observes anything is
    /// never exported.
    fn drain_before_collections(&'static self, meter: &Meter) {
        let drain = move |_: &dyn AsyncInstrument<u64>| {
            let instruments = lock(&self.0).instruments.clone();
            sums::begin_collection();
            instruments.iter().for_each(|instrument| instrument.drain());
        };
        let _ = meter
            .u64_observable_counter(DRAIN)
            .with_callback(drain)
            .build();
    }

    /// Binds the instrument now if there is a meter, else when there is one.
    fn enter(&self, instrument: Arc<dyn Bind>) {
        let meter = {
            let mut entries = lock(&self.0);
            entries.instruments.push(Arc::clone(&instrument));
            entries.meter.clone()
        };
        if let Some(meter) = meter {
            instrument.bind(&meter);
        }
    }
}

/// Nothing of the user runs under these locks, and no state is left half-way: a poisoned one is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "instrument_tests.rs"]
mod tests;
