//! The beginning of a client's exchange: the span is made, and what it has is written into the
//! request.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method};
use opentelemetry::{KeyValue, global};
use tracing::Span;
use tracing::field::Empty;

use super::request::Target;
use super::{ClientLayer, ClientRequest};
use crate::context;
use crate::correlation::{CORRELATION_HEADER, CorrelationId};
use crate::http::exchange::{End, Exchange, Side};
use crate::http::{TARGET, metrics, semconv};
use crate::propagation::HeaderInjector;

impl ClientLayer {
    /// Starts the exchange of `request` and makes the request carry it.
    pub(super) fn begin(&self, request: &mut impl ClientRequest) -> Exchange {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::CLIENT.get());
        let target = request.target();
        let exchange = Exchange {
            span: span(request.method(), &target),
            // The caller's context is current wherever the future runs; nothing of ours has to
            // stand in for it.
            context: None,
            side: Side::Client,
            without_body: matches!(*request.method(), Method::HEAD | Method::CONNECT),
            started: Instant::now(),
            duration: instruments.duration.clone(),
            attributes: attributes(request.method(), &target),
            _active: None,
            status: None,
            end: End::Abandoned,
        };
        {
            let _scope = exchange.enter();
            propagate(request.headers_mut());
        }
        exchange
    }
}

fn span(method: &Method, target: &Target<'_>) -> Span {
    let known = semconv::method(method);
    tracing::info_span!(
        target: TARGET,
        "http.client",
        "otel.name" = &*semconv::span_name(known, None),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "http.request.method" = known,
        "http.request.method_original" = semconv::method_original(method),
        "http.response.status_code" = Empty,
        "server.address" = target.address,
        "server.port" = target.port.map(i64::from),
        "url.full" = &*target.url,
        "network.protocol.version" = Empty,
        "error.type" = Empty,
    )
}

fn attributes(method: &Method, target: &Target<'_>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(6);
    attributes.push(KeyValue::new(
        "http.request.method",
        semconv::method(method),
    ));
    if let Some(address) = target.address {
        attributes.push(KeyValue::new("server.address", Arc::<str>::from(address)));
    }
    if let Some(port) = target.port {
        attributes.push(KeyValue::new("server.port", i64::from(port)));
    }
    attributes
}

/// Writes the current context into `headers`, with the correlation ID explicit in baggage and
/// header.
fn propagate(headers: &mut HeaderMap) {
    let cx = context::current();
    let own = headers
        .get(&CORRELATION_HEADER)
        .map(CorrelationId::from_header);
    let is_ill_formed = matches!(own, Some(Err(_)));
    let id = own
        .and_then(Result::ok)
        .or_else(|| CorrelationId::from_context(&cx));
    let cx = id
        .as_ref()
        .map_or_else(|| cx.clone(), |id| id.with_context(&cx));
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&cx, &mut HeaderInjector(headers))
    });
    match id.and_then(|id| id.to_header()) {
        Some(value) => {
            // It fails only for a map of 32,768 headers.
            let _ = headers.try_insert(CORRELATION_HEADER.clone(), value);
        }
        None if is_ill_formed => {
            headers.remove(&CORRELATION_HEADER);
        }
        None => {}
    }
}
