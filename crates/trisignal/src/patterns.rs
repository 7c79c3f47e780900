//! Which names are taken: a list of patterns of those included, and one of those excluded.

use crate::sampling::rules::Pattern;

/// What is taken, and what of that is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patterns {
    /// Empty is everything.
    pub(crate) included: Vec<Pattern>,
    pub(crate) excluded: Vec<Pattern>,
}

impl Patterns {
    pub(crate) fn take(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(name));
        (self.included.is_empty() || any(&self.included)) && !any(&self.excluded)
    }
}
