//! What a thread remembers: the spans that it is in, those that it left just now, and records for new ones.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, TraceContextExt as _};
use opentelemetry::{Context, ContextGuard};

use super::events::trace::Home;
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

/// The context that what happens here is in.
#[inline]
pub(crate) fn home() -> Home {
    inside().map_or(Home::Current, |inside| home_inside(&inside))
}

/// The context of a span that is entered and does not make it the current one.
#[cold]
fn home_inside(open: &Open) -> Home {
    open.place().map_or(Home::Current, Home::Named)
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
    (open.start.around().is_some() && outside == Outside::now()).then_some(open)
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

impl Nearby {
    #[inline]
    fn position(&self, bridge: u64, id: u64) -> Option<usize> {
        // An ID of a closed one may be another's.
        let is_it = |open: &Arc<Open>| open.is(bridge, id) && !open.is_closed();
        let is_there = |open: &Option<Arc<Open>>| open.as_ref().is_some_and(is_it);
        self.spans.iter().position(is_there)
    }
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
        let place = nearby.position(bridge, id)?;
        // The next one to be remembered takes the place that became free.
        nearby.next = place;
        nearby.spans[place].take()
    });
    recalled.ok().flatten()
}

/// A span that this thread remembers.
#[inline]
pub(crate) fn near(bridge: u64, id: u64) -> Option<Arc<Open>> {
    with_near(bridge, id, Arc::clone)
}

/// Shows it to `look`, which is no code of users.
#[inline]
pub(crate) fn with_near<T>(bridge: u64, id: u64, look: impl FnOnce(&Arc<Open>) -> T) -> Option<T> {
    let nearby = NEARBY.try_with(|nearby| {
        let nearby = nearby.try_borrow().ok()?;
        let place = nearby.position(bridge, id)?;
        nearby.spans[place].as_ref().map(look)
    });
    nearby.ok().flatten()
}

/// Enters a span.
#[inline]
pub(crate) fn enter(open: Arc<Open>) {
    let (guard, outside) = match open.start.active() {
        Some(context) => (Some(context.clone().attach()), None),
        None => (None, outside()),
    };
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

#[cold]
fn outside() -> Option<Outside> {
    BYPASSED.load(Ordering::Acquire).then(Outside::now)
}

/// Leaves a span, in whatever order.
#[inline]
pub(crate) fn leave(bridge: u64, id: u64) -> Option<Arc<Open>> {
    let left = ENTERED.try_with(|stack| {
        let Stack(stack) = &mut *stack.try_borrow_mut().ok()?;
        let is_innermost = stack.last()?.open.is(bridge, id);
        let left = if is_innermost {
            stack.pop()?
        } else {
            leave_inner(stack, bridge, id)?
        };
        Some((left.open, left.guard))
    });
    let (open, guard) = left.ok().flatten()?;
    // Out here: what ends with a context may be code of users.
    drop(guard);
    Some(open)
}

/// Leaves a span that is not the innermost one.
#[cold]
fn leave_inner(stack: &mut Vec<Entered>, bridge: u64, id: u64) -> Option<Entered> {
    let place = stack
        .iter()
        .rposition(|entered| entered.open.is(bridge, id))?;
    Some(stack.remove(place))
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
