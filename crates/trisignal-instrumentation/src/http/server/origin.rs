//! Where a request came from and what it asked for, by its URI, its `Host` and, from trusted
//! callers, its forwarding headers.

use std::net::{IpAddr, SocketAddr};

use http::HeaderName;
use http::header::FORWARDED;
use http::request::Parts;

use crate::exchange::values::host_and_port;
use crate::exchange::{Headers, marks};

const FOR: &str = "x-forwarded-for";
const HOST_OF: &str = "x-forwarded-host";
const PROTO: &str = "x-forwarded-proto";

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static(FOR);
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static(HOST_OF);
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static(PROTO);

/// Those of all forwarding headers, of which mostly none is there.
const FORWARDING: u64 = marks(&["forwarded", FOR, HOST_OF, PROTO]);

/// The origin of a request, as the attributes of its span want it.
pub(crate) struct Origin<'a> {
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    pub(crate) server_address: Option<&'a str>,
    pub(crate) server_port: Option<u16>,
    /// The client before all proxies, when a trusted one told.
    pub(crate) forwarded_for: Option<IpAddr>,
}

impl<'a> Origin<'a> {
    /// `forwarded` says whether forwarding headers count; `scheme` is what the layer was told.
    #[inline]
    pub(crate) fn of(
        parts: &'a Parts,
        headers: &Headers<'a>,
        forwarded: bool,
        scheme: Option<&'a str>,
    ) -> Self {
        let forwarded = if forwarded && headers.may_have_any(FORWARDING) {
            Forwarded::of(headers)
        } else {
            Forwarded::default()
        };
        let own_host = || {
            parts
                .uri
                .authority()
                .map(|authority| authority.as_str())
                .or_else(|| headers.host())
        };
        let host = forwarded.host.or_else(own_host);
        let (address, port) = host.map_or((None, None), |host| {
            let (address, port) = host_and_port(host);
            (Some(address), port)
        });
        let scheme = forwarded.proto.or(scheme).or(parts.uri.scheme_str());
        Self {
            scheme: scheme.and_then(known_scheme).unwrap_or("http"),
            server_address: address.filter(|address| !address.is_empty()),
            server_port: port,
            forwarded_for: forwarded.client.and_then(address_of),
        }
    }
}

/// What the first proxy said.
#[derive(Default)]
struct Forwarded<'a> {
    client: Option<&'a str>,
    host: Option<&'a str>,
    proto: Option<&'a str>,
}

impl<'a> Forwarded<'a> {
    fn of(headers: &Headers<'a>) -> Self {
        if let Some(forwarded) = headers.text(&FORWARDED) {
            return Self::parse(forwarded);
        }
        let first = |name| {
            let list = headers.text(name)?;
            Some(list.split(',').next().unwrap_or(list).trim())
        };
        Self {
            client: first(&X_FORWARDED_FOR),
            host: first(&X_FORWARDED_HOST),
            proto: first(&X_FORWARDED_PROTO),
        }
    }

    /// The first element of a `Forwarded` header: `for=…;host=…;proto=…`.
    fn parse(header: &'a str) -> Self {
        let mut forwarded = Self::default();
        let first = header.split(',').next().unwrap_or(header);
        for (name, value) in first.split(';').filter_map(|pair| pair.split_once('=')) {
            let value = Some(value.trim().trim_matches('"'));
            match name.trim() {
                name if name.eq_ignore_ascii_case("for") => forwarded.client = value,
                name if name.eq_ignore_ascii_case("host") => forwarded.host = value,
                name if name.eq_ignore_ascii_case("proto") => forwarded.proto = value,
                _ => {}
            }
        }
        forwarded
    }
}

/// Only these two: the scheme is an attribute of metrics, and a header must not make series.
fn known_scheme(scheme: &str) -> Option<&'static str> {
    ["http", "https"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(scheme))
}

/// The IP address in a `for` parameter. An obfuscated or unknown one is none.
fn address_of(client: &str) -> Option<IpAddr> {
    let with_port = || client.parse().ok().map(|address: SocketAddr| address.ip());
    client
        .trim_matches(['[', ']'])
        .parse()
        .ok()
        .or_else(with_port)
}

#[cfg(test)]
mod tests;
