//! The beginning of a server's exchange: its span, and what is measured.

use std::borrow::Cow;

use http::Method;
use http::request::Parts;
use opentelemetry::{ContextGuard, KeyValue};
use tracing::Span;
use tracing::field::{self, Empty};

use super::origin::Origin;
use super::{Config, RouteOf};
use crate::exchange::{
    self, Exchange, Family, Headers, Inbound, Measures, Outcome as Either, Part, Side, guarded,
    peer_of,
};
use crate::http::metrics::{self, ServerInstruments};
use crate::http::outcome::Outcome;
use crate::http::semconv::Named;
use crate::http::settings::content_length;
use crate::http::{TARGET, protocol_version, semconv};

/// A request as it is about to be shown.
struct Seen<'a> {
    parts: &'a Parts,
    method: Named<'a>,
    route: Option<Cow<'a, str>>,
    origin: Origin<'a>,
    user_agent: Option<&'a str>,
}

impl Config {
    /// Starts the exchange of the request with the head `parts`. What came with it is attached.
    pub(super) fn begin(&self, parts: &Parts) -> (Box<Exchange>, Inbound, Option<ContextGuard>) {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::SERVER.get());
        let headers = Headers::new(&parts.headers);
        let inbound = Inbound::read(
            &headers,
            self.trust,
            &self.correlation_headers,
            &instruments.correlation_rejected,
        );
        if self.exclusions.has(parts) {
            let attached = inbound.attach();
            return (excluded(), inbound, attached);
        }
        let seen = self.look(parts, &headers);
        // Before anything is attached: what is active is counted outside of all spans.
        let measures = measures(&seen, &instruments);
        let attached = inbound.attach();
        let exchange = self.exchange(&seen, measures, &instruments);
        (exchange, inbound, attached)
    }

    /// The attributes of the headers that the span is to show.
    pub(super) fn captured(&self, parts: &Parts) -> Option<Vec<KeyValue>> {
        let capture = self.settings.request_headers(Side::Server);
        capture.attributes(&parts.headers)
    }

    fn look<'a>(&'a self, parts: &'a Parts, headers: &Headers<'a>) -> Seen<'a> {
        Seen {
            parts,
            method: self.settings.methods.name(&parts.method),
            route: self.route_of(parts),
            origin: Origin::of(
                parts,
                headers,
                self.forwarded
                    .unwrap_or(self.trust == exchange::Trust::Internal),
                self.scheme.as_ref().map(http::uri::Scheme::as_str),
            ),
            user_agent: headers.user_agent(),
        }
    }

    fn exchange(
        &self,
        seen: &Seen<'_>,
        measures: Measures,
        instruments: &ServerInstruments,
    ) -> Box<Exchange> {
        let parts = seen.parts;
        let sizes = self
            .settings
            .body_sizes
            .then(|| instruments.sizes(content_length(&parts.headers)));
        let without_body = matches!(parts.method, Method::HEAD | Method::CONNECT);
        Exchange::new(
            Side::Server,
            self.span(seen, measures.family()),
            Either::Http(Outcome::new(without_body, sizes)),
            self.settings.response_headers(Side::Server).clone(),
            Some(measures),
        )
    }

    fn route_of<'a>(&self, parts: &'a Parts) -> Option<Cow<'a, str>> {
        match self.route.as_ref()? {
            #[cfg(feature = "axum")]
            RouteOf::Matched => {
                let path = parts.extensions.get::<axum::extract::MatchedPath>()?;
                Some(path.as_str().into())
            }
            RouteOf::Told(route) => guarded(|| route(parts)).flatten().map(Cow::Owned),
        }
    }

    fn span(&self, seen: &Seen<'_>, family: &Family) -> Span {
        let Seen {
            parts,
            method,
            route,
            origin,
            user_agent,
        } = seen;
        let peer = peer_of(self.peer.as_ref(), parts);
        let client = origin.forwarded_for.or(peer.map(|peer| peer.ip()));
        let query = parts
            .uri
            .query()
            .filter(|query| !query.is_empty())
            .map(|query| self.settings.redaction.query(query));
        let route = route.as_deref();
        tracing::info_span!(
            target: TARGET,
            "http.server",
            "otel.name" = family.name(),
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "http.request.method" = method.name,
            "http.request.method_original" = method.original,
            "http.route" = route,
            "http.response.status_code" = Empty,
            "http.request.body.size" = Empty,
            "http.response.body.size" = Empty,
            "url.path" = parts.uri.path(),
            "url.query" = query.as_deref(),
            "url.scheme" = origin.scheme,
            "server.address" = origin.server_address,
            "server.port" = origin.server_port.map(i64::from),
            "client.address" = client.map(field::display),
            "network.peer.address" = peer.map(|peer| field::display(peer.ip())),
            "network.peer.port" = peer.map(|peer| i64::from(peer.port())),
            "network.protocol.version" = protocol_version(parts.version),
            "user_agent.original" = *user_agent,
            "error.type" = Empty,
        )
    }
}

/// No span and no measurement, but context and correlation.
fn excluded() -> Box<Exchange> {
    Exchange::new(
        Side::Server,
        Span::none(),
        Either::Http(Outcome::new(false, None)),
        exchange::Capture::NOTHING,
        None,
    )
}

#[inline]
fn measures(seen: &Seen<'_>, instruments: &ServerInstruments) -> Measures {
    let route = seen.route.as_deref();
    let version = protocol_version(seen.parts.version);
    let attributes = [
        ("http.request.method", Some(Part::Text(seen.method.name))),
        ("url.scheme", Some(Part::Fixed(seen.origin.scheme))),
        ("http.route", route.map(Part::Text)),
        ("network.protocol.version", version.map(Part::Fixed)),
    ];
    let name = || semconv::span_name(seen.method.name, route).into_owned();
    Measures::new(Family::of(&instruments.exchanges, &attributes, name))
}
