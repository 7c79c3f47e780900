//! Which trace, span and correlation an event belongs to.

use opentelemetry::{
    Context as OtelContext, SpanId, TraceFlags, TraceId,
    baggage::BaggageExt as _,
    trace::{SpanContext, TraceContextExt as _, TraceState},
};
use tracing::{debug_span, info, info_span};
use trisignal_instrumentation::correlation::CorrelationId;

use super::*;

/// Trace and span of a line and of its record, which must agree.
fn place(line: &Json, record: &SdkLogRecord) -> Option<(TraceId, SpanId)> {
    let shown = line["trace_id"].as_str().map(|trace| {
        let span = line["span_id"].as_str().unwrap();
        assert_eq!(
            line["trace_flags"].as_str().unwrap().as_bytes()[1] & 1,
            1,
            "sampled"
        );
        (
            TraceId::from_hex(trace).unwrap(),
            SpanId::from_hex(span).unwrap(),
        )
    });
    let exported = record.trace_context().map(|trace| {
        assert!(trace.trace_flags.is_some_and(|flags| flags.is_sampled()));
        (trace.trace_id, trace.span_id)
    });
    assert_eq!(shown, exported);
    exported
}

fn place_of(span: &SpanSeen) -> Option<(TraceId, SpanId)> {
    Some((span.span_context.trace_id(), span.span_context.span_id()))
}

#[test]
fn an_event_belongs_to_the_span_that_it_is_in_or_names() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        info!("outside");
        let one = info_span!("one", field = 1);
        let two = info_span!("two", field = 2);
        one.in_scope(|| {
            info!("current");
            info!(parent: &two, "named");
            info!(parent: None, "root");
        });
        info!(parent: &two, "named outside");
    });
    let (one, two) = (rig.span("one"), rig.span("two"));
    let expected = [
        (None, None),
        (place_of(&one), Some(1)),
        (place_of(&two), Some(2)),
        (None, None),
        (place_of(&two), Some(2)),
    ];
    let (lines, records) = (rig.json(), rig.records());
    assert_eq!(records.len(), expected.len());
    for ((wanted, field), (line, record)) in expected.iter().zip(lines.iter().zip(&records)) {
        assert_eq!(place(line, record), *wanted, "{line}");
        assert_eq!(line["field"].as_i64(), *field, "{line}");
        let correlation = wanted.map(|(trace, _)| trace.to_string());
        assert_eq!(line["correlation_id"].as_str(), correlation.as_deref());
        assert_eq!(
            attribute(record, "correlation.id"),
            correlation.as_deref().and_then(text)
        );
    }
}

#[test]
fn a_parent_that_is_not_exported_leads_to_its_nearest_ancestor_that_is() {
    let rig = Rig::new(Filters {
        spans: "info",
        ..ALL
    });
    rig.run(|| {
        let exported = info_span!("exported", a = 1);
        let hidden = debug_span!(parent: &exported, "hidden", b = 2);
        let orphan = debug_span!(parent: None, "orphan", c = 3);
        info!(parent: &hidden, "through hidden");
        info!(parent: &orphan, "through orphan");
    });
    let (lines, records) = (rig.json(), rig.records());
    assert_eq!(rig.spans().len(), 1);
    assert_eq!(
        place(&lines[0], &records[0]),
        place_of(&rig.span("exported"))
    );
    assert_eq!((&lines[0]["a"], &lines[0]["b"]), (&1.into(), &2.into()));
    assert_eq!(place(&lines[1], &records[1]), None);
    assert_eq!(lines[1]["c"], 3);
}

#[test]
fn a_remote_parent_counts_without_any_span_of_our_own() {
    let rig = Rig::new(ALL);
    let remote = SpanContext::new(
        TraceId::from_bytes([7; 16]),
        SpanId::from_bytes([9; 8]),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    rig.run(|| {
        let cx = OtelContext::new().with_remote_span_context(remote.clone());
        let _attached = cx.attach();
        info!("no span yet");
    });
    let (line, record) = rig.only();
    assert_eq!(
        place(&line, &record),
        Some((remote.trace_id(), remote.span_id()))
    );
}

#[test]
fn the_correlation_of_the_context_is_stamped_even_without_a_trace() {
    let rig = Rig::new(ALL);
    let id: CorrelationId = "order-4711".parse().unwrap();
    rig.run(|| {
        let _attached = id.with_context(&OtelContext::new()).attach();
        info!("no trace");
        let span = info_span!("s", correlation.id = "order-4711");
        span.in_scope(|| info!("in a trace"));
        info!(parent: &span, "named");
        info!(parent: None, "root");
    });
    let (lines, records) = (rig.json(), rig.records());
    let expected = [Some("order-4711"); 3].into_iter().chain([None]);
    for (wanted, (line, record)) in expected.zip(lines.iter().zip(&records)) {
        assert_eq!(line["correlation_id"].as_str(), wanted);
        assert_eq!(attribute(record, "correlation.id"), wanted.and_then(text));
        assert_eq!(attribute(record, "fields.correlation.id"), None);
    }
    assert_eq!(lines[0].get("trace_id"), None);
}

#[test]
fn nothing_is_exported_while_telemetry_is_suppressed() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        info!("before");
        {
            let _suppressed = OtelContext::enter_telemetry_suppressed_scope();
            info!("suppressed");
            info!(parent: None, "suppressed root");
        }
        info!("after");
    });
    assert_eq!(bodies(&rig), ["before", "after"]);
    assert_eq!(
        messages(&rig),
        ["before", "suppressed", "suppressed root", "after"]
    );
}

#[test]
fn allowed_baggage_is_shown_and_a_field_of_that_name_wins() {
    let rig = Rig::new(ALL);
    let baggage = [
        KeyValue::new("tenant.id", "a"),
        KeyValue::new("secret", "b"),
        KeyValue::new("user.tier", "gold\n\u{1b}[31m"),
    ];
    let cx = OtelContext::new().with_baggage(baggage);
    rig.run(|| {
        let span = {
            let _request = cx.attach();
            info!("current");
            info_span!("span", tenant.id = "own")
        };
        info!(parent: &span, "named");
        info!("outside");
    });
    let (lines, records) = (rig.json(), rig.records());
    for (at, tenant, tier) in [
        (0, Some("a"), Some("gold\n\u{1b}[31m")),
        (1, Some("own"), Some("gold\n\u{1b}[31m")),
        (2, None, None),
    ] {
        for (name, value) in [("tenant.id", tenant), ("user.tier", tier), ("secret", None)] {
            assert_eq!(lines[at][name].as_str(), value, "{}", lines[at]);
            assert_eq!(attribute(&records[at], name), value.and_then(text));
        }
    }
}
