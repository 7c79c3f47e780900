//! What is wrong with a filter.

use std::error::Error;
use std::fmt;

/// A directive that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterError {
    pub(super) directive: String,
    reason: String,
}

impl FilterError {
    pub(super) fn new(directive: &str, reason: &dyn fmt::Display) -> FilterError {
        FilterError {
            directive: directive.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Printed with escapes: it comes from the environment and may hold anything.
        write!(
            f,
            "invalid filter directive {:?}: {}",
            self.directive, self.reason
        )
    }
}

impl Error for FilterError {}
