//! Settings and environment become a [`Config`].

use super::{Config, ConfigError, Environment, Settings};

pub(crate) fn resolve(settings: &Settings, env: &dyn Environment) -> Result<Config, ConfigError> {
    let _ = (settings, env);
    Err(ConfigError {
        setting: "resolve",
        problem: "not written yet".into(),
    })
}
