//! The configuration file, read again when it changes.
//!
//! The file is looked at each second, on the pipeline's own runtime. When it has changed and then stood still for a
//! second, it is read. What can change at run time does; what needs a restart is named; a file that can't be used
//! changes nothing. Each is one line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{CONSOLE_FILTER, Control, LOGS_FILTER, SAMPLER, TRACES_FILTER};
use crate::config::{Config, Origin};
use crate::error::Error;
use crate::pipeline::{Phase, Shared};

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// A configuration file as it was before it was read.
pub(crate) struct Watched {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// A configuration file and how to read it.
pub(crate) struct Source {
    pub(crate) file: Watched,
    pub(crate) load: Arc<dyn Fn() -> Result<Config, Error> + Send + Sync>,
    /// What was read of it at the start.
    pub(crate) config: Config,
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    /// A file that took the place of another may be as old and as long.
    #[cfg(unix)]
    inode: u64,
}

/// What came of a file that was read again: keys of settings.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    changed: Vec<String>,
    needs_restart: Vec<String>,
}

/// Follows the file until the pipeline drains.
pub(crate) async fn watch(source: Source, control: Control, shared: Arc<Shared>) {
    let Source { file, load, config } = source;
    let Watched {
        path,
        stamp: mut known,
    } = file;
    let started = Arc::new(config);
    let mut last = Arc::clone(&started);
    let mut phase = shared.phase();
    let mut seen = known.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
        }
        let now = stamp(&path);
        // Somebody may be writing it: wait until it stands still.
        let still = std::mem::replace(&mut seen, now.clone()) == now;
        if !still || now == known {
            continue;
        }
        known = now;
        let read = Arc::clone(&load);
        // Not on the thread that sends: a file may be long.
        let Ok(read) = tokio::task::spawn_blocking(move || read()).await else {
            continue;
        };
        match read {
            Ok(config) => {
                let config = Arc::new(config);
                control.reload(&config, &last, &started).say(&path, &config);
                last = config;
            }
            Err(error) => {
                let (file, reason) = (path.display(), error.to_string());
                tracing::warn!(
                    target: "trisignal", %file, reason,
                    "the configuration file has changed and can't be used, the old one stays in force"
                );
            }
        }
    }
}

impl Watched {
    /// To be called before the file is read, so that no change after that goes unseen.
    pub(crate) fn new(path: PathBuf) -> Self {
        let stamp = stamp(&path);
        Self { path, stamp }
    }
}

/// Not there is a state as well.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        size: metadata.len(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    })
}

impl Control {
    /// Puts in force what `new` says differently than `last` did, as far as it can be.
    fn reload(&self, new: &Config, last: &Config, started: &Config) -> Outcome {
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
            if self.resample(new, last) {
                outcome.changed.push(SAMPLER.to_owned());
            } else {
                outcome.needs_restart.push(SAMPLER.to_owned());
            }
        }
        outcome.needs_restart.extend(fixed(new, started));
        outcome
    }

    /// Takes the sampler of `new` over where it differs from `last` in its ratio only.
    fn resample(&self, new: &Config, last: &Config) -> bool {
        let (Some(leaf), Some(_)) = (new.sampler.main_leaf(), last.sampler.main_leaf()) else {
            return false;
        };
        // What may differ made equal.
        let same = last.sampler.with_main_leaf(leaf) == new.sampler;
        same && self
            .sample(
                leaf,
                super::named_sampler(new).to_string(),
                origin(new, SAMPLER),
            )
            .is_ok()
    }
}

/// The keys of what is another value than at the start, and can't be changed before the next one.
fn fixed(new: &Config, started: &Config) -> Vec<String> {
    let at_run_time = [CONSOLE_FILTER, LOGS_FILTER, TRACES_FILTER, SAMPLER];
    let value = |config: &Config, key: &str| {
        let found = config
            .effective
            .iter()
            .find(|effective| effective.key == key);
        found.map(|effective| effective.value.clone())
    };
    let both = new.effective.iter().chain(&started.effective);
    let mut keys: Vec<_> = both
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
    fn say(&self, path: &Path, config: &Config) {
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
