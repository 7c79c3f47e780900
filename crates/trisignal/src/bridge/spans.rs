//! The span side of the bridge: `tracing` spans become OpenTelemetry spans.
//!
//! It is `tracing-opentelemetry`, and no type of it leaves this file, so that a faster bridge can take its place.
//! Context activation is on: inside of an entered span, `opentelemetry::Context::current()` is the span's.

use opentelemetry_sdk::trace::SdkTracer;
use tracing::Subscriber;
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
