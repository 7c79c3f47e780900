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
pub(super) fn with_buffers(chunks: &Arc<Chunks>, f: impl FnOnce(&Buffers)) {
    let mut f = Some(f);
    let mut run = |buffers: &Buffers| {
        if let Some(f) = f.take() {
            f(buffers);
        }
    };
    let found = MINE.try_with(|mine| {
        let Ok(mine) = mine.try_borrow() else {
            return false;
        };
        let found = mine.iter().find(|mine| mine.id == chunks.id);
        if let Some(mine) = found {
            run(&mine.buffers);
        }
        found.is_some()
    });
    if found == Ok(true) {
        return;
    }
    // The first time, or the thread is being torn down.
    match found.is_ok().then(|| enrol(chunks)).flatten() {
        Some(buffers) => run(&buffers),
        None => run(&chunks.orphanage),
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
