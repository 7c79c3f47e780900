//! What the HTTP semantic conventions say about values: methods, versions, hosts, errors, and what
//! is to be redacted.

use std::any::type_name;
use std::borrow::Cow;

use http::{Method, StatusCode, Version};

/// Stands for a method, or an error, that has no name of low cardinality.
pub(super) const OTHER: &str = "_OTHER";

const REDACTED: &str = "REDACTED";

/// The query parameters that hold a signature or a credential by the conventions' list; the case
/// counts.
const SENSITIVE: [&str; 5] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "sig",
    "X-Goog-Signature",
];

/// The value of `http.request.method`: a known method, else [`OTHER`].
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or(OTHER)
}

/// The value of `http.request.method_original`, which goes with [`OTHER`] only.
pub(super) fn method_original(method: &Method) -> Option<&str> {
    (self::method(method) == OTHER).then(|| method.as_str())
}

/// The name of the span: `{method} {route}`, or the method alone. Never the path.
pub(super) fn span_name(method: &'static str, route: Option<&str>) -> Cow<'static, str> {
    let method = if method == OTHER { "HTTP" } else { method };
    match route {
        Some(route) => Cow::Owned(format!("{method} {route}")),
        None => Cow::Borrowed(method),
    }
}

/// The value of `network.protocol.version`.
pub(super) fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// The value of `error.type` for an error status.
pub(super) fn status_text(status: StatusCode) -> Cow<'static, str> {
    match status.as_u16() {
        500 => Cow::Borrowed("500"),
        502 => Cow::Borrowed("502"),
        503 => Cow::Borrowed("503"),
        504 => Cow::Borrowed("504"),
        _ => Cow::Owned(status.as_str().to_owned()),
    }
}

/// The value of `error.type` for an error of the type `E`.
pub(super) fn error_type<E: ?Sized>() -> &'static str {
    let name = type_name::<E>();
    // The name of a boxed trait object says nothing about the error.
    if name.contains("dyn ") { OTHER } else { name }
}

/// Host and port of an authority, or of a `Host` header, without userinfo and without the brackets
/// of an IPv6 address.
pub(super) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some((host, rest)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return (
            host,
            rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match authority.split_once(':') {
        // A second colon makes it an IPv6 address without brackets.
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (authority, None),
    }
}

/// The port that a scheme implies.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// `url` with its userinfo and the values of sensitive query parameters redacted.
pub(super) fn redact_url(url: &str) -> Cow<'_, str> {
    let (head, rest) = split_before(url, &['?', '#']);
    let (query, fragment) = match rest.strip_prefix('?') {
        Some(rest) => split_before(rest, &['#']),
        None => ("", rest),
    };
    let shown_head = redact_userinfo(head);
    let shown_query = redact_query(query);
    if matches!(
        (&shown_head, &shown_query),
        (Cow::Borrowed(_), Cow::Borrowed(_))
    ) {
        return Cow::Borrowed(url);
    }
    let mark = if rest.starts_with('?') { "?" } else { "" };
    Cow::Owned(format!("{shown_head}{mark}{shown_query}{fragment}"))
}

/// `query` with the values of sensitive parameters redacted; their keys stay.
pub(super) fn redact_query(query: &str) -> Cow<'_, str> {
    let is_sensitive = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(key, _)| SENSITIVE.contains(&key))
    };
    if !query.split('&').any(is_sensitive) {
        return Cow::Borrowed(query);
    }
    let mut shown = String::with_capacity(query.len());
    for (index, pair) in query.split('&').enumerate() {
        if index != 0 {
            shown.push('&');
        }
        match pair.split_once('=') {
            Some((key, _)) if SENSITIVE.contains(&key) => {
                shown.push_str(key);
                shown.push('=');
                shown.push_str(REDACTED);
            }
            _ => shown.push_str(pair),
        }
    }
    Cow::Owned(shown)
}

fn redact_userinfo(head: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = head.split_once("://") else {
        return Cow::Borrowed(head);
    };
    let (authority, path) = split_before(rest, &['/']);
    match authority.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://{REDACTED}:{REDACTED}@{host}{path}")),
        None => Cow::Borrowed(head),
    }
}

fn split_before<'a>(text: &'a str, marks: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(marks).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
