//! Random programs of spans, and how they run.

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer as _,
};
use opentelemetry_sdk::trace::SdkTracer;
use proptest::prelude::*;
use tracing::field::{Empty, display};
use tracing::{Span, debug_span, error, info, info_span, warn};
use trisignal::context;
use trisignal::otel::{Context, KeyValue};

/// The attribute by which a span of a program is known.
pub(super) const KEY: &str = "key";

/// One step of a program. Numbers name open spans, counted over those that there are.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A span, with a parent as said.
    Open {
        parent: Parent,
        look: u8,
    },
    Enter(u8),
    /// Leaves a span that is entered, also if it is not the innermost.
    Exit(u8),
    /// Drops the handle. A span that is entered or has children goes on.
    Close(u8),
    Record {
        span: u8,
        field: u8,
    },
    Follow {
        span: u8,
        follows: u8,
    },
    Event {
        parent: Option<u8>,
        look: u8,
    },
    /// A span of OpenTelemetry's API, which is current until it is ended.
    ApiOpen,
    ApiEnd,
    /// Something done to what the API calls the current span.
    ApiChange(u8),
}

#[derive(Clone, Debug)]
pub(super) enum Parent {
    Current,
    Named(u8),
    Nobody,
    /// Of another process.
    Remote(u8),
}

impl Step {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let parent = prop_oneof![
            4 => Just(Parent::Current),
            2 => any::<u8>().prop_map(Parent::Named),
            1 => Just(Parent::Nobody),
            1 => any::<u8>().prop_map(Parent::Remote),
        ];
        prop_oneof![
            6 => (parent, any::<u8>()).prop_map(|(parent, look)| Self::Open { parent, look }),
            6 => any::<u8>().prop_map(Self::Enter),
            4 => any::<u8>().prop_map(Self::Exit),
            3 => any::<u8>().prop_map(Self::Close),
            3 => (any::<u8>(), any::<u8>()).prop_map(|(span, field)| Self::Record { span, field }),
            2 => (any::<u8>(), any::<u8>()).prop_map(|(span, follows)| Self::Follow { span, follows }),
            4 => (any::<Option<u8>>(), any::<u8>()).prop_map(|(parent, look)| Self::Event { parent, look }),
            2 => Just(Self::ApiOpen),
            2 => Just(Self::ApiEnd),
            2 => any::<u8>().prop_map(Self::ApiChange),
        ]
    }
}

#[derive(Default)]
struct Running {
    keys: i64,
    open: Vec<Span>,
    /// Those that are entered, with how often.
    entered: Vec<Span>,
    api: Vec<opentelemetry::ContextGuard>,
    /// What is entered last is left first, whether a span or a context.
    nested: bool,
    order: Vec<Kind>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Span,
    Api,
}

/// Runs `steps` on the current subscriber, and ends whatever is left open. `nested` leaves out what would leave spans and
/// contexts in another order than the reverse of that in which they were entered.
pub(super) fn run(steps: &[Step], tracer: &SdkTracer, nested: bool) {
    let mut running = Running {
        nested,
        ..Running::default()
    };
    for step in steps {
        running.step(step, tracer);
    }
    while let (true, Some(kind)) = (nested, running.order.pop()) {
        match kind {
            Kind::Api => drop(running.api.pop()),
            Kind::Span => running.entered.pop().iter().for_each(exit),
        }
    }
    while running.api.pop().is_some() {}
    while let Some(span) = running.entered.pop() {
        exit(&span);
    }
}

impl Running {
    fn step(&mut self, step: &Step, tracer: &SdkTracer) {
        match step {
            Step::Open { parent, look } => {
                self.keys += 1;
                let span = self.open(parent, *look);
                self.open.push(span);
            }
            Step::Enter(at) => {
                // Entered once more inside of another one it is the current span for our bridge, as it is for
                // OpenTelemetry's context; for `tracing` the other one still is.
                let entered =
                    |span: &&Span| self.entered.iter().all(|other| other.id() != span.id());
                if let Some(span) = pick(&self.open, *at).filter(entered).cloned() {
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                    self.entered.push(span);
                    self.order.push(Kind::Span);
                }
            }
            Step::Exit(_) if self.nested => {
                if self.leaves(Kind::Span) {
                    self.entered.pop().iter().for_each(exit);
                }
            }
            Step::Exit(at) => {
                if !self.entered.is_empty() {
                    let span = self.entered.remove(usize::from(*at) % self.entered.len());
                    exit(&span);
                }
            }
            Step::Close(at) => {
                if !self.open.is_empty() {
                    self.open.remove(usize::from(*at) % self.open.len());
                }
            }
            Step::Record { span, field } => {
                if let Some(span) = pick(&self.open, *span) {
                    record(span, *field);
                }
            }
            Step::Follow { span, follows } => {
                let pair = (pick(&self.open, *span), pick(&self.open, *follows));
                // A span that follows itself hangs in the other bridge for ever.
                if let (Some(span), Some(follows)) = pair
                    && span.id() != follows.id()
                {
                    span.follows_from(follows);
                }
            }
            Step::Event { parent, look } => match parent.and_then(|at| pick(&self.open, at)) {
                Some(parent) => event_in(parent, *look),
                None => event(*look),
            },
            Step::ApiOpen => {
                self.keys += 1;
                let mut span = tracer
                    .span_builder("api")
                    .with_kind(SpanKind::Client)
                    .start_with_context(tracer, &context::current());
                span.set_attribute(KeyValue::new(KEY, self.keys));
                self.api.push(context::current().with_span(span).attach());
                self.order.push(Kind::Api);
            }
            Step::ApiEnd if self.nested && !self.leaves(Kind::Api) => {}
            // The guard held the last reference, so the span ends with it.
            Step::ApiEnd => drop(self.api.pop()),
            Step::ApiChange(what) => change(*what),
        }
    }

    /// Whether the last that was entered is a `kind`. It is left then.
    fn leaves(&mut self, kind: Kind) -> bool {
        self.order.pop_if(|last| *last == kind).is_some()
    }

    fn open(&self, parent: &Parent, look: u8) -> Span {
        match parent {
            Parent::Current => contextual(self.keys, look),
            Parent::Nobody => info_span!(parent: None, "root", key = self.keys),
            Parent::Named(at) => match pick(&self.open, *at) {
                Some(parent) => {
                    info_span!(parent: parent, "child", key = self.keys, text = Empty, flag = true)
                }
                None => contextual(self.keys, look),
            },
            Parent::Remote(seed) => {
                let _attached = Context::new()
                    .with_remote_span_context(remote(*seed))
                    .attach();
                contextual(self.keys, look)
            }
        }
    }
}

fn contextual(key: i64, look: u8) -> Span {
    match look % 5 {
        0 => info_span!("plain", key),
        1 => info_span!("fields", key, text = "hello", number = -7, half = 0.5, debug = ?Some(1)),
        2 => info_span!(
            "directed",
            key,
            otel.name = "GET /",
            otel.kind = "server",
            text = Empty
        ),
        3 => info_span!(
            "failing",
            key,
            otel.status_code = "ERROR",
            otel.status_description = "why"
        ),
        _ => {
            info_span!(target: "elsewhere", "late", key, text = Empty, flag = Empty, number = Empty, otel.status_code = Empty)
        }
    }
}

fn record(span: &Span, field: u8) {
    match field % 5 {
        0 => span.record("text", "recorded"),
        1 => span.record("flag", false),
        2 => span.record("number", 42),
        3 => span.record("text", display(field)),
        _ => span.record("otel.status_code", "ERROR"),
    };
}

fn event(look: u8) {
    match look % 6 {
        0 => warn!("plain"),
        1 => warn!(text = "hello", number = 3, "fields"),
        2 => error!(debug = ?Some("x"), "failed"),
        3 => error!(error = %"why"),
        4 => warn!(number = 4),
        _ => info!("no event of a span"),
    }
}

fn event_in(parent: &Span, look: u8) {
    match look % 3 {
        0 => warn!(parent: parent, text = "hello", "named"),
        1 => error!(parent: parent, error = %"why"),
        _ => debug_span!(parent: parent, "not exported").in_scope(|| ()),
    }
}

fn change(what: u8) {
    let cx = context::current();
    let span = cx.span();
    match what % 4 {
        0 => span.set_attribute(KeyValue::new("dynamic", i64::from(what))),
        1 => span.add_event("happened", vec![KeyValue::new("n", i64::from(what))]),
        2 => span.set_status(Status::error("why")),
        _ => span.add_link(remote(what), Vec::new()),
    }
}

fn remote(seed: u8) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes([seed.max(1); 16]),
        SpanId::from_bytes([seed.max(1); 8]),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("vendor", "x")]).unwrap(),
    )
}

fn pick(spans: &[Span], at: u8) -> Option<&Span> {
    spans.get(usize::from(at).checked_rem(spans.len())?)
}

fn exit(span: &Span) {
    span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
}
