//! What is secret in a URL: its user information, and the values of some query parameters.

use super::scan::{Found, Scan, position};

/// How far a password is looked for that has a `/` in it.
const NEAR: usize = 256;

const HIDDEN_USER: &str = "REDACTED";
const HIDDEN_PASSWORD: &str = "REDACTED:REDACTED";

/// User and password, at the colon of `://`.
pub(super) fn userinfo(scan: &Scan<'_>) -> Option<Found> {
    let rest = scan.text[scan.at..].strip_prefix(b"://")?;
    let start = scan.at + 3;
    let ends = |byte| ends_url(byte) || matches!(byte, b'/' | b'?' | b'#');
    let authority = &rest[..position(rest, ends)];
    let last_at = |text: &[u8]| text.iter().rposition(|byte| *byte == b'@');
    // What looks like a port that is not a number is the beginning of a password with an unescaped `/` or `?`.
    let torn = || {
        let colon = authority.iter().rposition(|byte| *byte == b':')?;
        let port = &authority[colon + 1..];
        let is_port = port.iter().all(u8::is_ascii_digit) || authority.ends_with(b"]");
        let near = &rest[..rest.len().min(NEAR)];
        (!is_port).then(|| last_at(&near[..position(near, ends_url)]))?
    };
    let length = last_at(authority).or_else(torn)?;
    let instead = if rest[..length].contains(&b':') {
        HIDDEN_PASSWORD
    } else {
        HIDDEN_USER
    };
    let range = start..start + length;
    (length > 0).then_some(Found { range, instead })
}

/// The value of a query parameter that is on the list, at its equals sign.
pub(super) fn query_value(scan: &Scan<'_>) -> Option<Found> {
    let before = &scan.text[..scan.at];
    let mut names = scan.redaction.query_parameters.iter();
    names.find(|name| {
        let is_whole =
            |before: &[u8]| matches!(before.last(), None | Some(b'?' | b'&' | b';' | b' ' | b'"'));
        before.strip_suffix(name.as_bytes()).is_some_and(is_whole)
    })?;
    let start = scan.at + 1;
    let ends = |byte| ends_url(byte) || matches!(byte, b'&' | b'#');
    let end = start + position(&scan.text[start..], ends);
    (end > start).then(|| Found::secret(start..end))
}

/// Whether a URL inside of a text ends before `byte`.
fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_control()
        || matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\')
}
