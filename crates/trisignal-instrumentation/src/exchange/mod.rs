//! One request with its response, from the call of the service to the end of the response body:
//! what HTTP and gRPC have in common.
//!
//! All that has to be said at the end is said in one place, [`Inside::settle`]: right after the code
//! with which the exchange ended, in the same entering of its span, else when the [`Exchange`] is
//! dropped. So it is said exactly once, however the exchange ends. Whoever runs code in it only notes
//! how: [`complete`](Inside::complete), [`fail`](Inside::fail), or nothing, which means that somebody
//! lost interest. What the end means is the business of the protocol: of its [`Outcome`].
//!
//! A request runs through cold code: the network's and ours push each other out of the processor's cache. So its way is kept short,
//! and what is `#[inline]` here is on it and has one caller there.
//!
//! | file | |
//! |---|---|
//! | `inside` | what is done in the span of an exchange |
//! | `measures` | what is measured |
//! | `family` | what exchanges that are alike have in common |
//! | `inbound` | what a server reads from the headers, and in which order |
//! | `answer` | the future of a server's response |
//! | `body` | the body that ends the exchange |
//! | `outbound` | what a client writes into the headers |
//! | `headers` | headers that are asked for by many names |
//! | `capture` | headers that become attributes because somebody asked for them |
//! | `rule` | callbacks of users, and what they leave out |
//! | `values` | what both conventions say about values |

mod answer;
mod body;
mod capture;
mod family;
mod headers;
mod inbound;
mod inside;
mod measures;
mod outbound;
mod rule;
pub(crate) mod values;

use std::time::Instant;

use http::HeaderValue;
use opentelemetry::{Context, ContextGuard};
use tracing::Span;
use tracing::span::Entered;

pub use self::answer::ServerFuture;
pub use self::body::ResponseBody;
pub(crate) use self::body::note_head;
pub(crate) use self::capture::Capture;
pub(crate) use self::family::{Family, Part};
use self::headers::mark;
pub(crate) use self::headers::{Headers, marks};
pub use self::inbound::Trust;
pub(crate) use self::inbound::{CorrelationHeaders, Inbound};
pub(crate) use self::inside::Inside;
pub(crate) use self::measures::{Instruments, Measures};
pub(crate) use self::outbound::send;
pub(crate) use self::rule::{Callback, Exclusions, PeerOf, guarded, peer_of};
use crate::{grpc, http as web};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// In a box: on its way from the call over the future into the body it is moved a dozen times.
pub(crate) struct Exchange {
    span: Span,
    course: Course,
}

/// An exchange without its span.
struct Course {
    side: Side,
    started: Instant,
    outcome: Outcome,
    /// Response headers to put on the span.
    capture: Capture,
    /// `None` for what is left out of the metrics.
    measures: Option<Measures>,
    /// Attached below the span: what is in force where no bridge makes the span's own context current.
    context: Option<Context>,
    /// Whether OpenTelemetry's span inside of ours is one that a bridge made of it.
    is_bridged: bool,
    /// The correlation ID for the answer of a server.
    correlation: Option<HeaderValue>,
    end: End,
    is_settled: bool,
}

/// What the protocol knows of the response.
pub(crate) enum Outcome {
    Http(web::Outcome),
    Grpc(grpc::Outcome),
}

/// The attributes that an end adds to those that are measured.
pub(crate) type Added<'a> = [(&'static str, Option<Part<'a>>); 3];

/// How an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Not at all: it was given up, if it is not still going on.
    Abandoned,
    Complete,
    Failed(&'static str),
}

impl Exchange {
    /// The exchange of `span`, which starts now.
    #[inline]
    pub(crate) fn new(
        side: Side,
        span: Span,
        outcome: Outcome,
        capture: Capture,
        measures: Option<Measures>,
    ) -> Box<Self> {
        Box::new(Self {
            span,
            course: Course {
                side,
                started: Instant::now(),
                outcome,
                capture,
                measures,
                context: None,
                is_bridged: false,
                correlation: None,
                end: End::Abandoned,
                is_settled: false,
            },
        })
    }
}

/// An exchange that was given up, or that a panic ended.
impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.course.is_settled {
            let inside = Inside::new(&self.span, &mut self.course);
            let scope = inside.enter();
            inside.leave(Some(scope), true);
        }
    }
}

/// An entered exchange.
struct Scope<'a> {
    // In this order: what was entered last is left first.
    _span: Entered<'a>,
    _context: Option<ContextGuard>,
}

impl<'a> Scope<'a> {
    /// Makes the span and its context current.
    fn enter(span: &'a Span, course: &Course) -> Self {
        let context = course.context.clone().map(Context::attach);
        Self {
            _span: span.enter(),
            _context: context,
        }
    }
}

/// Runs `work`, which is foreign code, inside the exchange of `slot`. Where it has ended with that, it
/// is taken out. When `work` panics the exchange ends with the error `panic`, and the panic goes on.
pub(crate) fn within<T>(
    slot: &mut Option<Box<Exchange>>,
    work: impl FnOnce(Option<&mut Inside<'_>>) -> T,
) -> T {
    let on_panic = OnPanic(slot);
    let exchange = on_panic.0.as_deref_mut();
    let mut inside = exchange.map(|Exchange { span, course }| Inside::new(span, course));
    let scope = inside.as_ref().map(Inside::enter);
    let result = work(inside.as_mut());
    if inside.is_some_and(|inside| inside.leave(scope, false)) {
        *on_panic.0 = None;
    }
    // Asking for the thread's panics instead would be wrong in a service that is polled by a
    // destructor during another panic.
    std::mem::forget(on_panic);
    result
}

struct OnPanic<'a>(&'a mut Option<Box<Exchange>>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.0.take() {
            exchange.course.end = End::Failed("panic");
        }
    }
}
