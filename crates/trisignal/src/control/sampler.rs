//! The sampler in force: its share is changed in place, any other change exchanges the whole of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{Config, Effective};
use crate::sampling::{Chosen, SamplerConfig};

/// The keys of the explanation that speak of samplers.
pub(super) const SAMPLER: &str = "traces.sampler";
pub(super) const RULES: &str = "traces.sampling_rules";
pub(super) const DEBUG: &str = "traces.debug_baggage";

/// The sampler of the telemetry, and what it does now.
pub(super) struct Sampling {
    chosen: Option<Chosen>,
    now: Mutex<Described>,
}

/// A sampler as a configuration says it.
#[derive(Clone, PartialEq)]
struct Described {
    sampler: SamplerConfig,
    /// Whether the explanation has its rules, and the requests that are debugged, under keys of their own.
    rules_apart: bool,
    debug_apart: bool,
}

/// That the sampler in force has no share of its own.
pub(super) struct NoShare;

impl Sampling {
    pub(super) fn new(config: &Config, chosen: Option<Chosen>) -> Self {
        Self {
            chosen,
            now: Mutex::new(Described::by(config)),
        }
    }

    /// Another share where everything else has been asked. Answers the share until now, and the sampler as it is shown.
    pub(super) fn set_share(&self, leaf: &SamplerConfig) -> Result<(f64, String), NoShare> {
        let mut now = self.lock();
        let before = now.sampler.main_ratio().ok_or(NoShare)?;
        let chosen = self.chosen.as_ref();
        let sampler = chosen.and_then(|chosen| chosen.built_in.as_ref());
        if !sampler.is_some_and(|sampler| sampler.set_leaf(leaf)) {
            return Err(NoShare);
        }
        now.sampler = now.sampler.with_main_leaf(leaf);
        Ok((before, now.shown()))
    }

    /// Does as `new` says from now on. Says whether that can be done without a restart: not where somebody else
    /// controls a part of the one or the other sampler.
    pub(super) fn follow(&self, new: &Config) -> bool {
        let mut now = self.lock();
        let wanted = Described::by(new);
        if let Some(chosen) = &self.chosen {
            let Some(sampler) = &chosen.built_in else {
                return false;
            };
            let leaf = wanted.sampler.main_leaf();
            let leaf = leaf.filter(|leaf| now.sampler.with_main_leaf(leaf) == wanted.sampler);
            match leaf {
                // What rates in it have counted goes on.
                Some(leaf) if sampler.set_leaf(leaf) => {}
                _ if now.sampler.has_remote() || wanted.sampler.has_remote() => return false,
                _ => sampler.replace(&wanted.sampler),
            }
        }
        *now = wanted;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Described> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Described {
    fn by(config: &Config) -> Self {
        let has = |key: &str| {
            let same = |effective: &Effective| effective.key == key;
            config.effective.iter().any(same)
        };
        Self {
            sampler: config.sampler.clone(),
            rules_apart: has(RULES),
            debug_apart: has(DEBUG),
        }
    }

    /// Without what has a key of its own.
    fn shown(&self) -> String {
        let mut sampler = &self.sampler;
        loop {
            sampler = match sampler {
                SamplerConfig::Debug(_, inner) if self.debug_apart => inner,
                SamplerConfig::Rules(_, inner) if self.rules_apart => inner,
                _ => return sampler.to_string(),
            };
        }
    }
}
