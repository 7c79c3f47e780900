//! The buffers of this thread, one pair for each pipeline that it appends to.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::{Buffers, Chunks};

thread_local! {
    static MINE: RefCell<Vec<Mine>> = const { RefCell::new(Vec::new()) };
}

/// The buffers of this thread for one pipeline. They are given back when the thread ends.
struct Mine {
    id: u64,
    buffers: Arc<Buffers>,
    chunks: Weak<Chunks>,
}

impl Drop for Mine {
    fn drop(&mut self) {
        if let Some(chunks) = self.chunks.upgrade() {
            chunks.retire(&self.buffers);
        }
    }
}

/// Runs `f` with this thread's buffers for `chunks`. `f` must not come back here.
#[inline]
pub(super) fn with_buffers(chunks: &Arc<Chunks>, f: impl Fn(&Buffers)) {
    let found = MINE.try_with(|mine| {
        let mine = mine.try_borrow().ok()?;
        let mine = mine.iter().find(|mine| mine.id == chunks.id)?;
        f(&mine.buffers);
        Some(())
    });
    // The first time, or the thread is being torn down.
    if found.ok().flatten().is_none() {
        let enrolled = enrol(chunks);
        f(enrolled.as_deref().unwrap_or(&chunks.orphanage));
    }
}

/// Makes buffers for this thread and keeps them.
#[cold]
fn enrol(chunks: &Arc<Chunks>) -> Option<Arc<Buffers>> {
    let kept = MINE.try_with(|mine| {
        let mut mine = mine.try_borrow_mut().ok()?;
        // Those of pipelines that are gone.
        mine.retain(|mine| mine.chunks.strong_count() > 0);
        let buffers = chunks.enrol();
        mine.push(Mine {
            id: chunks.id,
            buffers: Arc::clone(&buffers),
            chunks: Arc::downgrade(chunks),
        });
        Some(buffers)
    });
    kept.ok().flatten()
}
