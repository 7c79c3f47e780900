//! What a client writes into the headers of a request.

use http::HeaderMap;
use opentelemetry::global;

use super::inside::span_id;
use super::{Capture, Exchange, within};
use crate::context;
use crate::correlation::{CORRELATION_HEADER, CORRELATION_NAME, CorrelationId};
use crate::propagation::HeaderInjector;

/// Runs `call`, the service, inside the exchange of `slot`, with a request whose headers carry it. Those
/// that `capture` asks for are on its span.
pub(crate) fn send<Q, T>(
    slot: &mut Option<Box<Exchange>>,
    mut request: Q,
    headers: impl FnOnce(&mut Q) -> &mut HeaderMap,
    capture: &Capture,
    call: impl FnOnce(Q) -> T,
) -> T {
    let outside = context::with_current(span_id);
    within(slot, |inside| {
        if let Some(inside) = inside {
            let headers = headers(&mut request);
            inside.look_around(outside, |_| ());
            inside.capture(capture, headers);
            propagate(headers);
        }
        call(request)
    })
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
            let _ = headers.try_insert(CORRELATION_NAME, value);
        }
        None if is_ill_formed => {
            headers.remove(&CORRELATION_HEADER);
        }
        None => {}
    }
}
