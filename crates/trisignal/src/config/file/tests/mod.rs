//! The file as operators meet it: YAML in, a configuration or all of its errors out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

mod documentation;
mod each_key;
mod errors;
mod generated;
mod hostile;
mod mutations;
mod providers;
mod sink;
mod substitution;

use std::collections::BTreeMap;

use super::{Problems, from_text, parse};
use crate::config::{Config, Settings};

/// Variables with their values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn map(variables: Pairs<'_>) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The configuration of a text, or its errors.
fn load(text: &str, variables: Pairs<'_>) -> Result<Config, Vec<String>> {
    load_with(&Settings::default(), text, variables)
}

fn load_with(settings: &Settings, text: &str, variables: Pairs<'_>) -> Result<Config, Vec<String>> {
    from_text("telemetry.yaml", text, settings, &map(variables)).map_err(|error| {
        let problems = error.file_problems();
        assert!(!problems.is_empty(), "{error}");
        problems.iter().map(ToString::to_string).collect()
    })
}

/// The errors of a text, which must have some.
fn errors(text: &str) -> Vec<String> {
    match load(text, &[]) {
        Ok(_) => panic!("no error in\n{text}"),
        Err(errors) => errors,
    }
}

fn warnings(config: &Config) -> Vec<String> {
    config.warnings.iter().map(ToString::to_string).collect()
}
