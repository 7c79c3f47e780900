//! Spans: a parent with three children, five attributes each, and one event.
//!
//! The event is a warning, which is an event of its span for every candidate. The attributes are two texts, an
//! integer, a boolean and a float; for fastrace, which knows texts only, the others are written as text.

use std::hint::black_box;

use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, global};

/// Values that no compiler knows.
const PATHS: [&str; 4] = ["/items/1", "/items/22", "/items/333", "/items/4444"];

fn path(turn: u64) -> &'static str {
    PATHS[black_box(turn as usize) % PATHS.len()]
}

pub(super) fn tracing(times: u64) {
    for turn in 0..times {
        let parent = tracing::info_span!(
            "GET /items/{id}",
            http.request.method = "GET",
            url.path = path(turn),
            http.response.status_code = black_box(200_i64),
            retried = turn % 2 == 0,
            cost = turn as f64,
        );
        let _entered = parent.enter();
        for child in 0..3 {
            let child = tracing::info_span!(
                "select item",
                db.system.name = "postgresql",
                db.collection.name = path(turn),
                db.response.returned_rows = black_box(child as i64),
                cached = turn % 2 == 0,
                cost = turn as f64,
            );
            child.in_scope(|| black_box(turn));
        }
        tracing::warn!("slow backend");
    }
}

pub(super) fn tracing_reenter(times: u64) {
    let span = tracing::info_span!("poll", url.path = path(times));
    for turn in 0..times {
        span.in_scope(|| black_box(turn));
    }
}

pub(super) fn fastrace(times: u64) {
    fastrace_trees(times, true);
}

pub(super) fn fastrace_unsampled(times: u64) {
    fastrace_trees(times, false);
}

fn fastrace_trees(times: u64, sampled: bool) {
    for turn in 0..times {
        let parent = Span::root("GET /items/{id}", SpanContext::random().sampled(sampled));
        let parent = parent.with_properties(|| {
            [
                ("http.request.method", "GET".into()),
                ("url.path", path(turn).into()),
                ("http.response.status_code", number(black_box(200_i64))),
                ("retried", flag(turn % 2 == 0)),
                ("cost", number(turn as f64)),
            ]
        });
        let _local = parent.set_local_parent();
        for child in 0..3 {
            let child = LocalSpan::enter_with_local_parent("select item").with_properties(|| {
                [
                    ("db.system.name", "postgresql".into()),
                    ("db.collection.name", path(turn).into()),
                    ("db.response.returned_rows", number(black_box(child as i64))),
                    ("cached", flag(turn % 2 == 0)),
                    ("cost", number(turn as f64)),
                ]
            });
            black_box(turn);
            drop(child);
        }
        LocalSpan::add_event(Event::new("slow backend"));
    }
}

fn number(value: impl ToString) -> std::borrow::Cow<'static, str> {
    value.to_string().into()
}

fn flag(value: bool) -> std::borrow::Cow<'static, str> {
    if value { "true".into() } else { "false".into() }
}

pub(super) fn fastrace_reenter(times: u64) {
    let span = Span::root("poll", SpanContext::random());
    for turn in 0..times {
        let _local = span.set_local_parent();
        black_box(turn);
    }
}

pub(super) fn otel(times: u64) {
    let tracer = global::tracer("bench");
    for turn in 0..times {
        let parent = tracer
            .span_builder("GET /items/{id}")
            .with_attributes([
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("url.path", path(turn)),
                KeyValue::new("http.response.status_code", black_box(200_i64)),
                KeyValue::new("retried", turn % 2 == 0),
                KeyValue::new("cost", turn as f64),
            ])
            .start(&tracer);
        let context = Context::current_with_span(parent);
        let _active = context.clone().attach();
        for child in 0..3 {
            let mut child = tracer
                .span_builder("select item")
                .with_attributes([
                    KeyValue::new("db.system.name", "postgresql"),
                    KeyValue::new("db.collection.name", path(turn)),
                    KeyValue::new("db.response.returned_rows", black_box(child as i64)),
                    KeyValue::new("cached", turn % 2 == 0),
                    KeyValue::new("cost", turn as f64),
                ])
                .start(&tracer);
            black_box(turn);
            child.end();
        }
        context.span().add_event("slow backend", Vec::new());
    }
}

pub(super) fn otel_reenter(times: u64) {
    let span = global::tracer("bench").start("poll");
    let context = Context::current_with_span(span);
    for turn in 0..times {
        let _active = context.clone().attach();
        black_box(turn);
    }
}
