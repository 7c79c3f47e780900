//! What a thread remembers: the spans that it is in, and records for new ones.

use std::cell::RefCell;
use std::sync::Arc;

use opentelemetry::ContextGuard;

use super::open::Open;

/// How many records a thread keeps for new spans.
const SPARE: usize = 32;

thread_local! {
    static ENTERED: RefCell<Stack> = const { RefCell::new(Stack(Vec::new())) };
    static RECORDS: RefCell<Vec<Arc<Open>>> = const { RefCell::new(Vec::new()) };
}

/// A span that this thread is in.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Whose span it is: a thread may have several subscribers, one after the other or inside of each other.
    pub(crate) bridge: u64,
    pub(crate) open: Arc<Open>,
    /// Its context is current as long.
    pub(crate) guard: Option<ContextGuard>,
}

struct Stack(Vec<Entered>);

impl Drop for Stack {
    fn drop(&mut self) {
        // The thread ends inside of spans. OpenTelemetry's own memory of the thread may be gone already.
        for entered in self.0.drain(..) {
            std::mem::forget(entered.guard);
        }
    }
}

#[inline]
pub(crate) fn enter(entered: Entered) {
    let _ = ENTERED.try_with(|stack| {
        if let Ok(mut stack) = stack.try_borrow_mut() {
            stack.0.push(entered);
        }
    });
}

/// Leaves a span, in whatever order. What comes out is to be dropped by the caller: it may run code of users.
#[inline]
pub(crate) fn leave(bridge: u64, id: u64) -> Option<Entered> {
    let left = ENTERED.try_with(|stack| {
        let mut stack = stack.try_borrow_mut().ok()?;
        let is_it = |entered: &Entered| entered.bridge == bridge && entered.open.start.id == id;
        if stack.0.last().is_some_and(is_it) {
            return stack.0.pop();
        }
        let place = stack.0.iter().rposition(is_it)?;
        Some(stack.0.remove(place))
    });
    left.ok().flatten()
}

/// The innermost span of `bridge` that this thread is in.
#[inline]
pub(crate) fn current(bridge: u64) -> Option<Arc<Open>> {
    let current = ENTERED.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        let mut entered = stack.0.iter().rev();
        let innermost = entered.find(|entered| entered.bridge == bridge)?;
        Some(Arc::clone(&innermost.open))
    });
    current.ok().flatten()
}

/// A record that nobody else has.
#[inline]
pub(crate) fn new_record() -> Arc<Open> {
    let spare = RECORDS.try_with(|records| records.try_borrow_mut().ok()?.pop());
    spare.ok().flatten().unwrap_or_default()
}

/// Keeps a record for another span, if nobody else has it any more.
pub(crate) fn give_back(mut record: Arc<Open>) {
    let Some(open) = Arc::get_mut(&mut record) else {
        return;
    };
    open.reset();
    let _ = RECORDS.try_with(|records| {
        if let Ok(mut records) = records.try_borrow_mut()
            && records.len() < SPARE
        {
            records.push(record);
        }
    });
}
