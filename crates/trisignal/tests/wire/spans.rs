//! What spans of `tracing` are when they arrive: with OpenTelemetry's API inside and around them, with the extension
//! trait, and at their bounds.

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use tracing::{info_span, warn};
use trisignal::otel::{Context, KeyValue};
use trisignal::{ByteSize, Limits, Protocol, SpanExt, Telemetry};
use trisignal_receiver::{Receiver, Span, SpanKind, SpanStatus, Value};

use super::common::{PATIENCE, assert_all_delivered, builder, receiver, record};

fn start() -> (Receiver, Telemetry) {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf).build().unwrap();
    (receiver, telemetry)
}

/// Runs `work` and answers the span called `name` that arrives.
#[track_caller]
fn one(name: &str, work: impl FnOnce()) -> Span {
    let (receiver, telemetry) = start();
    record(&telemetry, work);
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    Span::clone(&receiver.spans().name(name).one().unwrap())
}

fn remote() -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes([7; 16]),
        SpanId::from_bytes([9; 8]),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("vendor", "x")]).unwrap(),
    )
}

#[test]
fn spans_of_both_kinds_nest_in_each_other() {
    let (receiver, telemetry) = start();
    let tracer = telemetry.tracer_provider().unwrap().tracer("by hand");
    record(&telemetry, || {
        let outer = info_span!("outer").entered();
        let api = tracer.start_with_context("api", &Context::current());
        {
            let _attached = Context::current_with_span(api).attach();
            info_span!("inner").in_scope(|| {
                tracer
                    .start_with_context("innermost", &Context::current())
                    .end();
            });
        }
        drop(outer);
    });
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    let chain = ["outer", "api", "inner", "innermost"];
    let spans = chain.map(|name| receiver.spans().name(name).one().unwrap());
    assert!(spans[0].is_root());
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent_span_id, pair[0].span_id, "{}", pair[1].name);
        assert_eq!(pair[1].trace_id, pair[0].trace_id);
        assert_eq!(pair[1].parent_is_remote(), Some(false));
        // Made here, so random: also what the SDK's spans have from ours.
        assert_eq!(pair[0].flags & 0xff, 3);
        assert_eq!(pair[0].correlation_id(), Some(pair[0].trace_id.as_str()));
    }
}

#[test]
fn the_current_span_of_the_api_is_ours() {
    let span = one("renamed", || {
        info_span!("work").in_scope(|| {
            let cx = Context::current();
            let span = cx.span();
            assert!(span.is_recording() && span.span_context().is_sampled());
            span.set_attribute(KeyValue::new("n", 1));
            span.set_attribute(KeyValue::new("n", 2));
            span.add_event("happened", vec![KeyValue::new("why", "so")]);
            span.add_link(remote(), vec![KeyValue::new("kind", "cause")]);
            span.set_status(Status::error("no"));
            span.update_name("renamed");
        });
    });
    assert_eq!(span.attributes.i64("n"), Some(2));
    assert_eq!(span.attributes.keys().filter(|key| *key == "n").count(), 1);
    assert_eq!(span.events[0].attributes.str("why"), Some("so"));
    assert_eq!(span.links[0].span_id, "09".repeat(8));
    assert_eq!(span.links[0].trace_state, "vendor=x");
    assert_eq!(span.links[0].flags, 0x301);
    assert_eq!(span.links[0].attributes.str("kind"), Some("cause"));
    assert_eq!(span.status, SpanStatus::Error("no".to_owned()));
}

#[test]
fn a_span_that_was_ended_by_hand_stays_as_it_was() {
    let span = one("work", || {
        info_span!("work", late = tracing::field::Empty).in_scope(|| {
            Context::current().span().end();
            assert!(!Context::current().span().is_recording());
            tracing::Span::current().record("late", 1);
            tracing::Span::current().set_attribute("after", 1);
        });
    });
    assert!(!span.attributes.contains_key("late") && !span.attributes.contains_key("after"));
}

#[test]
fn the_extension_trait_says_what_macros_can_not() {
    let span = one("import of 7", || {
        let span = info_span!("import", error.type = tracing::field::Empty);
        assert!(
            span.span_context()
                .is_some_and(|context| context.is_sampled())
        );
        span.record("error.type", "timeout");
        span.set_attribute(format!("column.{}", 7), "customer");
        span.set_attribute("error.type", "refused");
        span.set_attribute("list", opentelemetry::Value::Array(vec![1_i64, 2].into()));
        span.add_link(&remote(), &[]);
        span.add_link(&SpanContext::NONE, &[]);
        span.add_event("header read", &[KeyValue::new("columns", 9)]);
        span.set_error("the file ends early");
        span.set_name("import of 7");
        drop(span);
        // Nobody listens to these.
        let disabled = tracing::trace_span!("disabled");
        assert_eq!(disabled.span_context(), None);
        disabled.set_attribute("n", 1);
        tracing::Span::none().set_ok();
    });
    assert_eq!(span.attributes.str("column.7"), Some("customer"));
    assert_eq!(span.attributes.str("error.type"), Some("refused"));
    let list = Value::Array(vec![Value::Int(1), Value::Int(2)]);
    assert_eq!(span.attr("list"), Some(&list));
    assert_eq!((span.links.len(), span.events.len()), (1, 1));
    assert_eq!(
        span.status,
        SpanStatus::Error("the file ends early".to_owned())
    );
    let ok = one("s", || {
        let span = info_span!("s");
        span.set_ok();
        span.set_error("too late");
    });
    assert_eq!(ok.status, SpanStatus::Ok);
}

#[test]
fn fields_that_speak_to_the_bridge() {
    let span = one("GET /", || {
        let span = info_span!(
            "request",
            otel.name = "GET /",
            otel.kind = "Server",
            otel.status_code = tracing::field::Empty,
            otel.status_message = tracing::field::Empty,
            otel.scope = "is data",
        );
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_message", "refused");
    });
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.status, SpanStatus::Error("refused".to_owned()));
    let directives: Vec<_> = span
        .attributes
        .keys()
        .filter(|key| key.starts_with("otel."))
        .collect();
    assert_eq!(directives, ["otel.scope"]);
}

/// Numbers that the stock bridge sends as text, and fields that panic.
#[test]
fn fields_of_every_kind_arrive() {
    struct Panics;
    impl std::fmt::Debug for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("a bug of the user")
        }
    }
    let span = one("s", || {
        drop(
            info_span!("s", u = 7_u64, big = u64::MAX, wide = 7_u128, f = 0.5, b = true, d = ?Some(1), p = ?Panics, t = "é"),
        );
    });
    let expected = [
        ("u", Value::Int(7)),
        ("big", Value::String(u64::MAX.to_string())),
        ("wide", Value::String("7".to_owned())),
        ("f", Value::Double(0.5)),
        ("b", Value::Bool(true)),
        ("d", Value::String("Some(1)".to_owned())),
        ("p", Value::String("<panicked>".to_owned())),
        ("t", Value::String("é".to_owned())),
    ];
    for (key, value) in expected {
        assert_eq!(span.attr(key), Some(&value), "{key}");
    }
}

/// Row 10 of the faults: values, attributes and events without end, with neighbours on both sides.
#[test]
fn a_span_without_bounds_is_cut_to_them_and_says_so() {
    let receiver = receiver();
    // The events are log records as well, and all of them wait where the machine is slow.
    let room = Some(ByteSize::from_mib(256));
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(Limits {
            queue_bytes: room,
            outbox: room,
            ..Limits::default()
        })
        .build()
        .unwrap();
    record(&telemetry, || {
        drop(info_span!("before"));
        let huge = "x".repeat(10 << 20);
        let span = info_span!("huge", huge);
        for number in 0..5_000_i64 {
            span.set_attribute(format!("key.{number}"), number);
        }
        span.in_scope(|| (0..1_000).for_each(|number| warn!(number, huge, "again")));
        drop(span);
        drop(info_span!("behind"));
    });
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    let span = receiver.spans().name("huge").one().unwrap();
    let huge = span.attributes.str("huge").unwrap();
    assert!(
        huge.len() <= 64 * 1024 && huge.ends_with("… [cut, 10485760 bytes]"),
        "{}",
        huge.len()
    );
    assert_eq!(span.attributes.len(), 128);
    // Also the correlation ID, the target and the place.
    assert_eq!(span.dropped_attributes_count, 5_000 + 1 + 5 - 128);
    assert!(!span.events.is_empty() && span.events.len() <= 128);
    assert_eq!(
        span.events.len() + span.dropped_events_count as usize,
        1_000
    );
    assert_eq!(
        span.events.last().unwrap().attributes.i64("number"),
        Some(999)
    );
    for neighbour in ["before", "behind"] {
        assert_eq!(receiver.spans().name(neighbour).count(), 1);
    }
    let mut requests = receiver.requests().into_iter();
    assert!(requests.all(|request| request.decompressed_bytes <= 1 << 20));
}

/// Row 31 of the faults: a span that is never entered, with 200,000 events; what it holds is bounded.
#[test]
fn the_last_error_of_too_many_events_is_there() {
    let span = one("endless", || {
        let span = info_span!("endless");
        for number in 0..200_000_i64 {
            if number == 100_000 {
                tracing::error!(parent: &span, number, "the reason");
            } else {
                warn!(parent: &span, number, "again");
            }
        }
    });
    assert_eq!(
        (span.events.len(), span.dropped_events_count),
        (128, 200_000 - 128)
    );
    let errors: Vec<_> = span
        .events
        .iter()
        .filter(|event| event.name == "the reason")
        .collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        span.events.last().unwrap().attributes.i64("number"),
        Some(199_999)
    );
    assert!(span.status.is_error());
}

/// Limits of the operator hold for spans, for their events and for log records.
#[test]
fn limits_of_the_operator_hold() {
    let receiver = receiver();
    let variables = [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "2"),
    ];
    let variables: std::collections::BTreeMap<_, _> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .environment(variables)
        .build()
        .unwrap();
    record(&telemetry, || {
        info_span!("s", a = "éééééé", b = 2, c = 3).in_scope(|| {
            (0..3).for_each(|number| warn!(text = "long enough", number, "w"));
            tracing::Span::current().add_link(&remote(), &[]);
            tracing::Span::current().add_link(&remote(), &[]);
        });
    });
    assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
    let span = receiver.spans().name("s").one().unwrap();
    let keys: Vec<_> = span.attributes.keys().collect();
    assert_eq!(keys, ["correlation.id", "a", "b"]);
    assert_eq!(span.attributes.str("a"), Some("éééé"));
    assert_eq!(span.dropped_attributes_count, 5);
    assert_eq!((span.events.len(), span.dropped_events_count), (2, 1));
    for event in &span.events {
        assert_eq!(
            (event.attributes.len(), event.attributes.str("text")),
            (1, Some("long"))
        );
        assert!(event.dropped_attributes_count > 0);
    }
    assert_eq!((span.links.len(), span.dropped_links_count), (1, 1));
    for log in receiver.logs().all() {
        assert_eq!(log.attributes.len(), 2);
        assert!(log.dropped_attributes_count > 0);
    }
}

/// What nobody records still has a place in its trace, which code inside of it hands on.
#[test]
fn a_span_that_is_not_sampled_still_propagates() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .sampler(opentelemetry_sdk::trace::Sampler::ParentBased(Box::new(
            opentelemetry_sdk::trace::Sampler::AlwaysOff,
        )))
        .build()
        .unwrap();
    let (outer, inner) = record(&telemetry, || {
        let here = || Context::current().span().span_context().clone();
        info_span!("outer").in_scope(|| {
            let outer = here();
            let inner = info_span!("inner").in_scope(|| {
                tracing::info!("a log record of it");
                assert!(!Context::current().span().is_recording());
                here()
            });
            (outer, inner)
        })
    });
    assert!(outer.is_valid() && !outer.is_sampled());
    assert_eq!(
        outer.trace_flags().to_u8(),
        2,
        "its ID is random all the same"
    );
    assert_eq!(inner.trace_id(), outer.trace_id());
    assert_ne!(inner.span_id(), outer.span_id());
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(report.traces.produced, 0);
    let log = receiver.logs().one().unwrap();
    assert_eq!(log.span_id, inner.span_id().to_string());
    assert_eq!(
        log.correlation_id(),
        Some(inner.trace_id().to_string().as_str())
    );
}

/// Threads that end, threads that go on, and spans that end on another thread than they began on.
#[test]
fn spans_of_all_threads_arrive() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(Limits::default())
        .build()
        .unwrap();
    let dispatch = super::common::subscriber(&telemetry);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    let kept: Vec<_> = (0..250_u64)
                        .map(|turn| info_span!("work", number = thread * 500 + turn))
                        .collect();
                    (250..500_u64)
                        .for_each(|turn| drop(info_span!("work", number = thread * 500 + turn)));
                    std::thread::spawn(move || drop(kept)).join().unwrap();
                });
            });
        }
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(report.traces.delivered, 2_000);
    assert_eq!(super::common::span_numbers(&receiver), (0..2_000).collect());
}
