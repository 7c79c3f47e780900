//! The beginning of a client's call: the span is made, and what it has is written into the
//! metadata.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use opentelemetry::KeyValue;
use tracing::Span;
use tracing::field::Empty;

use super::{ClientLayer, Target};
use crate::exchange::{End, Exchange, Measures, Outcome as Either, Side, propagate};
use crate::grpc::methods::Method;
use crate::grpc::metrics;
use crate::grpc::outcome::Outcome;
use crate::grpc::{SYSTEM, TARGET};

impl ClientLayer {
    /// Starts the exchange of `request` and makes the request carry it.
    pub(super) fn begin<B>(&self, request: &mut Request<B>) -> Exchange {
        let exchange = self.exchange(request);
        exchange.capture(&self.request_metadata, request.headers());
        {
            let _scope = exchange.enter();
            propagate(request.headers_mut());
        }
        exchange
    }

    fn exchange<B>(&self, request: &Request<B>) -> Exchange {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::CLIENT.get());
        let method = self.methods.own(request.uri().path());
        let target = self.target.clone().or_else(|| Target::of(request.uri()));
        let span = span(&method, target.as_ref());
        let method = Method::Known(method);
        Exchange {
            span,
            // The caller's context is current wherever the future runs; nothing of ours has to
            // stand in for it.
            context: None,
            side: Side::Client,
            started: Instant::now(),
            outcome: Either::Grpc(Outcome::new(method, &self.methods, request.headers())),
            capture: self.response_metadata.clone(),
            measures: Some(Measures {
                duration: instruments.duration.clone(),
                attributes: attributes(target),
                _active: None,
            }),
            end: End::Abandoned,
        }
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

/// The method and the status follow at the end.
fn attributes(target: Option<Target>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(6);
    attributes.push(KeyValue::new("rpc.system.name", SYSTEM));
    if let Some(target) = target {
        attributes.push(KeyValue::new("server.address", target.address));
        if let Some(port) = target.port {
            attributes.push(KeyValue::new("server.port", i64::from(port)));
        }
    }
    attributes
}
