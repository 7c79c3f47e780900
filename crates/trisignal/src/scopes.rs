//! Which instrumentation scopes are on, and from which severity: what configurators say.
//!
//! What is recorded with `tracing` has one scope, `trisignal`, in all exports. Configurators see it by its target as well, which
//! is what tells libraries apart there. Meters are seen by their names.

use std::fmt;

use tracing::{Level, Metadata};

use crate::sampling::rules::Pattern;

/// The scope of what is recorded with `tracing`.
pub(crate) const TRACING: &str = "trisignal";

/// The first pattern that fits decides, else what is for all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scopes {
    pub(crate) named: Vec<(Pattern, Scope)>,
    pub(crate) others: Scope,
}

/// What is recorded of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) enabled: bool,
    /// The least number of a severity, from 1; 0 is all. Of log records only.
    pub(crate) least: u8,
}

impl Scope {
    pub(crate) const ON: Self = Self {
        enabled: true,
        least: 0,
    };
}

impl Scopes {
    /// Whether the scope of this name is on.
    pub(crate) fn enabled(&self, name: &str) -> bool {
        self.find(|pattern| pattern.fits(name)).enabled
    }

    /// Whether a span or an event of `tracing` passes.
    pub(crate) fn pass(&self, metadata: &Metadata<'_>) -> bool {
        let scope = self.find(|pattern| pattern.fits(metadata.target()) || pattern.fits(TRACING));
        scope.enabled && (metadata.is_span() || number(*metadata.level()) >= scope.least)
    }

    fn find(&self, fits: impl Fn(&Pattern) -> bool) -> Scope {
        let found = self.named.iter().find(|(pattern, _)| fits(pattern));
        found.map_or(self.others, |(_, scope)| *scope)
    }
}

/// The number of the severity that a level is exported with.
fn number(level: Level) -> u8 {
    match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pattern, scope) in &self.named {
            write!(f, "{} {scope}; ", pattern.as_str())?;
        }
        write!(f, "others {}", self.others)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.enabled, self.least) {
            (false, _) => f.write_str("off"),
            (true, 0) => f.write_str("on"),
            (true, least) => write!(f, "from severity {least}"),
        }
    }
}
