//! How values in force look in the explanation of a configuration.

use std::fmt;
use std::time::Duration;

use trisignal_instrumentation::propagation::Format;

#[cfg(any(test, fuzzing))]
use super::Config;
use super::redact::{plain_for_people, value_for_people};
use super::{ConsoleFormat, Effective, Exporter, Origin};
use crate::metrics::OwnMetrics;

#[cfg(any(test, fuzzing))]
impl Config {
    /// Each value in force with its origin, one per line, without secrets.
    pub(crate) fn explain(&self) -> String {
        super::Configuration::new(self.effective.clone()).explain()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.value, self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Detected => "detected",
            Self::Environment(variable) => variable,
            Self::File { path, line } => return write!(f, "{path}:{line}"),
            Self::Code => "code",
            Self::RunTime => "run time",
        })
    }
}

pub(super) fn display<T: fmt::Display>(value: &T) -> String {
    value_for_people(&value.to_string())
}

pub(super) fn switch(is_on: &bool) -> String {
    if *is_on { "on" } else { "off" }.to_owned()
}

/// As it is, where it is made of paths and levels: a module may be called like a secret.
#[expect(
    clippy::ptr_arg,
    reason = "one of the functions that show what a variable holds"
)]
pub(super) fn filter(value: &String) -> String {
    let in_paths = |c: char| c.is_ascii_alphanumeric() || "_-:=,.".contains(c);
    match value.chars().all(in_paths) {
        true => plain_for_people(value),
        false => value_for_people(value),
    }
}

pub(super) fn duration(value: &Duration) -> String {
    format!("{} ms", value.as_millis())
}

pub(super) fn timeout(value: &Option<Duration>) -> String {
    value
        .as_ref()
        .map_or_else(|| "no limit".to_owned(), duration)
}

#[expect(
    clippy::ptr_arg,
    reason = "one of the functions that show what a variable holds"
)]
pub(super) fn exporters(value: &Vec<Exporter>) -> String {
    let names: Vec<_> = value.iter().map(ToString::to_string).collect();
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn console(value: &ConsoleFormat) -> String {
    format!("{value:?}").to_ascii_lowercase()
}

#[expect(
    clippy::ptr_arg,
    reason = "one of the functions that show what a variable holds"
)]
pub(super) fn propagators(value: &Vec<Format>) -> String {
    let names: Vec<_> = value.iter().map(|format| format.name()).collect();
    list(&names)
}

#[expect(
    clippy::ptr_arg,
    reason = "one of the functions that show what a variable holds"
)]
pub(super) fn own_metrics(value: &Vec<OwnMetrics>) -> String {
    let names: Vec<_> = value.iter().map(|group| group.as_str()).collect();
    list(&names)
}

/// Names without values, which are secrets.
pub(super) fn headers(headers: &http::HeaderMap) -> String {
    let shown: Vec<String> = headers.keys().map(|name| format!("{name}=***")).collect();
    if shown.is_empty() {
        return "none".to_owned();
    }
    value_for_people(&shown.join(","))
}

/// Names next to each other, or that there is none.
pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(",")
    }
}
