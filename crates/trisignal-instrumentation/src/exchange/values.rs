//! Values that the conventions of HTTP and gRPC share.

use std::any::type_name;

/// Stands for a method, or an error, that has no name of low cardinality.
pub(crate) const OTHER: &str = "_OTHER";

/// The value of `error.type` for an error of the type `E`.
pub(crate) fn error_type<E: ?Sized>() -> &'static str {
    let name = type_name::<E>();
    // The name of a boxed trait object says nothing about the error.
    if name.contains("dyn ") { OTHER } else { name }
}

/// Host and port of an authority, or of a `Host` header, without userinfo and without the brackets
/// of an IPv6 address.
#[inline]
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    if authority.bytes().any(|byte| matches!(byte, b'@' | b'[')) {
        return host_and_port_inside(authority);
    }
    split_port(authority)
}

/// The same with userinfo or brackets.
#[cold]
fn host_and_port_inside(authority: &str) -> (&str, Option<u16>) {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    let bracketed = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((host, rest)) => {
            let port = rest.strip_prefix(':');
            (host, port.and_then(|port| port.parse().ok()))
        }
        None => split_port(authority),
    }
}

#[inline]
fn split_port(authority: &str) -> (&str, Option<u16>) {
    let is_colon = |byte| byte == b':';
    let (host, port) = match authority.bytes().position(is_colon) {
        Some(colon) => (&authority[..colon], &authority[colon + 1..]),
        None => return (authority, None),
    };
    // A second colon makes it an IPv6 address without brackets.
    if port.bytes().any(is_colon) {
        return (authority, None);
    }
    (host, port.parse().ok())
}

/// The port that a scheme implies.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
