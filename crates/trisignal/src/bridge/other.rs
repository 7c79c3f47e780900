//! The other span bridge: `tracing-opentelemetry`, for services whose code uses its extension trait.
//!
//! No type of it leaves this file. Context activation is on, as with ours: inside of an entered span,
//! `opentelemetry::Context::current()` is the span's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::Context;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::span::Id;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::filter::{Filter, span_layer_filter};

/// The layer that records spans with `tracer`, inside its filter.
pub(crate) fn span_layer<S>(
    tracer: SdkTracer,
    filter: Filter,
) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_context_activation(true)
        // An error that is an event of the span already need not be turned into an exception event as well.
        .with_error_records_to_exceptions(false)
        // Busy and idle times, and thread numbers, cost more than they tell.
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_filter(span_layer_filter(filter.exporting()))
}

/// The context of a span that the layer knows.
pub(crate) fn context_of(id: &Id, dispatch: &Dispatch) -> Option<Context> {
    // The bridge panics where it does not know a span, or where a callback once panicked under its lock.
    catch_unwind(AssertUnwindSafe(|| {
        tracing_opentelemetry::get_otel_context(id, dispatch)
    }))
    .ok()
    .flatten()
}
