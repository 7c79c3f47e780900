//! What is below the bridge where it is the only layer: a subscriber that gives spans their IDs and counts who holds
//! them.
//!
//! `tracing_subscriber`'s registry does that for any number of layers, keeps data of spans for them, and costs more for it.
//! The rules are the registry's: a span closes when no handle and no open span inside of it is left.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use super::local;
use super::open::Open;
use super::table::{NEIGHBOURS, Table};

/// The first ID that no thread has taken; a thread takes many at once. IDs are not used again, and 0 is none.
static UNUSED: AtomicU64 = AtomicU64::new(NEIGHBOURS);

thread_local! {
    /// The next ID of this thread, and the end of those that it took.
    static IDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// The spans of a bridge, as far as `tracing` has to do with them. The bridge keeps their records.
#[derive(Debug)]
pub(crate) struct Core(Arc<Table>);

impl Core {
    pub(crate) fn new(table: &Arc<Table>) -> Self {
        Self(Arc::clone(table))
    }

    /// Shows `look` an open span. There may be none: where spans are nested without end the bridge leaves some out.
    #[inline]
    fn with<T>(&self, id: &Id, look: fn(&Open) -> T) -> Option<T> {
        let near = local::with_near(self.0.bridge(), id.into_u64(), |open| look(open));
        near.or_else(|| self.with_far(id, look))
    }

    /// The same with one that this thread does not remember.
    #[cold]
    fn with_far<T>(&self, id: &Id, look: fn(&Open) -> T) -> Option<T> {
        self.0.get(id).map(|open| look(&open))
    }
}

fn next_id() -> Id {
    let (mut next, mut end) = IDS.get();
    if next == end {
        next = UNUSED.fetch_add(NEIGHBOURS, Ordering::Relaxed);
        end = next + NEIGHBOURS;
    }
    IDS.set((next + 1, end));
    Id::from_u64(next)
}

impl Subscriber for Core {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        // The bridge has been asked.
        true
    }

    #[inline]
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        next_id()
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    #[inline]
    fn enter(&self, _: &Id) {}

    #[inline]
    fn exit(&self, _: &Id) {}

    #[inline]
    fn clone_span(&self, id: &Id) -> Id {
        self.with(id, Open::hold);
        id.clone()
    }

    #[inline]
    fn try_close(&self, id: Id) -> bool {
        self.with(&id, Open::release).unwrap_or_default()
    }

    fn current_span(&self) -> Current {
        local::current(self.0.bridge())
            .and_then(|open| Some((Id::from_u64(open.start.id), open.start.metadata?)))
            .map_or_else(Current::none, |(id, metadata)| Current::new(id, metadata))
    }
}
