//! Our bridge against `tracing-opentelemetry`: random programs of spans run through both, and what arrives is compared
//! field by field.
//!
//! The programs keep to what is meant to be the same. What is different on purpose is in `docs/spans.md`, and tested in
//! `spans.rs`: numbers that are unsigned, sources of errors, names and kinds that are recorded late, a status that is
//! `Ok` before it is an error, more events than the limit.

mod program;

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry::trace::TracerProvider as _;
use proptest::prelude::*;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};
use trisignal::Protocol;
use trisignal_receiver::{Receiver, Span, SpanKind, SpanStatus};

use self::program::{KEY, Step, run};
use super::common::{
    PATIENCE, assert_all_delivered, builder, random_programs, receiver, subscriber,
};

/// A span without what differs from run to run: IDs are names, and of times only their order is left.
#[derive(Debug, PartialEq)]
struct Shape {
    name: String,
    kind: SpanKind,
    /// The span around it, by its key or, where it is of another process, by its ID.
    parent: String,
    /// The key of the first span of its trace here.
    trace: String,
    flags: u32,
    trace_state: String,
    status: SpanStatus,
    attributes: BTreeMap<String, String>,
    events: Vec<(String, BTreeMap<String, String>)>,
    links: Vec<(String, u32)>,
    ends_after_it_starts: bool,
}

/// Who makes spans of `tracing`, with the same pipeline behind it.
#[derive(Clone, Copy, PartialEq)]
enum Bridge {
    Ours,
    /// Ours, which leaves OpenTelemetry's current context alone.
    OursWithoutActivation,
    Other,
}

/// Runs `steps` with `bridge`.
fn arrived(steps: &[Step], bridge: Bridge, nested: bool) -> Receiver {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .context_activation(bridge != Bridge::OursWithoutActivation)
        .build()
        .unwrap();
    let ours = bridge != Bridge::Other;
    let provider = telemetry.tracer_provider().unwrap();
    let dispatch = if ours {
        subscriber(&telemetry)
    } else {
        let wanted = filter_fn(|metadata| {
            *metadata.level()
                <= if metadata.is_span() {
                    Level::INFO
                } else {
                    Level::WARN
                }
        });
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("trisignal"))
            .with_error_records_to_exceptions(false)
            .with_tracked_inactivity(false)
            .with_threads(false)
            .with_filter(wanted);
        Dispatch::new(Registry::default().with(layer))
    };
    tracing::dispatcher::with_default(&dispatch, || {
        run(steps, &provider.tracer("by hand"), nested)
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(report.lost(), 0, "{report}");
    if !ours {
        assert_all_delivered(&report, &receiver);
    }
    receiver
}

/// The spans that arrived, by their key.
fn shapes(receiver: &Receiver, ours: bool) -> BTreeMap<String, Shape> {
    let spans = receiver.spans().all();
    let key = |span: &Span| span.attributes.i64(KEY).map(|key| key.to_string());
    let keys: BTreeMap<_, _> = spans
        .iter()
        .map(|span| (span.span_id.clone(), key(span).unwrap()))
        .collect();
    let name_of = |id: &String| keys.get(id).cloned().unwrap_or_else(|| id.clone());
    let firsts: BTreeMap<_, BTreeSet<_>> =
        spans.iter().fold(BTreeMap::new(), |mut firsts, span| {
            let of_trace: &mut BTreeSet<_> = firsts.entry(span.trace_id.clone()).or_default();
            of_trace.insert(keys[&span.span_id].parse::<i64>().unwrap());
            firsts
        });
    let shape = |span: &Span| Shape {
        name: span.name.clone(),
        kind: span.kind,
        parent: name_of(&span.parent_span_id),
        trace: firsts[&span.trace_id].first().unwrap().to_string(),
        // Roots of the SDK are not said to be random, ours are.
        flags: span.flags & !2,
        trace_state: span.trace_state.clone(),
        status: span.status.clone(),
        attributes: attributes(&span.attributes, &span.trace_id, false),
        events: span
            .events
            .iter()
            .map(|event| {
                let renamed = ours && event.name == "exception";
                let attributes = attributes(&event.attributes, &span.trace_id, renamed);
                (event.name.clone(), attributes)
            })
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| (name_of(&link.span_id), link.flags & !2))
            .collect(),
        ends_after_it_starts: span.end_unix_nano >= span.start_unix_nano,
    };
    spans
        .iter()
        .map(|span| (keys[&span.span_id].clone(), shape(span)))
        .collect()
}

/// Attributes with their values as text. One that came twice has its last value, which ours has once.
fn attributes(
    attributes: &trisignal_receiver::Attributes,
    trace_id: &str,
    renamed: bool,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<_, _> = attributes
        .iter()
        .map(|(key, value)| {
            (
                key.to_owned(),
                format!("{value:?}").replace(trace_id, "its trace"),
            )
        })
        .collect();
    if renamed {
        // The error is `exception.message` in both; ours keeps the field as well.
        all.remove("error");
    }
    all
}

/// A description that is set before a span is entered for the first time is lost in the other bridge when the code is
/// set again.
fn forget_kept_descriptions(ours: &mut BTreeMap<String, Shape>, theirs: &BTreeMap<String, Shape>) {
    let lost = SpanStatus::Error(String::new());
    for (key, shape) in ours {
        if shape.status.is_error() && theirs.get(key).is_some_and(|theirs| theirs.status == lost) {
            shape.status = lost.clone();
        }
    }
}

proptest! {
    #![proptest_config(random_programs(48))]

    #[test]
    fn both_bridges_send_the_same(steps in prop::collection::vec(Step::any(), 1..40)) {
        let [mut ours, theirs] = [Bridge::Ours, Bridge::Other].map(|bridge| {
            let receiver = arrived(&steps, bridge, false);
            shapes(&receiver, bridge == Bridge::Ours)
        });
        forget_kept_descriptions(&mut ours, &theirs);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn code_that_asks_us_for_the_context_finds_it_without_activation(
        steps in prop::collection::vec(Step::any(), 1..40)
    ) {
        let [with, without] = [Bridge::Ours, Bridge::OursWithoutActivation]
            .map(|bridge| shapes(&arrived(&steps, bridge, true), true));
        prop_assert_eq!(with, without);
    }
}
