//! The environment behind a trait: nothing here reads the process but [`ProcessEnvironment`].

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::hash::BuildHasher;

/// Where configuration variables are read from.
///
/// The process environment is shared by all tests of a process, so tests hand in a map instead of changing it.
///
/// ```
/// use std::collections::BTreeMap;
/// use trisignal::Environment;
///
/// let environment = BTreeMap::from([("OTEL_SERVICE_NAME".to_owned(), "checkout".to_owned())]);
/// assert_eq!(environment.var("OTEL_SERVICE_NAME"), Some("checkout".into()));
/// ```
pub trait Environment: Send + Sync {
    /// The raw value of the variable, `None` when it is not set.
    ///
    /// A value that is not UTF-8 is reported as a warning by whoever asked for it.
    fn var(&self, name: &str) -> Option<OsString>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

impl<S: BuildHasher + Send + Sync> Environment for HashMap<String, String, S> {
    fn var(&self, name: &str) -> Option<OsString> {
        self.get(name).map(OsString::from)
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<OsString> {
        self.get(name).map(OsString::from)
    }
}
