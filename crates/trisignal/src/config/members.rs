//! Variables that hold `key=value` members, percent-encoded: resource attributes and headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;

use super::parse::Problems;

/// One bad member makes all of it void, so that half a resource is never taken for the whole.
pub(super) fn resource_attributes(text: &str, problems: &mut Problems) -> Option<Vec<KeyValue>> {
    let mut attributes = Vec::new();
    // An empty member is only a comma too many, as templates leave it.
    for (at, member) in text
        .split(',')
        .enumerate()
        .filter(|(_, member)| !member.trim().is_empty())
    {
        let Some(attribute) = resource_member(member) else {
            problems.note(
                format!("has a member that can't be read, number {}", at + 1),
                "all of its attributes are left out",
            );
            return None;
        };
        attributes.push(attribute);
    }
    Some(attributes)
}

fn resource_member(member: &str) -> Option<KeyValue> {
    let (key, value) = member.split_once('=')?;
    if value.contains('=') {
        return None;
    }
    let key = String::from_utf8(percent_decoded(key.trim())?).ok()?;
    let value = String::from_utf8(percent_decoded(value.trim())?).ok()?;
    (!key.is_empty()).then(|| KeyValue::new(key, value))
}

/// A bad member is left out, and named by its position or key: its text may be a secret.
pub(super) fn headers(text: &str, problems: &mut Problems) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (at, member) in text
        .split(',')
        .enumerate()
        .filter(|(_, member)| !member.trim().is_empty())
    {
        let Some((name, value)) = member.split_once('=') else {
            problems.note(
                format!("has a member without `=`, number {}", at + 1),
                "that member is left out",
            );
            continue;
        };
        let decoded = percent_decoded(value.trim()).and_then(|value| String::from_utf8(value).ok());
        let header = match decoded {
            Some(value) => header(name.trim(), &value),
            None => Err("has a value with broken percent-encoding"),
        };
        match header {
            Ok((name, value)) => {
                headers.insert(name, value);
            }
            Err(problem) => problems.note(
                format!("has a member, number {}, that {problem}", at + 1),
                "that member is left out",
            ),
        }
    }
    Some(headers)
}

/// A header fit to be sent along, its value marked as sensitive. The error does not repeat what was given.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| "has a name that is no header name")?;
    // These say how the body travels, which only the transport knows.
    const OURS: [&str; 8] = [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    if OURS.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
        return Err("has a name that belongs to the transport");
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| "has a value that no header can carry")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// `None` when a `%` is not followed by two hexadecimal digits.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            // Two digits make at most 255.
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}
