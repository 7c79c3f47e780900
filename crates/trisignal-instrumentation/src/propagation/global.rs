//! The global propagator, where it is one of ours: then it is known which headers it reads, and a request without any of them
//! need not be shown to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};
use opentelemetry::{Context, global};

use super::{Format, composite};
use crate::exchange::Headers;

/// The marks of all headers that the global propagator reads.
static READS: AtomicU64 = AtomicU64::new(ANYTHING);

/// It is not known which: it is somebody else's propagator.
const ANYTHING: u64 = u64::MAX;

/// Makes [`composite`] of `formats` the global propagator.
///
/// The server layers of this crate know what it reads, and don't ask it about requests that have none of its headers. They ask
/// every other propagator about every request.
///
/// ```
/// use trisignal_instrumentation::propagation::{self, Format};
///
/// // What `trisignal::init` does; a program without it says it itself.
/// propagation::set_global(&[Format::B3, Format::Baggage]);
/// ```
pub fn set_global(formats: &[Format]) {
    let installed = Arc::new(());
    let still = Arc::downgrade(&installed);
    global::set_text_map_propagator(Global {
        composite: composite(formats),
        _installed: installed,
    });
    let reads = formats
        .iter()
        .fold(0, |marks, format| marks | format.reads());
    global::get_text_map_propagator(|_| {
        // Nobody can take its place meanwhile.
        if still.strong_count() > 0 {
            READS.store(reads, Ordering::Relaxed);
        }
    });
}

/// Whether the global propagator may find something in `headers`.
pub(crate) fn may_extract(headers: &Headers<'_>) -> bool {
    let reads = READS.load(Ordering::Relaxed);
    reads == ANYTHING || headers.may_have_any(reads)
}

/// A propagator that is the global one for as long as it lives.
#[derive(Debug)]
struct Global {
    composite: TextMapCompositePropagator,
    _installed: Arc<()>,
}

impl Drop for Global {
    fn drop(&mut self) {
        READS.store(ANYTHING, Ordering::Relaxed);
    }
}

impl TextMapPropagator for Global {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.composite.inject_context(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.composite.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.composite.fields()
    }
}
