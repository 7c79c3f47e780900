//! The version that a file says it is of.

use super::cursor::Cursor;
use super::problem::Problems;
use super::schema::{MAJOR, MINOR};
use super::validate::Unknown;

/// How the rest of the file is to be taken, or `None` when it can't be: that is told.
///
/// A version that is missing or no text is left to the validation of the whole document.
pub(super) fn check(root: &Cursor<'_>, problems: &mut Problems) -> Option<Unknown> {
    let Some(cursor) = root.get("file_format") else {
        return Some(Unknown::Refused);
    };
    let Some(text) = cursor.text() else {
        return Some(Unknown::Refused);
    };
    let Some((major, minor)) = parse(text) else {
        problems.error(
            cursor.at(),
            &cursor.path,
            "expected a version such as \"1.1\", found another text",
        );
        return Some(Unknown::Refused);
    };
    if major != MAJOR {
        let text = format!(
            "version {major}.{minor} of the schema is not supported: expected {MAJOR}.{MINOR} or another {MAJOR}.x"
        );
        problems.error(cursor.at(), &cursor.path, text);
        return None;
    }
    if minor > MINOR {
        problems.warning(
            cursor.at(),
            &cursor.path,
            format!(
                "version {major}.{minor} of the schema is newer than {MAJOR}.{MINOR}, which is known"
            ),
            "what is new in it is left out",
        );
        return Some(Unknown::Ignored);
    }
    Some(Unknown::Refused)
}

/// Major and minor of `1.1`, `1.0-rc.2` or `1`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let version = text.split('-').next().unwrap_or_default();
    match version.split_once('.') {
        Some((major, minor)) => Some((number(major)?, number(minor)?)),
        None => Some((number(version)?, 0)),
    }
}
