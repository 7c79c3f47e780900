//! The beginning of a client's call: its span, and what is measured.

use std::sync::Arc;

use http::Request;
use tracing::Span;
use tracing::field::Empty;

use super::{ClientLayer, Target};
use crate::exchange::{Exchange, Family, Measures, Outcome as Either, Part, Side};
use crate::grpc::methods::Method;
use crate::grpc::metrics::{self, ClientInstruments};
use crate::grpc::outcome::Outcome;
use crate::grpc::{SYSTEM, TARGET};

impl ClientLayer {
    /// Starts the exchange of `request`.
    ///
    /// The caller's context is current wherever the future runs; nothing of ours has to stand in for
    /// it.
    pub(super) fn begin<B>(&self, request: &Request<B>) -> Box<Exchange> {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::CLIENT.get());
        let method = self.methods.own(request.uri().path());
        let target = self.target.clone().or_else(|| Target::of(request.uri()));
        let span = span(&method, target.as_ref());
        let measures = measures(&method, target.as_ref(), &instruments);
        let method = Method::Known(method);
        Exchange::new(
            Side::Client,
            span,
            Either::Grpc(Outcome::new(method, &self.methods, request.headers())),
            self.response_metadata.clone(),
            Some(measures),
        )
    }
}

fn span(method: &Arc<str>, target: Option<&Target>) -> Span {
    tracing::info_span!(
        target: TARGET,
        "grpc.client",
        "otel.name" = &**method,
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "rpc.system.name" = SYSTEM,
        "rpc.method" = &**method,
        "rpc.response.status_code" = Empty,
        "server.address" = target.map(|target| &*target.address),
        "server.port" = target.and_then(|target| target.port).map(i64::from),
        "error.type" = Empty,
    )
}

fn measures(
    method: &Arc<str>,
    target: Option<&Target>,
    instruments: &ClientInstruments,
) -> Measures {
    let port = target.and_then(|target| target.port).map(i64::from);
    let attributes = [
        ("rpc.system.name", Some(Part::Fixed(SYSTEM))),
        ("rpc.method", Some(Part::Text(method))),
        (
            "server.address",
            target.map(|target| Part::Text(&target.address)),
        ),
        ("server.port", port.map(Part::Number)),
    ];
    Measures::new(Family::of(&instruments.exchanges, &attributes, String::new))
}
