//! New trace and span IDs, from a generator of each thread.

use std::cell::RefCell;

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The bit of W3C Trace Context level 2 that says that the last seven bytes of a trace ID are random.
pub(crate) const RANDOM: TraceFlags = TraceFlags::new(0x02);

thread_local! {
    /// Seeded by the operating system once in a thread.
    static GENERATOR: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// The ID of a new trace.
pub(crate) fn trace_id() -> TraceId {
    loop {
        let id = TraceId::from(u128::from(random()) << 64 | u128::from(random()));
        if id != TraceId::INVALID {
            return id;
        }
    }
}

/// The ID of a new span.
pub(crate) fn span_id() -> SpanId {
    loop {
        let id = SpanId::from(random());
        if id != SpanId::INVALID {
            return id;
        }
    }
}

#[inline(never)]
fn random() -> u64 {
    let drawn = GENERATOR.try_with(|generator| generator.borrow_mut().random());
    // A thread that is being torn down.
    drawn.unwrap_or_else(|_| SmallRng::from_os_rng().random())
}

/// The same for spans of OpenTelemetry's API.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        span_id()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_between_threads_and_calls() {
        let draw = || -> Vec<_> { (0..1_000).map(|_| (trace_id(), span_id())).collect() };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_default())
                .collect()
        });
        let traces: HashSet<_> = all.iter().map(|(trace, _)| trace).collect();
        let spans: HashSet<_> = all.iter().map(|(_, span)| span).collect();
        assert_eq!((traces.len(), spans.len()), (4_000, 4_000));
    }
}
