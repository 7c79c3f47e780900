//! The configuration as operators and programmers meet it: variables in, what is in force out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests may panic"
)]

mod bad_input;
mod choices;
mod documentation;
mod endpoints;
mod equivalents;
mod hostile;
mod lists;
mod precedence;
mod sampling;
mod table;
mod values;

use std::collections::BTreeMap;

use super::{Config, OtlpConfig, Settings, resolve};

/// Variables, headers or attributes with their values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// The configuration for these variables and no settings.
fn with(variables: Pairs<'_>) -> Config {
    resolved(&Settings::default(), variables)
}

fn resolved(settings: &Settings, variables: &[(&str, &str)]) -> Config {
    resolve(settings, &map(variables)).expect("no setting of this test is an error")
}

fn map(variables: Pairs<'_>) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Traces, metrics, logs, all of which must be exported.
fn targets(config: &Config) -> [&OtlpConfig; 3] {
    [&config.traces, &config.metrics, &config.logs]
        .map(|signal| signal.otlp().expect("the signal is exported"))
}

fn warnings(config: &Config) -> Vec<String> {
    config.warnings.iter().map(ToString::to_string).collect()
}
