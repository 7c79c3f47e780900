//! What the fuzzer runs: everything that an operator writes, with all that is told about it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{Config, Environment, Settings};

/// Gives every variable that is asked for the same value.
struct Everywhere(OsString);

impl Environment for Everywhere {
    fn var(&self, _: &str) -> Option<OsString> {
        Some(self.0.clone())
    }
}

/// Loads `text` as a configuration file; `variable` is the value of the variable `V`.
///
/// # Panics
///
/// When something is wrong with the loader.
pub fn file(text: &str, variable: &str) {
    let variables = BTreeMap::from([("V".to_owned(), variable.to_owned())]);
    match super::file::from_text("fuzz.yaml", text, &Settings::default(), &variables) {
        Ok(config) => shown(&config),
        Err(error) => assert!(!error.file_problems().is_empty(), "{error}"),
    }
}

/// Resolves a configuration in whose environment every variable is `value`.
///
/// # Panics
///
/// When something is wrong with the parsers.
pub fn variables(value: OsString) {
    let config = super::resolve(&Settings::default(), &Everywhere(value));
    shown(&config.expect("an operator's mistakes are no errors"));
}

/// Each line that is told stays one.
fn shown(config: &Config) {
    for line in config.warnings.iter().map(ToString::to_string) {
        assert!(!line.contains(['\n', '\u{1b}']), "{line:?}");
    }
    let _ = (config.explain(), format!("{config:?}"));
}
