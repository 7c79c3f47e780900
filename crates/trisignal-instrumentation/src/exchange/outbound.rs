//! What a client writes into the headers of a request.

use http::HeaderMap;
use opentelemetry::global;

use crate::context;
use crate::correlation::{CORRELATION_HEADER, CorrelationId};
use crate::propagation::HeaderInjector;

/// Writes the current context into `headers`, with the correlation ID explicit in baggage and
/// header.
pub(crate) fn propagate(headers: &mut HeaderMap) {
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
