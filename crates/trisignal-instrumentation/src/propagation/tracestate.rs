//! `tracestate` of W3C Trace Context, level 2: an ordered list of at most 32 `key=value` members,
//! over any number of headers.
//!
//! One ill-formed member, or one too many, drops the whole list, as the recommendation asks. Of two
//! members with one key the first (the latest written) stays. A key that level 2 allows and the
//! API's in-memory form cannot hold (more than one `@`, or a long vendor part behind it) loses this
//! member only.

use opentelemetry::trace::TraceState;

const MAX_MEMBERS: usize = 32;
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 256;

/// Room for 32 members of the longest kind with white space about them. More is no state but an
/// attack.
const MAX_BYTES: usize = 32 * 1024;

/// The state in the values of all headers, in their order; `None` when they are ill-formed.
pub(super) fn parse(headers: &[&str]) -> Option<TraceState> {
    if headers.iter().map(|header| header.len() + 1).sum::<usize>() > MAX_BYTES {
        return None;
    }
    let mut members: Vec<(&str, &str)> = Vec::new();
    let mut count = 0;
    for member in headers.iter().flat_map(|header| header.split(',')) {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        count += 1;
        let (key, value) = member.split_once('=')?;
        if count > MAX_MEMBERS || !is_key(key.as_bytes()) || !is_value(value.as_bytes()) {
            return None;
        }
        if members.iter().all(|(other, _)| *other != key) {
            members.push((key, value));
        }
    }
    if let Ok(state) = TraceState::from_key_value(members.iter().copied()) {
        return Some(state);
    }
    // Some key is good on the wire and not in memory: keep the others.
    members.retain(|member| TraceState::from_key_value([*member]).is_ok());
    TraceState::from_key_value(members).ok()
}

/// The header value of `state`; `None` when there is nothing to send.
pub(super) fn write(state: &TraceState) -> Option<String> {
    let mut header = String::new();
    // Members that were put in by code are checked as those from the wire are: the in-memory form
    // takes any value.
    for (key, value) in state {
        if is_key(key.as_bytes()) && is_value(value.as_bytes()) {
            if !header.is_empty() {
                header.push(',');
            }
            header.push_str(key);
            header.push('=');
            header.push_str(value);
        }
    }
    (!header.is_empty()).then_some(header)
}

fn is_key(key: &[u8]) -> bool {
    let starts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: u8| starts(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_KEY
        && key.first().is_some_and(|first| starts(*first))
        && key.iter().all(|byte| goes_on(*byte))
}

fn is_value(value: &[u8]) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    value.len() <= MAX_VALUE
        && value.last().is_some_and(|last| *last != b' ')
        && value.iter().all(|byte| allowed(*byte))
}
