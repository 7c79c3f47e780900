//! What a line looks like, and which format is chosen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::{KeyValue, SpanId, TraceFlags, TraceId};

use super::*;
use crate::bridge::events::fields::Value;

const TRACE: TraceIds = TraceIds {
    trace_id: TraceId::from_bytes([0x4b; 16]),
    span_id: SpanId::from_bytes([0x0a; 8]),
    flags: TraceFlags::NOT_SAMPLED,
};

struct Case {
    format: ConsoleFormat,
    terminal: bool,
    no_color: bool,
}

const JSON: Case = Case {
    format: ConsoleFormat::Json,
    terminal: false,
    no_color: false,
};

const ECS: Case = Case {
    format: ConsoleFormat::Ecs,
    ..JSON
};

const PRETTY: Case = Case {
    format: ConsoleFormat::Pretty,
    ..JSON
};

/// What a console opened like this writes for `line`.
fn written(case: &Case, line: &Line<'_>) -> Option<String> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&bytes);
    let write = move |line: &[u8]| {
        sink.lock().unwrap().push(line.to_vec());
        Ok(())
    };
    let writer = if case.terminal {
        ConsoleWriter::terminal_from_fn(write)
    } else {
        ConsoleWriter::from_fn(write)
    };
    let (console, _) = Console::open(ConsoleOptions {
        format: case.format,
        service: "check\"out\n".to_owned(),
        resource: Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "check\"out\n"),
                KeyValue::new("service.version", "1.2.3"),
                KeyValue::new("host.name", "not said"),
            ])
            .build(),
        filter: Filter::parse("info").unwrap(),
        writer,
        no_color: case.no_color,
    })?;
    console.write(line, &mut String::new());
    let mut calls = bytes.lock().unwrap().clone();
    assert_eq!(calls.len(), 1, "a line is one write");
    Some(String::from_utf8(calls.remove(0)).unwrap())
}

fn fields() -> Fields {
    let mut fields = Fields::default();
    fields.set("order.id", Value::U64(42));
    fields.set("total", Value::F64(9.0));
    fields.set("who", Value::Text("Ann \"A\" \\ B\n"));
    fields.set("path", Value::Text("/pay\\x"));
    fields.set("empty", Value::Text(""));
    fields
}

fn line(fields: &Fields) -> Line<'_> {
    Line {
        time: UNIX_EPOCH + Duration::new(1_795_366_800, 123_456_789),
        level: Level::WARN,
        target: "checkout::\u{202e}orders",
        message: Some("order\x1b[2J placed"),
        exception: None,
        trace: Some(TRACE),
        correlation: Some("order-4711"),
        fields,
    }
}

#[test]
fn a_json_line_in_full() {
    let fields = fields();
    let expected = concat!(
        r#"{"timestamp":"2026-11-22T17:00:00.123456789Z","level":"WARN","service":"check\"out\n","#,
        r#""message":"order\u001b[2J placed","target":"checkout::\u202eorders","#,
        r#""trace_id":"4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b","span_id":"0a0a0a0a0a0a0a0a","#,
        r#""trace_flags":"00","correlation_id":"order-4711","order.id":42,"total":9.0,"#,
        r#""who":"Ann \"A\" \\ B\n","path":"/pay\\x","empty":""}"#,
        "\n"
    );
    assert_eq!(written(&JSON, &line(&fields)).unwrap(), expected);
}

#[test]
fn an_ecs_line_in_full() {
    let fields = fields();
    let expected = concat!(
        r#"{"@timestamp":"2026-11-22T17:00:00.123456789Z","log.level":"WARN","message":"order\u001b[2J placed","#,
        r#""ecs.version":"8.11.0","service.name":"check\"out\n","service.version":"1.2.3","#,
        r#""log.logger":"checkout::\u202eorders","#,
        r#""trace.id":"4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b","span.id":"0a0a0a0a0a0a0a0a","#,
        r#""labels":{"correlation_id":"order-4711","who":"Ann \"A\" \\ B\n","path":"/pay\\x","empty":""},"#,
        r#""numeric_labels":{"order_id":42,"total":9.0}}"#,
        "\n"
    );
    assert_eq!(written(&ECS, &line(&fields)).unwrap(), expected);
}

#[test]
fn ecs_has_places_for_errors_and_one_for_each_label() {
    let mut fields = Fields::default();
    fields.set("error.type", Value::Text("timeout"));
    fields.set("exception.type", Value::Text("Elapsed"));
    fields.set("exception.stacktrace", Value::Text("at main"));
    fields.set("error", Value::Text("payment failed: no answer"));
    fields.set("a.b", Value::Bool(true));
    fields.set("a_b", Value::Text("two"));
    fields.set("a*b", Value::F64(f64::NAN));
    fields.set("correlation.id", Value::Text("order-4711"));
    fields.set("correlation_id", Value::I64(-1));
    let line = Line {
        message: None,
        exception: Some("payment failed"),
        ..line(&fields)
    };
    let shown: serde_json::Value = serde_json::from_str(&written(&ECS, &line).unwrap()).unwrap();
    assert_eq!(shown["message"], "");
    assert_eq!(shown["error.type"], "Elapsed");
    assert_eq!(shown["error.message"], "payment failed");
    assert_eq!(shown["error.stack_trace"], "at main");
    assert_eq!(
        shown["labels"],
        serde_json::json!({
            "correlation_id": "order-4711", "error_type": "timeout", "error": "payment failed: no answer",
            "a_b": "true", "fields1_a_b": "two", "fields2_a_b": "NaN",
        })
    );
    assert_eq!(
        shown["numeric_labels"],
        serde_json::json!({ "fields1_correlation_id": -1 })
    );
}

/// Nothing that a field, a target or a message holds makes a second line, ends the JSON early, or reaches a terminal.
#[test]
fn every_line_is_one_line_and_says_what_it_was_given() {
    let hostile = [
        "a\nb\r\nc",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\u{202e}gnp.exe\u{2066}",
        "line\u{2028}paragraph\u{2029}",
        "nul\0del\u{7f}c1\u{9b}",
        "\"},{\"level\":\"ERROR\"",
        "\\\"\\u0022\\n",
        "é😀\u{fffd}\u{feff}",
        &"x\n".repeat(32 * 1024),
    ];
    for text in hostile {
        let mut fields = Fields::default();
        fields.set("text", Value::Text(text));
        fields.set("key\n\"\u{202e}", Value::Text("value"));
        let line = Line {
            target: text,
            message: Some(text),
            exception: Some(text),
            correlation: Some(text),
            ..line(&fields)
        };
        for case in [&JSON, &ECS, &PRETTY] {
            let shown = written(case, &line).unwrap();
            let whole = shown.strip_suffix('\n').unwrap();
            assert!(!whole.contains(is_unsafe), "{whole:.200}");
            if case.format == ConsoleFormat::Pretty {
                continue;
            }
            let read: serde_json::Value = serde_json::from_str(whole).unwrap();
            assert_eq!(read["message"], text);
            let (target, field) = match case.format {
                ConsoleFormat::Ecs => (&read["log.logger"], &read["labels"]["text"]),
                _ => (&read["target"], &read["text"]),
            };
            assert_eq!((target.as_str(), field.as_str()), (Some(text), Some(text)));
        }
    }
}

#[test]
fn a_pretty_line_in_full() {
    let fields = fields();
    let expected = concat!(
        r"17:00:00.123Z  WARN checkout::\u{202e}orders: order\u{1b}[2J placed ",
        r#"order.id=42 total=9.0 who="Ann \"A\" \\ B\n" path=/pay\x empty="" "#,
        r"trace_id=4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b span_id=0a0a0a0a0a0a0a0a ",
        r"correlation_id=order-4711",
        "\n"
    );
    assert_eq!(written(&PRETTY, &line(&fields)).unwrap(), expected);
}

#[test]
fn a_pretty_line_says_the_trace_once() {
    let fields = Fields::default();
    let trace_id = TRACE.trace_id.to_string();
    let line = Line {
        correlation: Some(&trace_id),
        message: None,
        ..line(&fields)
    };
    let shown = written(&PRETTY, &line).unwrap();
    assert_eq!(shown.matches(&trace_id).count(), 1, "{shown}");
    assert!(!shown.contains("correlation_id"), "{shown}");
}

#[test]
fn the_format_follows_the_output_and_colour_is_for_terminals() {
    let fields = Fields::default();
    let line = line(&fields);
    let table = [
        (ConsoleFormat::Auto, false, false, Some(('{', false))),
        (ConsoleFormat::Auto, true, false, Some(('\x1b', true))),
        (ConsoleFormat::Auto, true, true, Some(('1', false))),
        (ConsoleFormat::Pretty, false, false, Some(('1', false))),
        (ConsoleFormat::Json, true, false, Some(('{', false))),
        (ConsoleFormat::Off, true, false, None),
    ];
    for (format, terminal, no_color, expected) in table {
        let case = Case {
            format,
            terminal,
            no_color,
        };
        let shown = written(&case, &line);
        let seen = shown
            .as_ref()
            .map(|shown| (shown.chars().next().unwrap(), shown.contains('\x1b')));
        assert_eq!(seen, expected, "{format:?} {terminal} {no_color}");
        // Colours are all that a terminal gets: without them it is the same line.
        if let (Some(shown), true) = (shown, format == ConsoleFormat::Auto && terminal) {
            let mut plain = String::new();
            let mut rest = shown.as_str();
            while let Some(at) = rest.find('\x1b') {
                plain.push_str(&rest[..at]);
                rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
            }
            plain.push_str(rest);
            assert_eq!(plain, written(&PRETTY, &line).unwrap());
        }
    }
}
