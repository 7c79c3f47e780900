//! What can be changed while the service runs: the three filters and the sampling; by code only the ratio of the latter.
//!
//! What is changed is in force when the call returns, for every layer of the telemetry. The cost of an event stays
//! what it is: callsites remember whether they are wanted, and are told anew when a filter changes.

mod reload;
mod sampler;
mod slot;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

pub(crate) use self::reload::Source;
use self::sampler::{NoShare, SAMPLER, Sampling};
use self::slot::Slot;
pub(crate) use self::watch::{Watched, watch};
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
    sampling: Sampling,
    /// By the key of the explanation; nothing where the setting is no more.
    changed: Mutex<Changed>,
}

type Changed = BTreeMap<&'static str, Option<(String, Origin)>>;

/// The key of a setting that can be changed, as the explanation has it.
pub(crate) const CONSOLE_FILTER: &str = "console.filter";
pub(crate) const LOGS_FILTER: &str = "logs.filter";
pub(crate) const TRACES_FILTER: &str = "traces.filter";

impl Control {
    pub(crate) fn new(config: &Config, sampling: Option<Chosen>) -> Self {
        Self {
            state: Arc::new(State {
                console: Slot::new(&config.console.filter),
                logs: Slot::new(&config.logs_filter),
                traces: Slot::new(&config.traces_filter),
                sampling: Sampling::new(config, sampling),
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
        // Locked first: of two changes at once the one that is shown is the one in force.
        let mut changed = self.state.changed();
        let leaf = SamplerConfig::Ratio(share);
        let (before, shown) = self.state.sampling.set_share(&leaf).map_err(|NoShare| {
            let text = "the sampler in force has no ratio that could be changed";
            Error::new(ErrorKind::Configuration, text)
        })?;
        changed.insert(SAMPLER, Some((shown, Origin::RunTime)));
        Ok(before)
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
        let mut now = Vec::with_capacity(effective.len());
        let shown = |key: &str, found: &Option<(String, Origin)>| {
            let (value, origin) = found.clone()?;
            Some(Effective {
                key: key.to_owned(),
                value,
                origin,
            })
        };
        for effective in effective {
            match changed.get(effective.key.as_str()) {
                Some(found) => now.extend(shown(&effective.key, found)),
                None => now.push(effective.clone()),
            }
        }
        // What the start knew nothing of comes last.
        for (key, found) in changed.iter() {
            if !effective.iter().any(|effective| effective.key == *key) {
                now.extend(shown(key, found));
            }
        }
        now
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
        changed.insert(key, Some((directives, origin)));
        tell_callsites();
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

impl State {
    fn changed(&self) -> MutexGuard<'_, Changed> {
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
