//! Which names are taken, as a file says it.

use super::cursor::Cursor;
use crate::patterns::Patterns;
use crate::sampling::rules::Pattern;

/// A mapping with `included` and `excluded`.
pub(super) fn patterns(cursor: &Cursor<'_>) -> Patterns {
    let patterns = |key: &str| -> Vec<Pattern> {
        let items = cursor.list(key);
        let texts = items.iter().filter_map(Cursor::text);
        texts.map(Pattern::new).collect()
    };
    Patterns {
        included: patterns("included"),
        excluded: patterns("excluded"),
    }
}
