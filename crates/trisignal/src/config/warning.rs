//! What is wrong with an operator's input, and what happens instead.

use std::fmt;

/// A value of the environment that can't be used as it is. The service starts all the same.
///
/// The text names the variable, the value (never that of a header or a key) and what is used instead:
///
/// `OTEL_BSP_SCHEDULE_DELAY="soon" is not a whole number of milliseconds; 5000 is used`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    variable: String,
    value: Option<String>,
    problem: String,
    instead: String,
}

impl Warning {
    /// `value` must be fit for people already: see the `redact` module.
    pub(crate) fn new(
        variable: impl Into<String>,
        value: Option<String>,
        problem: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self {
            variable: variable.into(),
            value,
            problem: problem.into(),
            instead: instead.into(),
        }
    }

    /// The name of the variable.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The value as shown to people, `None` when it may hold a secret.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.variable)?;
        if let Some(value) = &self.value {
            write!(f, "=\"{value}\"")?;
        }
        write!(f, " {}; {}", self.problem, self.instead)
    }
}
