//! What a thread remembers: the spans that it is in, those that it left just now, and records for new ones.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, TraceContextExt as _};
use opentelemetry::{Context, ContextGuard};

use super::open::Open;

/// How many records a thread keeps for new spans.
const SPARE: usize = 32;

/// How many spans that are not entered a thread finds again by itself: those of an instrumented future are entered and
/// left at each poll.
const NEAR: usize = 4;

thread_local! {
    static ENTERED: RefCell<Stack> = const { RefCell::new(Stack(Vec::new())) };
    static NEARBY: RefCell<Nearby> = const { RefCell::new(Nearby { spans: [const { None }; NEAR], next: 0 }) };
    static RECORDS: RefCell<Vec<Arc<Open>>> = const { RefCell::new(Vec::new()) };
}

/// A span that this thread is in.
struct Entered {
    open: Arc<Open>,
    /// Its context is current as long.
    guard: Option<ContextGuard>,
    /// Where its context is not made the current one: what is that instead.
    outside: Option<Outside>,
}

/// Whether any bridge leaves OpenTelemetry's current context alone, which nearly none does.
static BYPASSED: AtomicBool = AtomicBool::new(false);

/// Enough of OpenTelemetry's current context to see that another one was made current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outside {
    span: SpanId,
    /// The address of the baggage.
    baggage: usize,
    is_suppressed: bool,
}

impl Outside {
    #[inline]
    fn now() -> Self {
        Context::map_current(|cx| Self {
            span: cx.span().span_context().span_id(),
            baggage: std::ptr::from_ref(cx.baggage()).addr(),
            is_suppressed: cx.is_telemetry_suppressed(),
        })
    }
}

/// From here on spans may be entered without their contexts. Has code that asks for the current context ask here too.
pub(crate) fn bypass() {
    BYPASSED.store(true, Ordering::Release);
    trisignal_instrumentation::context::set_bridge(|| inside()?.context());
}

/// The exported span that this thread is in, if its context would be the current one and is not.
#[inline]
pub(crate) fn inside() -> Option<Arc<Open>> {
    if BYPASSED.load(Ordering::Acquire) {
        inside_bypassed()
    } else {
        None
    }
}

#[inline(never)]
fn inside_bypassed() -> Option<Arc<Open>> {
    let entered = ENTERED.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        let innermost = stack.0.last()?;
        let open = innermost.open.exported()?;
        Some((Arc::clone(open), innermost.outside?))
    });
    let (open, outside) = entered.ok().flatten()?;
    // What was attached since is more current.
    (open.start.around.is_some() && outside == Outside::now()).then_some(open)
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

struct Nearby {
    spans: [Option<Arc<Open>>; NEAR],
    next: usize,
}

/// Remembers a span that this thread will enter, in all likelihood.
#[inline]
pub(crate) fn remember(open: Arc<Open>) {
    let forgotten = NEARBY.try_with(|nearby| {
        let mut nearby = nearby.try_borrow_mut().ok()?;
        let place = nearby.next % NEAR;
        nearby.next = place + 1;
        nearby.spans[place].replace(open)
    });
    // Out here: what ends with a context may be code of users.
    drop(forgotten);
}

/// What was remembered of a span, which is forgotten by that.
#[inline]
pub(crate) fn recall(bridge: u64, id: u64) -> Option<Arc<Open>> {
    let recalled = NEARBY.try_with(|nearby| {
        let mut nearby = nearby.try_borrow_mut().ok()?;
        let place = nearby
            .spans
            .iter()
            .position(|open| open.as_ref().is_some_and(|open| open.is(bridge, id)))?;
        // The next one to be remembered takes the place that became free.
        nearby.next = place;
        nearby.spans[place].take()
    });
    recalled.ok().flatten()
}

/// Shows `look` a span that this thread remembers or is in.
#[inline]
pub(crate) fn with<T>(bridge: u64, id: u64, look: impl Fn(&Open) -> T) -> Option<T> {
    let show = |open: &Arc<Open>| open.is(bridge, id).then(|| look(open));
    let nearby = NEARBY.try_with(|nearby| {
        let nearby = nearby.try_borrow().ok()?;
        nearby.spans.iter().flatten().find_map(show)
    });
    nearby.ok().flatten().or_else(|| {
        let entered = ENTERED.try_with(|stack| {
            let stack = stack.try_borrow().ok()?;
            stack.0.iter().rev().find_map(|entered| show(&entered.open))
        });
        entered.ok().flatten()
    })
}

/// Enters a span.
#[inline]
pub(crate) fn enter(open: Arc<Open>) {
    let guard = open.start.context.clone().map(Context::attach);
    let outside = (guard.is_none() && BYPASSED.load(Ordering::Acquire)).then(Outside::now);
    let _ = ENTERED.try_with(|stack| {
        if let Ok(mut stack) = stack.try_borrow_mut() {
            stack.0.push(Entered {
                open,
                guard,
                outside,
            });
        }
    });
}

/// Leaves a span, in whatever order.
#[inline]
pub(crate) fn leave(bridge: u64, id: u64) -> Option<Arc<Open>> {
    let left = ENTERED.try_with(|stack| {
        let mut stack = stack.try_borrow_mut().ok()?;
        let is_it = |entered: &Entered| entered.open.is(bridge, id);
        if stack.0.last().is_some_and(is_it) {
            return stack.0.pop();
        }
        let place = stack.0.iter().rposition(is_it)?;
        Some(stack.0.remove(place))
    });
    // The guard is dropped out here: what ends with a context may be code of users.
    Some(left.ok().flatten()?.open)
}

/// The innermost span of `bridge` that this thread is in.
#[inline]
pub(crate) fn current(bridge: u64) -> Option<Arc<Open>> {
    with_current(bridge, Arc::clone)
}

/// Shows `look`, which is no code of users, the innermost span of `bridge` that this thread is in.
#[inline]
pub(crate) fn with_current<T>(bridge: u64, look: impl FnOnce(&Arc<Open>) -> T) -> Option<T> {
    let current = ENTERED.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        let mut entered = stack.0.iter().rev();
        let innermost = entered.find(|entered| entered.open.start.bridge == bridge)?;
        Some(look(&innermost.open))
    });
    current.ok().flatten()
}

/// A record that nobody else has.
#[inline]
pub(crate) fn new_record() -> Arc<Open> {
    let spare = RECORDS.try_with(|records| records.try_borrow_mut().ok()?.pop());
    spare.ok().flatten().unwrap_or_default()
}

/// Keeps a record for another span.
#[inline]
pub(crate) fn keep_record(record: Arc<Open>) {
    let _ = RECORDS.try_with(|records| {
        if let Ok(mut records) = records.try_borrow_mut()
            && records.len() < SPARE
        {
            records.push(record);
        }
    });
}
