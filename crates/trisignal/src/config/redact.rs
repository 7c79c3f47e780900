//! How values look in messages for people: secrets out, control characters out, short.

/// Longest piece of a value that a message repeats, in characters.
const SHOWN: usize = 128;

/// A value of the operator, in one line and at most 128 characters.
pub(crate) fn value_for_people(value: &str) -> String {
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
