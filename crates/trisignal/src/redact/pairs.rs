//! Pairs of a key and a value inside of a text, as in `password=…`, `"token": "…"`, `Login { secret: Some("…") }` and
//! `[("cookie", "…")]`: in messages, `Debug` output and JSON, also where one is quoted inside of another.

use std::ops::Range;

use super::{
    keys::is_letter,
    scan::{Found, Scan, position},
};

/// Headers whose unquoted value goes on to the end of its line.
const WHOLE_LINES: [&[u8]; 2] = [b"cookie", b"authorization"];

/// What an unquoted value may begin with before the secret itself.
const SCHEMES: [&[u8]; 5] = [b"bearer", b"basic", b"digest", b"negotiate", b"token"];

/// The value of a key that says it is a secret, at the separator behind the key.
pub(super) fn value(scan: &Scan<'_>) -> Option<Found> {
    let separator = scan.text[scan.at];
    let key = Key::before(scan);
    let skipped = match (separator, scan.text.get(scan.at + 1)?) {
        // A path such as `token::Kind`, and a comparison.
        (b':', b':') | (b'=', b'=') => return None,
        // A map's arrow.
        (b'=', b'>') => 2,
        // Between the two of a pair; any other comma is between one pair and the next.
        (b',', _) if !key.quoted => return None,
        _ => 1,
    };
    if !scan.words.hide_at_end_of(key.text) {
        return None;
    }
    let start = scan.at + skipped;
    let rest = &scan.text[start..];
    let blank = position(rest, |byte| byte != b' ');
    let (start, rest) = (start + blank, &rest[blank..]);
    let range = match quoted(rest) {
        Some(range) => range,
        None if separator == b',' => return None,
        None => 0..unquoted(rest, separator == b':' && key.has_whole_line()),
    };
    let says_nothing = std::str::from_utf8(&rest[range.clone()]).is_ok_and(says_nothing);
    (!says_nothing).then(|| Found::secret(start + range.start..start + range.end))
}

/// Whether a value says no more than that there is none, or is hidden already.
pub(super) fn says_nothing(value: &str) -> bool {
    const NOTHING: [&str; 9] = [
        "",
        "None",
        "null",
        "true",
        "false",
        "Sensitive",
        "REDACTED",
        "[REDACTED]",
        "***",
    ];
    NOTHING.contains(&value)
}

struct Key<'a> {
    /// A text that ends in the key.
    text: &'a [u8],
    quoted: bool,
}

impl<'a> Key<'a> {
    fn before(scan: &Scan<'a>) -> Self {
        let mut text = &scan.text[scan.from..scan.at];
        while let Some(before) = text.strip_suffix(b" ") {
            text = before;
        }
        let quoted = matches!(text.last(), Some(b'"' | b'\''));
        if quoted {
            text = &text[..text.len() - 1];
            while let Some(before) = text.strip_suffix(b"\\") {
                text = before;
            }
        }
        Self { text, quoted }
    }

    fn has_whole_line(&self) -> bool {
        let ends_in = |word: &[u8]| {
            let start = self.text.len().checked_sub(word.len());
            start.is_some_and(|start| self.text[start..].eq_ignore_ascii_case(word))
        };
        !self.quoted && WHOLE_LINES.into_iter().any(ends_in)
    }
}

/// What is between the quotes with which `rest` begins, if it does. A quote that is itself quoted has backslashes
/// before it, as many before the one that closes. Without that one it goes on to the end.
fn quoted(rest: &[u8]) -> Option<Range<usize>> {
    // Bytes, as in `b"…"`.
    let prefix = usize::from(rest.first() == Some(&b'b'));
    let depth = position(&rest[prefix..], |byte| byte != b'\\');
    let quote = *rest.get(prefix + depth)?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let start = prefix + depth + 1;
    let mut slashes = 0;
    for (index, byte) in rest[start..].iter().enumerate() {
        match byte {
            b'\\' => slashes += 1,
            byte if *byte == quote && slashes <= depth => {
                return Some(start..start + index - slashes);
            }
            _ => slashes = 0,
        }
    }
    Some(start..rest.len())
}

/// The length of the value with which `rest` begins.
fn unquoted(rest: &[u8], whole_line: bool) -> usize {
    if whole_line {
        return position(rest, |byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\\'));
    }
    let name = position(rest, |byte| !is_letter(byte) && byte != b'_');
    if matches!(rest.get(name), Some(b'(' | b'[' | b'{')) {
        return name + bracketed(&rest[name..]);
    }
    let value = word(rest);
    let is_scheme = |scheme: &&[u8]| rest[..value].eq_ignore_ascii_case(scheme);
    match rest.get(value) {
        // The scheme of an `Authorization` is no secret; what follows it is.
        Some(b' ') if SCHEMES.iter().any(is_scheme) => value + 1 + word(&rest[value + 1..]),
        _ => value,
    }
}

/// The length of what stands up to the next blank, quote, bracket or separator.
fn word(rest: &[u8]) -> usize {
    position(rest, |byte| {
        byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || matches!(
                byte,
                b'&' | b',' | b';' | b'"' | b'\'' | b')' | b']' | b'}' | b'<' | b'>'
            )
    })
}

/// The length of the brackets with which `rest` begins, and what is in them; all of it when they don't close.
fn bracketed(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 1 => return at + 1,
            b')' | b']' | b'}' => depth -= 1,
            b'"' | b'\\' => {
                let inside = quoted(&rest[at..]);
                at += inside.map_or(0, |inside| inside.end);
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}
