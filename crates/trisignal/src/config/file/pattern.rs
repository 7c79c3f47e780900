//! Which names are taken: a list of patterns of those included, and one of those excluded.

use super::cursor::Cursor;
use crate::sampling::rules::Pattern;

/// What is taken, and what of that is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns {
    included: Option<Vec<Pattern>>,
    excluded: Vec<Pattern>,
}

impl Patterns {
    /// From a mapping with `included` and `excluded`.
    pub(super) fn of(cursor: &Cursor<'_>) -> Self {
        let patterns = |key: &str| -> Vec<Pattern> {
            let items = cursor.list(key);
            let texts = items.iter().filter_map(Cursor::text);
            texts.map(Pattern::new).collect()
        };
        let included = patterns("included");
        Self {
            included: (!included.is_empty()).then_some(included),
            excluded: patterns("excluded"),
        }
    }

    pub(super) fn take(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(name));
        self.included.as_deref().is_none_or(any) && !any(&self.excluded)
    }
}
