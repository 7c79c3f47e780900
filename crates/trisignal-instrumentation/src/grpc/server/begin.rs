//! The beginning of a server's call: its span, and what is measured.

use std::sync::Arc;

use http::request::Parts;
use opentelemetry::{ContextGuard, KeyValue};
use tracing::Span;
use tracing::field::{self, Empty};

use super::Config;
use crate::exchange::values::OTHER;
use crate::exchange::{
    Capture, Exchange, Family, Headers, Inbound, Measures, Outcome as Either, Part, Side, Trust,
    peer_of,
};
use crate::grpc::methods::Method;
use crate::grpc::metrics::{self, ServerInstruments};
use crate::grpc::outcome::Outcome;
use crate::grpc::{SYSTEM, TARGET};
use crate::http::Origin;

impl Config {
    /// Starts the exchange of the call with the head `parts`. What came with it is attached.
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
        let attached = inbound.attach();
        let exchange = if self.exclusions.has(parts) {
            self.excluded(parts)
        } else {
            self.exchange(parts, &headers, &instruments)
        };
        (exchange, inbound, attached)
    }

    /// The attributes of the metadata that the span is to show.
    pub(super) fn captured(&self, parts: &Parts) -> Option<Vec<KeyValue>> {
        self.request_metadata.attributes(&parts.headers)
    }

    fn exchange(
        &self,
        parts: &Parts,
        headers: &Headers<'_>,
        instruments: &ServerInstruments,
    ) -> Box<Exchange> {
        let method = self.methods.find(parts.uri.path());
        let known = match &method {
            Method::Known(name) => Some(Part::Text(name)),
            // It follows at the end.
            Method::Unverified(_) | Method::Unknown(_) => None,
        };
        let attributes = [
            ("rpc.system.name", Some(Part::Fixed(SYSTEM))),
            ("rpc.method", known),
        ];
        let measures = Measures::new(Family::of(&instruments.exchanges, &attributes, String::new));
        Exchange::new(
            Side::Server,
            self.span(parts, headers, &method),
            Either::Grpc(Outcome::new(method, &self.methods, &parts.headers)),
            self.response_metadata.clone(),
            Some(measures),
        )
    }

    /// No span and no measurement, but context and correlation.
    fn excluded(&self, parts: &Parts) -> Box<Exchange> {
        let method = Method::Unknown(Arc::from(OTHER));
        Exchange::new(
            Side::Server,
            Span::none(),
            Either::Grpc(Outcome::new(method, &self.methods, &parts.headers)),
            Capture::NOTHING,
            None,
        )
    }

    fn span(&self, parts: &Parts, headers: &Headers<'_>, method: &Method) -> Span {
        let (name, known, original) = match method {
            Method::Known(name) => (&**name, Some(&**name), None),
            Method::Unverified(name) => (&**name, None, None),
            Method::Unknown(path) => (SYSTEM, Some(OTHER), Some(&**path)),
        };
        let forwarded = self.forwarded.unwrap_or(self.trust == Trust::Internal);
        let origin = Origin::of(parts, headers, forwarded, None);
        let peer = peer_of(self.peer.as_ref(), parts);
        let client = origin.forwarded_for.or(peer.map(|peer| peer.ip()));
        // The port of the connection is the client's only where no proxy is between.
        let client_port = peer.filter(|_| origin.forwarded_for.is_none());
        tracing::info_span!(
            target: TARGET,
            "grpc.server",
            "otel.name" = name,
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "rpc.system.name" = SYSTEM,
            "rpc.method" = known,
            "rpc.method_original" = original,
            "rpc.response.status_code" = Empty,
            "server.address" = origin.server_address,
            "server.port" = origin.server_port.map(i64::from),
            "client.address" = client.map(field::display),
            "client.port" = client_port.map(|peer| i64::from(peer.port())),
            "network.peer.address" = peer.map(|peer| field::display(peer.ip())),
            "network.peer.port" = peer.map(|peer| i64::from(peer.port())),
            "error.type" = Empty,
        )
    }
}
