//! What looks like a credential wherever it stands: by its scheme, its shape or the prefix that its issuer gave it.

use std::ops::Range;

use super::{
    keys::is_letter,
    scan::{Found, Scan, position},
};

/// The bytes at which one of them is recognised; few of them are frequent in texts.
pub(super) const TRIGGERS: &[u8] = b"BbJKSz-_";

/// A header of a JSON web token is not longer.
const LONGEST_HEADER: usize = 512;

/// What follows `bearer` in texts about bearer tokens.
const NO_TOKENS: [&[u8]; 7] = [
    b"token",
    b"tokens",
    b"scheme",
    b"realm",
    b"authentication",
    b"authorization",
    b"credentials",
];

/// A prefix that an issuer gives to its keys.
struct Prefix {
    text: &'static [u8],
    /// Which of its bytes is the trigger.
    trigger: usize,
    /// How much follows at least.
    least: usize,
}

const fn prefix(text: &'static [u8], trigger: usize, least: usize) -> Prefix {
    Prefix {
        text,
        trigger,
        least,
    }
}

const PREFIXES: [Prefix; 21] = [
    prefix(b"AKIA", 1, 16),
    prefix(b"ASIA", 1, 16),
    prefix(b"AIza", 2, 35),
    prefix(b"ghp_", 3, 36),
    prefix(b"gho_", 3, 36),
    prefix(b"ghu_", 3, 36),
    prefix(b"ghs_", 3, 36),
    prefix(b"ghr_", 3, 36),
    prefix(b"github_pat_", 10, 22),
    prefix(b"npm_", 3, 36),
    prefix(b"sk_live_", 7, 16),
    prefix(b"sk_test_", 7, 16),
    prefix(b"rk_live_", 7, 16),
    prefix(b"rk_test_", 7, 16),
    prefix(b"glpat-", 5, 20),
    prefix(b"xoxa-", 4, 10),
    prefix(b"xoxb-", 4, 10),
    prefix(b"xoxp-", 4, 10),
    prefix(b"xoxr-", 4, 10),
    prefix(b"xoxs-", 4, 10),
    prefix(b"sk-", 2, 20),
];

/// Which bytes come right before the trigger of a prefix: a bit for each trigger, by its place in [`TRIGGERS`].
const BEFORE: [u8; 256] = {
    let mut table = [0; 256];
    // The `eyJ` of a web token.
    table[b'y' as usize] = BITS[b'J' as usize];
    let mut index = 0;
    while index < PREFIXES.len() {
        let Prefix { text, trigger, .. } = PREFIXES[index];
        table[text[trigger - 1] as usize] |= BITS[text[trigger] as usize];
        index += 1;
    }
    table
};

/// The bit of each trigger.
const BITS: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < TRIGGERS.len() {
        table[TRIGGERS[index] as usize] = 1 << index;
        index += 1;
    }
    table
};

/// Whether the bytes around this one may be those of a credential that is recognised at it.
#[inline]
pub(super) fn may_be_at(text: &[u8], at: usize) -> bool {
    let byte = text[at];
    let lower = |ahead: usize| text.get(at + ahead).map(u8::to_ascii_lowercase);
    match byte {
        // `bearer`, `basic`
        b'B' | b'b' => matches!(
            (lower(1), lower(2)),
            (Some(b'e'), Some(b'a')) | (Some(b'a'), Some(b's'))
        ),
        // `-----BEGIN`
        b'-' if text.get(at + 1) == Some(&b'-') => true,
        _ => {
            let before = at.checked_sub(1).map(|before| text[before]);
            before.is_some_and(|before| BEFORE[usize::from(before)] & BITS[usize::from(byte)] != 0)
        }
    }
}

/// The credential that is recognised at this byte.
pub(super) fn token(scan: &Scan<'_>) -> Option<Found> {
    let range = match scan.text[scan.at] {
        b'B' | b'b' => bearer(scan).or_else(|| basic(scan)),
        b'J' => web_token(scan),
        b'-' => private_key(scan).or_else(|| prefixed(scan)),
        _ => prefixed(scan),
    };
    range.map(Found::secret)
}

/// What follows the word `bearer`.
fn bearer(scan: &Scan<'_>) -> Option<Range<usize>> {
    let start = after_scheme(scan, b"bearer")?;
    let rest = &scan.text[start..];
    let length = position(rest, |byte| !is_token(byte));
    let token = &rest[..length];
    let is_word = NO_TOKENS
        .iter()
        .any(|word| token.eq_ignore_ascii_case(word));
    let least = if token.iter().any(u8::is_ascii_digit) {
        4
    } else {
        6
    };
    (length >= least && !is_word).then_some(start..start + length)
}

/// What follows the word `basic`, if it is a name and a password in base64.
fn basic(scan: &Scan<'_>) -> Option<Range<usize>> {
    let start = after_scheme(scan, b"basic")?;
    let rest = &scan.text[start..];
    let length = position(rest, |byte| !is_token(byte));
    let padded = rest[..length].trim_ascii_end();
    let plain = padded.iter().copied().filter(|byte| *byte != b'=');
    is_name_and_password(plain).then_some(start..start + length)
}

/// Where the credentials begin that follow `scheme`.
fn after_scheme(scan: &Scan<'_>, scheme: &[u8]) -> Option<usize> {
    let rest = &scan.text[scan.at..];
    let is_scheme = rest.len() > scheme.len()
        && rest[..scheme.len()].eq_ignore_ascii_case(scheme)
        && begins_here(scan, scan.at);
    let blank = position(rest.get(scheme.len()..)?, |byte| byte != b' ');
    (is_scheme && blank > 0).then_some(scan.at + scheme.len() + blank)
}

/// Whether base64 digits hold a text with a colon.
fn is_name_and_password(digits: impl Iterator<Item = u8>) -> bool {
    let (mut bits, mut held, mut colon) = (0_u32, 0, false);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            let byte = (bits >> held) as u8;
            if byte.is_ascii_control() {
                return false;
            }
            colon |= byte == b':';
        }
    }
    colon
}

/// A JSON web token, at the `J` of the `eyJ` with which the first part of each begins: `{"` in base64.
fn web_token(scan: &Scan<'_>) -> Option<Range<usize>> {
    let start = scan.at.checked_sub(2).filter(|start| *start >= scan.from)?;
    let rest = &scan.text[start..];
    if !rest.starts_with(b"ey") || !begins_here(scan, start) {
        return None;
    }
    let near = &rest[..rest.len().min(LONGEST_HEADER)];
    let mut end = position(near, |byte| !is_url_safe(byte));
    let mut parts = 1;
    while rest.get(end) == Some(&b'.') {
        let part = position(&rest[end + 1..], |byte| !is_url_safe(byte));
        // The full stop at the end of a sentence.
        if part == 0 && parts >= 2 {
            break;
        }
        end += 1 + part;
        parts += 1;
    }
    (end >= 10 && parts >= 2).then_some(start..start + end)
}

/// A private key in PEM, at its first dash; without its last line it goes on to the end.
fn private_key(scan: &Scan<'_>) -> Option<Range<usize>> {
    let rest = scan.text[scan.at..].strip_prefix(b"-----BEGIN ")?;
    let near = &rest[..rest.len().min(64)];
    let label = &near[..position(near, |byte| byte == b'-')];
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !is_private {
        return None;
    }
    let last_line = b"-----END ";
    let end = rest
        .windows(last_line.len())
        .position(|window| window == last_line);
    let end = end.and_then(|end| {
        let behind = end + last_line.len();
        let dashes = rest[behind..]
            .windows(5)
            .position(|window| window == b"-----")?;
        Some(behind + dashes + 5)
    });
    let end = end.map_or(scan.text.len(), |end| scan.text.len() - rest.len() + end);
    Some(scan.at..end)
}

/// A key with the prefix of its issuer.
fn prefixed(scan: &Scan<'_>) -> Option<Range<usize>> {
    let trigger = scan.text[scan.at];
    let mut fitting = PREFIXES
        .iter()
        .filter(|prefix| prefix.text[prefix.trigger] == trigger);
    fitting.find_map(|prefix| {
        let start = scan
            .at
            .checked_sub(prefix.trigger)
            .filter(|start| *start >= scan.from)?;
        let key = scan.text[start..].strip_prefix(prefix.text)?;
        let length = position(key, |byte| !is_url_safe(byte));
        let end = start + prefix.text.len() + length;
        (length >= prefix.least && begins_here(scan, start)).then_some(start..end)
    })
}

/// Whether no word goes on into `start`. The letter of an escaped line feed or tabulator is none.
fn begins_here(scan: &Scan<'_>, start: usize) -> bool {
    match &scan.text[scan.from..start] {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !is_letter(*last),
        [] => true,
    }
}

/// The characters of credentials in HTTP (RFC 9110, `token68`).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// Those of base64 for URLs.
fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
