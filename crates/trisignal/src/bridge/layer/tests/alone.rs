//! The layer by itself on its subscriber, and spans that a thread enters again.

use std::collections::HashMap;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tracing::span::EnteredSpan;
use tracing::{Span, info_span, trace_span};

use super::*;

/// A rig without a registry.
pub(super) fn alone(filters: Filters) -> Rig {
    Rig::with_subscriber(filters, ConsoleFormat::Json, |options| {
        Dispatch::new(subscriber(options))
    })
}

#[test]
fn the_only_layer_filters_as_one_behind_a_filter() {
    let program = || {
        for id in [7, 8] {
            let _request = info_span!("request", id).entered();
            tracing::debug!("inside");
            let _detail = trace_span!("detail").entered();
            tracing::warn!(target: "h2", "of the stack");
            tracing::info!("further inside");
        }
        tracing::debug!("outside");
    };
    let filters = [
        ["info", "debug", "trace"],
        ["off", "off", "off"],
        ["warn,[request{id=7}]=debug", "error", "info"],
        ["off", "[detail]=trace", "[request{id=8}]=trace"],
        ["trace", "off", "off"],
    ];
    for [console, logs, spans] in filters {
        let filters = || Filters {
            console,
            logs,
            spans,
        };
        let seen = [alone(filters()), Rig::new(filters())].map(|rig| {
            rig.run(program);
            let bodies = rig.records().into_iter().map(|record| {
                let inherited = record.attributes_iter().count();
                (format!("{:?}", record.body()), inherited)
            });
            let spans: Vec<_> = rig.out.spans().into_iter().map(|span| span.name).collect();
            let said = |line: &Json| format!("{} {}", line["message"], line["request"]);
            let lines: Vec<_> = rig.json().iter().map(said).collect();
            (lines, bodies.collect::<Vec<_>>(), spans)
        });
        assert_eq!(seen[0], seen[1], "{console} {logs} {spans}");
    }
}

#[test]
fn a_span_is_found_again_until_it_is_closed() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let spans: Vec<_> = (0..9).map(|id| info_span!("poll", id)).collect();
        let enter_all = || {
            for span in &spans {
                span.in_scope(|| tracing::info!("polled"));
            }
        };
        enter_all();
        std::thread::scope(|scope| {
            // What this thread remembers of them is not what others do.
            scope.spawn(|| rig.run(enter_all));
        });
        enter_all();
        drop(spans);
        // Their IDs, or what is left of them, go to others.
        for id in 9..18 {
            info_span!("later", id).in_scope(|| tracing::info!("polled"));
        }
    });
    let ids: Vec<_> = rig
        .json()
        .iter()
        .map(|line| line["id"].to_string())
        .collect();
    let expected: Vec<_> = [0..9, 0..9, 0..9, 9..18]
        .into_iter()
        .flatten()
        .map(|id: i32| id.to_string())
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(rig.out.spans().len(), 18);
}

/// Handles of spans come and go in all ways, and spans are entered and left, here and on other threads.
fn spans_at_random(seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut handles: Vec<Span> = Vec::new();
    let mut entered: Vec<EnteredSpan> = Vec::new();
    for n in 0..60 {
        let chosen = random.random_range(0..8.max(handles.len()));
        let known = handles.get(chosen);
        match random.random_range(0..12) {
            0..3 => handles.push(info_span!("new", n)),
            3 => handles.push(info_span!(parent: None, "root", n)),
            4 => handles.extend(known.map(|span| info_span!(parent: span, "child", n))),
            5 => handles.extend(known.cloned()),
            6 => handles.push(Span::current()),
            // In a span that is entered twice the registry takes the one around it for the current one, we don't.
            7 => {
                let is_left =
                    |span: &&Span| entered.iter().all(|other: &EnteredSpan| **other != **span);
                let span = known.filter(is_left).cloned();
                entered.extend(span.map(Span::entered));
            }
            8 if !entered.is_empty() => {
                // In any order.
                let place = random.random_range(0..entered.len());
                drop(entered.remove(place));
            }
            9 if known.is_some() => {
                let span = handles.remove(chosen);
                let dispatch = dispatcher::get_default(Dispatch::clone);
                let drop_there = || dispatcher::with_default(&dispatch, || span.in_scope(|| ()));
                std::thread::scope(|scope| scope.spawn(drop_there).join().unwrap());
                drop(span);
            }
            _ if known.is_some() => drop(handles.remove(chosen)),
            _ => tracing::info!(event = n, "happened"),
        }
    }
}

#[test]
fn without_a_registry_spans_open_and_close_as_with_one() {
    for seed in 0..200 {
        let seen = [alone(ALL), Rig::new(ALL)].map(|rig| {
            rig.run(|| spans_at_random(seed));
            let spans = rig.out.spans();
            let number = |span: &SpanSeen| {
                let mut attributes = span.attributes.iter();
                attributes.find_map(|kv| (kv.key.as_str() == "n").then(|| kv.value.to_string()))
            };
            let numbers: HashMap<_, _> = spans
                .iter()
                .map(|span| (span.span_context.span_id(), number(span)))
                .collect();
            // In the order in which they ended.
            let ended: Vec<_> = spans
                .iter()
                .map(|span| (number(span), numbers.get(&span.parent_span_id).cloned()))
                .collect();
            let lines: Vec<_> = rig
                .json()
                .iter()
                .map(|line| format!("{} {}", line["event"], line["n"]))
                .collect();
            (ended, lines)
        });
        assert!(!seen[0].0.is_empty());
        assert_eq!(seen[0], seen[1], "{seed}");
    }
}

#[test]
fn a_span_that_is_open_for_somebody_else_is_the_current_one_for_nobody() {
    let rig = alone(ALL);
    rig.run(|| {
        let span = info_span!("outer");
        assert!(Span::current().is_none());
        let inner = span.in_scope(|| {
            assert_eq!(Span::current(), span);
            info_span!("inner")
        });
        drop(span);
        // The inner one keeps it open.
        assert!(rig.out.spans().is_empty());
        std::thread::scope(|scope| scope.spawn(move || drop(inner)).join().unwrap());
        let spans = rig.out.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["inner", "outer"]);
        assert!(Span::current().is_none());
    });
}
