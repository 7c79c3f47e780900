//! What can be changed while the service runs: the three filters and the sampling ratio.
//!
//! What is changed is in force when the call returns, for every layer of the telemetry. The cost of an event stays
//! what it is: callsites remember whether they are wanted, and are told anew when a filter changes.

mod reload;
mod slot;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

pub(crate) use self::reload::{Source, Watched, watch};
use self::slot::Slot;
use crate::config::{Config, Effective, Origin, filter_directives};
use crate::error::{Error, ErrorKind};
use crate::filter::Filter;
use crate::sampling::{Chosen, SamplerConfig};

/// Changes telemetry while it runs, without a restart; got from [`Telemetry::control`](crate::Telemetry::control).
///
/// Clones change the same telemetry, from any thread. What is set here holds until it is set again, also by a change
/// of the configuration file; [`explain`](crate::Telemetry::explain) shows it with the origin "run time".
///
/// ```
/// # let telemetry = trisignal::builder("checkout").environment(std::collections::HashMap::new()).build()?;
/// let control = telemetry.control();
/// let before = control.console_filter("info,checkout::payment=debug")?;
/// // Some minutes later.
/// control.console_filter(&before)?;
/// # Ok::<(), trisignal::Error>(())
/// ```
#[derive(Clone)]
pub struct Control {
    state: Arc<State>,
}

struct State {
    console: Slot,
    logs: Slot,
    traces: Slot,
    sampling: Option<Chosen>,
    /// As it was at the start.
    sampler: SamplerConfig,
    ratio: Mutex<Option<f64>>,
    /// By the key of the explanation.
    changed: Mutex<BTreeMap<&'static str, (String, Origin)>>,
}

/// The key of a setting that can be changed, as the explanation has it.
pub(crate) const CONSOLE_FILTER: &str = "console.filter";
pub(crate) const LOGS_FILTER: &str = "logs.filter";
pub(crate) const TRACES_FILTER: &str = "traces.filter";
pub(crate) const SAMPLER: &str = "traces.sampler";

impl Control {
    pub(crate) fn new(config: &Config, sampling: Option<Chosen>) -> Self {
        Self {
            state: Arc::new(State {
                console: Slot::new(&config.console.filter),
                logs: Slot::new(&config.logs_filter),
                traces: Slot::new(&config.traces_filter),
                ratio: Mutex::new(config.sampler.main_ratio()),
                sampler: named_sampler(config),
                sampling,
                changed: Mutex::default(),
            }),
        }
    }

    /// Which events the console shows from now on, in the syntax of `RUST_LOG`. Answers the directives until now.
    ///
    /// # Errors
    ///
    /// When a directive can't be read, which the text names. Nothing is changed then.
    pub fn console_filter(&self, directives: &str) -> Result<String, Error> {
        self.filter(CONSOLE_FILTER, directives, Origin::RunTime)
    }

    /// Which log records are exported from now on, in the syntax of `RUST_LOG`. Answers the directives until now.
    ///
    /// # Errors
    ///
    /// As for [`console_filter`](Self::console_filter).
    pub fn logs_filter(&self, directives: &str) -> Result<String, Error> {
        self.filter(LOGS_FILTER, directives, Origin::RunTime)
    }

    /// Which spans are recorded from now on, in the syntax of `RUST_LOG`. Answers the directives until now. Spans that
    /// are open stay what they are.
    ///
    /// # Errors
    ///
    /// As for [`console_filter`](Self::console_filter).
    pub fn traces_filter(&self, directives: &str) -> Result<String, Error> {
        self.filter(TRACES_FILTER, directives, Origin::RunTime)
    }

    /// The share of new traces that is recorded from now on, 0 to 1. Answers the share until now. Where the sampler
    /// was "always" or "never", it becomes one of a ratio, and so it stays; rules and what is asked of parents stay as
    /// they are.
    ///
    /// # Errors
    ///
    /// When the share is not from 0 to 1, or when the sampler has none: one of the code's own, one that Jaeger
    /// controls, one of a rate.
    pub fn sampling_ratio(&self, share: f64) -> Result<f64, Error> {
        if !(0.0..=1.0).contains(&share) {
            let text = format!("the sampling ratio {share} is not a number from 0 to 1");
            return Err(Error::new(ErrorKind::Configuration, text));
        }
        let leaf = SamplerConfig::Ratio(share);
        let shown = self.state.sampler.with_main_leaf(&leaf).to_string();
        self.sample(&leaf, shown, Origin::RunTime)
    }

    /// A filter of these directives for a layer, which follows their changes.
    pub(crate) fn console(&self) -> Filter {
        self.state.console.follow()
    }

    pub(crate) fn logs(&self) -> Filter {
        self.state.logs.follow()
    }

    pub(crate) fn traces(&self) -> Filter {
        self.state.traces.follow()
    }

    /// `effective` as it is now.
    pub(crate) fn in_force(&self, effective: &[Effective]) -> Vec<Effective> {
        let changed = self.state.changed();
        let now = |effective: &Effective| match changed.get(effective.key.as_str()) {
            Some((value, origin)) => Effective {
                key: effective.key.clone(),
                value: value.clone(),
                origin: origin.clone(),
            },
            None => effective.clone(),
        };
        effective.iter().map(now).collect()
    }

    fn filter(&self, key: &'static str, directives: &str, origin: Origin) -> Result<String, Error> {
        let refused = |bad: &str| {
            let text = format!("{key}: the directive \"{bad}\" can't be read");
            Error::new(ErrorKind::Configuration, text)
        };
        let directives = filter_directives(directives).map_err(|bad| refused(&bad))?;
        let filter = Filter::parse(&directives).map_err(|error| refused(&error.to_string()))?;
        let slot = match key {
            CONSOLE_FILTER => &self.state.console,
            LOGS_FILTER => &self.state.logs,
            _ => &self.state.traces,
        };
        // Locked until callsites know: of two changes at once one is the last for all of them.
        let mut changed = self.state.changed();
        let before = slot.set(&directives, &filter);
        changed.insert(key, (directives, origin));
        tell_callsites();
        Ok(before)
    }

    fn sample(&self, leaf: &SamplerConfig, shown: String, origin: Origin) -> Result<f64, Error> {
        let mut ratio = self
            .state
            .ratio
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let chosen = self.state.sampling.as_ref();
        let sampler = chosen.and_then(|chosen| chosen.built_in.as_ref());
        let is_set = sampler.is_some_and(|sampler| sampler.set_leaf(leaf));
        let (Some(before), true) = (*ratio, is_set) else {
            let text = "the sampler in force has no ratio that could be changed";
            return Err(Error::new(ErrorKind::Configuration, text));
        };
        *ratio = leaf.main_ratio();
        self.state.changed().insert(SAMPLER, (shown, origin));
        Ok(before)
    }
}

/// Has every callsite ask anew whether it is wanted.
fn tell_callsites() {
    // Where `tracing` knows of one dispatcher only, it asks that of the calling thread, which is none at all where the one
    // is a scope of another thread. Once there was a second one, it asks all that it knows.
    drop(Dispatch::new(NoSubscriber::new()));
    tracing::callsite::rebuild_interest_cache();
}

/// The sampler without what the explanation has under keys of its own.
fn named_sampler(config: &Config) -> SamplerConfig {
    let has = |key: &str| {
        config
            .effective
            .iter()
            .any(|effective| effective.key == key)
    };
    let mut sampler = &config.sampler;
    loop {
        sampler = match sampler {
            SamplerConfig::Debug(_, inner) if has("traces.debug_baggage") => inner,
            SamplerConfig::Rules(_, inner) if has("traces.sampling_rules") => inner,
            _ => return sampler.clone(),
        };
    }
}

impl State {
    fn changed(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, (String, Origin)>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("changed", &*self.state.changed())
            .finish_non_exhaustive()
    }
}
