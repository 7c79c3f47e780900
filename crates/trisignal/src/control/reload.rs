//! The configuration file, read again when it has changed.
//!
//! What can change at run time does; what needs a restart is named; a file that can't be used changes nothing. Each is
//! one line.

use std::path::Path;
use std::sync::Arc;

use super::sampler::{DEBUG, RULES, SAMPLER};
use super::watch::Watched;
use super::{CONSOLE_FILTER, Control, LOGS_FILTER, TRACES_FILTER};
use crate::config::{Config, Effective, Origin};
use crate::error::Error;

/// Errors of a file that are named in one line.
const MOST_NAMED: usize = 8;

/// A configuration file and how to read it.
pub(crate) struct Source {
    pub(crate) file: Watched,
    pub(crate) load: Arc<dyn Fn() -> Result<Config, Error> + Send + Sync>,
    /// What was read of it at the start.
    pub(crate) config: Config,
}

/// What came of a file that was read again: keys of settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    changed: Vec<String>,
    needs_restart: Vec<String>,
}

/// Says that the file can't be used, and why.
pub(super) fn refused(path: &Path, error: &Error) {
    let file = path.display();
    let reason = reason(error);
    tracing::warn!(
        target: "trisignal", %file, reason,
        "the configuration file has changed and can't be used, the old one stays in force"
    );
}

/// All that is wrong on one line.
fn reason(error: &Error) -> String {
    let problems = error.file_problems();
    if problems.is_empty() {
        return error.to_string();
    }
    let named = problems.iter().take(MOST_NAMED).map(ToString::to_string);
    let mut reason = named.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = problems.len().checked_sub(MOST_NAMED) {
        reason.push_str(&format!("; and {more} more"));
    }
    reason
}

impl Control {
    /// Puts in force what `new` says differently than `last` did, as far as it can be.
    pub(super) fn reload(&self, new: &Config, last: &Config, started: &Config) -> Outcome {
        let mut outcome = Outcome::default();
        let filters = [
            (CONSOLE_FILTER, &new.console.filter, &last.console.filter),
            (LOGS_FILTER, &new.logs_filter, &last.logs_filter),
            (TRACES_FILTER, &new.traces_filter, &last.traces_filter),
        ];
        for (key, directives, before) in filters {
            let changed = || self.filter(key, directives, origin(new, key)).is_ok();
            if directives != before && changed() {
                outcome.changed.push(key.to_owned());
            }
        }
        if new.sampler != last.sampler {
            match self.resample(new) {
                true => outcome.changed.push(SAMPLER.to_owned()),
                false => outcome.needs_restart.push(SAMPLER.to_owned()),
            }
        }
        outcome.needs_restart.extend(fixed(new, started));
        outcome
    }

    /// Takes over the sampler of `new`, if that needs no restart.
    fn resample(&self, new: &Config) -> bool {
        let mut changed = self.state.changed();
        if !self.state.sampling.follow(new) {
            return false;
        }
        for key in [SAMPLER, RULES, DEBUG] {
            let found = new.effective.iter().find(|effective| effective.key == key);
            let shown = found.map(|found| (found.value.clone(), found.origin.clone()));
            changed.insert(key, shown);
        }
        true
    }
}

/// The keys of what is another value than at the start, and can't be changed before the next one.
fn fixed(new: &Config, started: &Config) -> Vec<String> {
    let at_run_time = [
        CONSOLE_FILTER,
        LOGS_FILTER,
        TRACES_FILTER,
        SAMPLER,
        RULES,
        DEBUG,
    ];
    // What is detected is what it was, and an ID that is made up anew is not meant to be another one.
    let detected = |effective: &&Effective| effective.origin == Origin::Detected;
    let value = |config: &Config, key: &str| {
        let found = config
            .effective
            .iter()
            .find(|effective| effective.key == key);
        found.map(|effective| effective.value.clone())
    };
    let both = new.effective.iter().chain(&started.effective);
    let mut keys: Vec<_> = both
        .filter(|effective| !detected(effective))
        .map(|effective| effective.key.as_str())
        .filter(|key| !at_run_time.contains(key) && value(new, key) != value(started, key))
        .map(str::to_owned)
        .collect();
    // Values that are not shown, such as those of headers, are compared without being shown.
    let signals = [
        ("traces", &new.traces, &started.traces),
        ("metrics", &new.metrics, &started.metrics),
        ("logs", &new.logs, &started.logs),
    ];
    for (name, new, started) in signals {
        let told = keys.iter().any(|key| key.starts_with(name));
        if new != started && !told {
            keys.push(name.to_owned());
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

fn origin(config: &Config, key: &str) -> Origin {
    let found = config
        .effective
        .iter()
        .find(|effective| effective.key == key);
    found.map_or(Origin::RunTime, |effective| effective.origin.clone())
}

impl Outcome {
    pub(super) fn say(&self, path: &Path, config: &Config) {
        let file = path.display();
        let (changed, restart) = (self.changed.join(", "), self.needs_restart.join(", "));
        for warning in &config.warnings {
            tracing::warn!(target: "trisignal", %warning, "a setting can't be used as it is");
        }
        if !changed.is_empty() {
            tracing::info!(target: "trisignal", %file, changed, "the configuration file has changed and is in force");
        }
        if !restart.is_empty() {
            tracing::warn!(
                target: "trisignal", %file, settings = restart,
                "the configuration file has changed, and some of it needs a restart"
            );
        }
        if self == &Self::default() {
            tracing::info!(target: "trisignal", %file, "the configuration file was read again and says the same");
        }
    }
}
