//! The sampler in force: its share is changed in place, any other change exchanges the whole of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::sampling::{Chosen, SamplerConfig};

/// The keys of the explanation that speak of samplers.
pub(super) const SAMPLER: &str = "traces.sampler";
pub(super) const RULES: &str = "traces.sampling_rules";
pub(super) const DEBUG: &str = "traces.debug_baggage";

/// The sampler of the telemetry, and what it does now.
pub(super) struct Sampling {
    chosen: Option<Chosen>,
    /// As a configuration says it.
    now: Mutex<SamplerConfig>,
}

/// That the sampler in force has no share of its own.
pub(super) struct NoShare;

impl Sampling {
    pub(super) fn new(config: &Config, chosen: Option<Chosen>) -> Self {
        Self {
            chosen,
            now: Mutex::new(config.sampler.clone()),
        }
    }

    /// Another share where everything else has been asked. Answers the share until now, and the sampler as it is shown.
    pub(super) fn set_share(&self, leaf: &SamplerConfig) -> Result<(f64, String), NoShare> {
        let mut now = self.lock();
        let before = now.main_ratio().ok_or(NoShare)?;
        let chosen = self.chosen.as_ref();
        let sampler = chosen.and_then(|chosen| chosen.built_in.as_ref());
        if !sampler.is_some_and(|sampler| sampler.set_leaf(leaf)) {
            return Err(NoShare);
        }
        *now = now.with_main_leaf(leaf);
        // Without what the explanation has under keys of its own.
        let (_, _, named) = now.parts();
        Ok((before, named.to_string()))
    }

    /// Does as `new` says from now on. Says whether that can be done without a restart: not where somebody else
    /// controls a part of the one or the other sampler.
    pub(super) fn follow(&self, new: &Config) -> bool {
        let mut now = self.lock();
        let wanted = &new.sampler;
        if let Some(chosen) = &self.chosen {
            let Some(sampler) = &chosen.built_in else {
                return false;
            };
            let leaf = wanted.main_leaf();
            let leaf = leaf.filter(|leaf| now.with_main_leaf(leaf) == *wanted);
            match leaf {
                // What rates in it have counted goes on.
                Some(leaf) if sampler.set_leaf(leaf) => {}
                _ if now.has_remote() || wanted.has_remote() => return false,
                _ => sampler.replace(wanted),
            }
        }
        *now = wanted.clone();
        true
    }

    fn lock(&self) -> MutexGuard<'_, SamplerConfig> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
