//! What is written into a message.

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, global};

use super::carrier::{Carrier, CarrierMut, Written};
use super::inbound::Inbound;
use crate::context;
use crate::correlation::{CORRELATION_HEADER, CorrelationId};

/// Not part of the creation context.
const BAGGAGE: &str = "baggage";

/// Writes the current context into `headers`, which carry `own` already.
///
/// A creation context that is there is the user's, and stays as it is; so do baggage and
/// correlation ID. What the message lacks of the three is added.
pub(super) fn inject(headers: &mut impl CarrierMut, own: &Inbound) {
    let cx = context::current();
    let id = correlation(own, &cx);
    let carried = id.as_ref().map(|id| id.with_context(&cx));
    let mut written = Written::default();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(carried.as_ref().unwrap_or(&cx), &mut written);
    });
    let is_baggage = |(name, _): &(String, String)| name == BAGGAGE;
    let (baggage, creation): (Vec<_>, Vec<_>) = written.0.into_iter().partition(is_baggage);
    if own.span().is_none() && !creation.is_empty() {
        // What stands there was no valid context, or it would have been one; and part of it must
        // not come to belong to ours.
        let fields = global::get_text_map_propagator(|propagator| {
            propagator.fields().map(str::to_owned).collect::<Vec<_>>()
        });
        for field in fields.iter().filter(|field| *field != BAGGAGE) {
            headers.remove(field);
        }
        for (name, value) in creation {
            headers.insert(&name, value);
        }
    }
    if !has(headers, BAGGAGE) {
        for (name, value) in baggage {
            headers.insert(&name, value);
        }
    }
    if let Some(id) = id
        && !has(headers, CORRELATION_HEADER.as_str())
    {
        headers.insert(CORRELATION_HEADER.as_str(), id.as_str().to_owned());
    }
}

/// The ID of the message: its own, else that of the code that sends it; but a message that was
/// created in another trace belongs to that one's story.
fn correlation(own: &Inbound, cx: &Context) -> Option<CorrelationId> {
    let is_foreign = own
        .span()
        .is_some_and(|span| span.trace_id() != cx.span().span_context().trace_id());
    if own.explicit.is_some() || is_foreign {
        own.correlation()
    } else {
        CorrelationId::from_context(cx)
    }
}

fn has(headers: &impl Carrier, name: &str) -> bool {
    headers
        .headers()
        .any(|(key, _)| key.eq_ignore_ascii_case(name))
}
