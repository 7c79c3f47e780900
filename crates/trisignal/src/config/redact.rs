//! How values look in messages for people: secrets out, control characters out, short.

use std::sync::LazyLock;

use crate::redact::{Redaction, Redactor};

/// Longest piece of a value that a message repeats, in characters.
const SHOWN: usize = 128;
/// Longest text of which anything is shown, in bytes: of a longer one nothing can be cut off without looking at all of it.
const LOOKED_AT: usize = 1 << 16;

/// A value of the operator, in one line and at most 128 characters, without what looks like a secret: it may have been meant
/// for another variable.
pub(crate) fn value_for_people(value: &str) -> String {
    if value.len() > LOOKED_AT {
        return format!("a text of {} bytes", value.len());
    }
    // Before it is cut, as a half of a secret does not look like one.
    plain_for_people(&REDACTOR.text(value))
}

/// A value that can't hold a secret, in one line and at most 128 characters.
pub(crate) fn plain_for_people(value: &str) -> String {
    let mut shown: String = value
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(Redaction::default(), None));

/// An endpoint without what may be a secret in it: user information, query and fragment.
///
/// It works on any text, not only on valid URLs: a mistyped endpoint must not print its password either. A
/// password may hold an unescaped `/` or `?`, so everything up to the last `@` goes.
pub(crate) fn endpoint_for_people(endpoint: &str) -> String {
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('@') => (Some(scheme), rest),
        _ => (None, endpoint),
    };
    let (hidden_user, rest) = match rest.rsplit_once('@') {
        Some((_, host)) => ("***@", host),
        None => ("", rest),
    };
    let (rest, hidden_query) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], "?***"),
        None => (rest, ""),
    };
    let scheme = scheme
        .map(|scheme| format!("{scheme}://"))
        .unwrap_or_default();
    value_for_people(&format!("{scheme}{hidden_user}{rest}{hidden_query}"))
}
