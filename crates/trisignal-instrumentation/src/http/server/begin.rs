//! The beginning of a server's exchange: what is read from the request, and in which order.
//!
//! 1. The global propagator reads the caller's span and baggage; the trust decides what of it is
//!    kept.
//! 2. The correlation ID of a header goes into the baggage of the parent, **before** the span is
//!    made: whoever stamps spans when they start finds it in their parent.
//! 3. The span is made while the parent is the current context, so that a bridge takes it as such.
//! 4. Inside the span the correlation ID is asked for once: of the baggage, else of the trace.
//!    Where there is neither a header nor a bridge one is made and put into the baggage, so that
//!    all the request does has the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, Method};
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue, Value, global};
use tracing::Span;
use tracing::field::{self, Empty};

use super::origin::Origin;
use super::{Config, Trust};
use crate::context;
use crate::correlation::{BAGGAGE_KEY, CorrelationId};
use crate::http::exchange::{End, Exchange, Side};
use crate::http::metrics::{self, Active, ServerInstruments};
use crate::http::{TARGET, semconv};
use crate::propagation::HeaderExtractor;

impl Config {
    /// Starts the exchange of the request with the head `parts`.
    pub(super) fn begin(&self, parts: &Parts) -> (Exchange, CorrelationId) {
        let instruments = self
            .instruments
            .clone()
            .unwrap_or_else(|| metrics::SERVER.get());
        let (parent, link) = self.parent(&parts.headers);
        let parent = self.correlate(parent, &parts.headers, &instruments);
        let route = self.route_of(parts);
        let origin = Origin::of(
            parts,
            self.trust,
            self.scheme.as_ref().map(http::uri::Scheme::as_str),
        );
        let span = {
            let _attached = parent.clone().attach();
            self.span(parts, route.as_deref(), &origin)
        };
        let mut exchange = exchange(parts, span, parent, route, origin.scheme, instruments);
        let correlation = {
            let _scope = exchange.enter();
            if let Some(caller) = link {
                // It has an effect only where a bridge made our span the current one, and where not
                // there is nothing to link.
                context::current().span().add_link(caller, Vec::new());
            }
            CorrelationId::current()
        };
        let correlation = correlation.unwrap_or_else(|| {
            let made = CorrelationId::generate();
            exchange.context = exchange
                .context
                .as_ref()
                .map(|parent| made.with_context(parent));
            made
        });
        (exchange, correlation)
    }

    /// The parent of the span, and the span to link to instead of a parent.
    fn parent(&self, headers: &HeaderMap) -> (Context, Option<SpanContext>) {
        let extract = |base: &Context| {
            let carrier = HeaderExtractor(headers);
            global::get_text_map_propagator(|propagator| {
                propagator.extract_with_context(base, &carrier)
            })
        };
        match self.trust {
            Trust::Internal => (extract(&context::current()), None),
            Trust::Edge => {
                let caller = extract(&Context::new()).span().span_context().clone();
                (Context::new(), Some(caller).filter(SpanContext::is_valid))
            }
        }
    }

    /// `parent` with the correlation ID of a header, or without one in its baggage that is
    /// ill-formed.
    fn correlate(
        &self,
        parent: Context,
        headers: &HeaderMap,
        instruments: &ServerInstruments,
    ) -> Context {
        for value in self
            .correlation_headers
            .iter()
            .filter_map(|name| headers.get(name))
        {
            match CorrelationId::from_header(value) {
                Ok(id) => return id.with_context(&parent),
                Err(_) => instruments.correlation_rejected.add(1, &[]),
            }
        }
        let baggage = parent.baggage();
        if baggage.get(BAGGAGE_KEY).is_none() || CorrelationId::from_baggage(baggage).is_some() {
            return parent;
        }
        instruments.correlation_rejected.add(1, &[]);
        let others = baggage
            .iter()
            .filter(|(key, _)| key.as_str() != BAGGAGE_KEY);
        let others: Baggage = others
            .map(|(key, member)| (key.clone(), member.clone()))
            .collect();
        parent.with_baggage(others)
    }

    fn route_of(&self, parts: &Parts) -> Option<Arc<str>> {
        let route = self.route.as_ref()?;
        // Telemetry must not fail a request, not even through a callback of its user.
        catch_unwind(AssertUnwindSafe(|| route(parts)))
            .ok()
            .flatten()
            .map(Arc::from)
    }

    fn span(&self, parts: &Parts, route: Option<&str>, origin: &Origin<'_>) -> Span {
        let method = semconv::method(&parts.method);
        let peer = (self.peer)(parts);
        let client = origin.forwarded_for.or(peer.map(|peer| peer.ip()));
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let query = parts
            .uri
            .query()
            .filter(|query| !query.is_empty())
            .map(semconv::redact_query);
        tracing::info_span!(
            target: TARGET,
            "http.server",
            "otel.name" = &*semconv::span_name(method, route),
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "http.request.method" = method,
            "http.request.method_original" = semconv::method_original(&parts.method),
            "http.route" = route,
            "http.response.status_code" = Empty,
            "url.path" = parts.uri.path(),
            "url.query" = query.as_deref(),
            "url.scheme" = origin.scheme,
            "server.address" = origin.server_address,
            "server.port" = origin.server_port.map(i64::from),
            "client.address" = client.map(field::display),
            "network.peer.address" = peer.map(|peer| field::display(peer.ip())),
            "network.peer.port" = peer.map(|peer| i64::from(peer.port())),
            "network.protocol.version" = semconv::protocol_version(parts.version),
            "user_agent.original" = user_agent,
            "error.type" = Empty,
        )
    }
}

fn exchange(
    parts: &Parts,
    span: Span,
    parent: Context,
    route: Option<Arc<str>>,
    scheme: &'static str,
    instruments: Arc<ServerInstruments>,
) -> Exchange {
    let mut attributes = Vec::with_capacity(6);
    attributes.push(KeyValue::new(
        "http.request.method",
        semconv::method(&parts.method),
    ));
    attributes.push(KeyValue::new("url.scheme", scheme));
    let active = Active::new(
        Arc::clone(&instruments),
        [attributes[0].clone(), attributes[1].clone()],
    );
    if let Some(route) = route {
        attributes.push(KeyValue::new("http.route", Value::from(route)));
    }
    if let Some(version) = semconv::protocol_version(parts.version) {
        attributes.push(KeyValue::new("network.protocol.version", version));
    }
    Exchange {
        span,
        context: Some(parent),
        side: Side::Server,
        without_body: matches!(parts.method, Method::HEAD | Method::CONNECT),
        started: Instant::now(),
        duration: instruments.duration.clone(),
        attributes,
        _active: Some(active),
        status: None,
        end: End::Abandoned,
    }
}
