//! The beginning of a server's call: its span, and what is measured.

use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use opentelemetry::KeyValue;
use tracing::Span;
use tracing::field::{self, Empty};

use super::Config;
use crate::correlation::CorrelationId;
use crate::exchange::values::OTHER;
use crate::exchange::{
    Capture, End, Exchange, Inbound, Measures, Outcome as Either, Side, Trust, peer_of,
};
use crate::grpc::methods::Method;
use crate::grpc::metrics::{self, ServerInstruments};
use crate::grpc::outcome::Outcome;
use crate::grpc::{SYSTEM, TARGET};
use crate::http::Origin;

impl Config {
    /// Starts the exchange of the call with the head `parts`.
    pub(super) fn begin(&self, parts: &Parts) -> (Exchange, CorrelationId) {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::SERVER.get());
        let inbound = Inbound::read(
            &parts.headers,
            self.trust,
            &self.correlation_headers,
            &instruments.correlation_rejected,
        );
        let mut exchange = if self.exclusions.has(parts) {
            self.excluded(parts, &inbound)
        } else {
            self.exchange(parts, &inbound, &instruments)
        };
        exchange.capture(&self.request_metadata, &parts.headers);
        let correlation = inbound.open(&mut exchange);
        (exchange, correlation)
    }

    fn exchange(
        &self,
        parts: &Parts,
        inbound: &Inbound,
        instruments: &ServerInstruments,
    ) -> Exchange {
        let method = self.methods.find(parts.uri.path());
        let span = inbound.span(|| self.span(parts, &method));
        // The method and the status follow at the end.
        let mut attributes = Vec::with_capacity(4);
        attributes.push(KeyValue::new("rpc.system.name", SYSTEM));
        Exchange {
            span,
            context: Some(inbound.parent.clone()),
            side: Side::Server,
            started: Instant::now(),
            outcome: Either::Grpc(Outcome::new(method, &self.methods, &parts.headers)),
            capture: self.response_metadata.clone(),
            measures: Some(Measures {
                duration: instruments.duration.clone(),
                attributes,
                _active: None,
            }),
            end: End::Abandoned,
        }
    }

    /// No span and no measurement, but context and correlation.
    fn excluded(&self, parts: &Parts, inbound: &Inbound) -> Exchange {
        let method = Method::Unknown(Arc::from(OTHER));
        Exchange {
            span: Span::none(),
            context: Some(inbound.parent.clone()),
            side: Side::Server,
            started: Instant::now(),
            outcome: Either::Grpc(Outcome::new(method, &self.methods, &parts.headers)),
            capture: Capture::default(),
            measures: None,
            end: End::Abandoned,
        }
    }

    fn span(&self, parts: &Parts, method: &Method) -> Span {
        let (name, known, original) = match method {
            Method::Known(name) => (&**name, Some(&**name), None),
            Method::Unverified(name) => (&**name, None, None),
            Method::Unknown(path) => (SYSTEM, Some(OTHER), Some(&**path)),
        };
        let forwarded = self.forwarded.unwrap_or(self.trust == Trust::Internal);
        let origin = Origin::of(parts, forwarded, None);
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
