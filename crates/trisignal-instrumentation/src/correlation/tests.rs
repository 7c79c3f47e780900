//! The rule of the correlation ID and its grammar.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

use super::*;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn context_of_trace() -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_hex(TRACE_ID).unwrap(),
        SpanId::from_hex("b7ad6b7169203331").unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    ))
}

fn with_members(cx: &Context, members: &[(&'static str, &str)]) -> Context {
    let mut baggage = Baggage::new();
    for (key, value) in members {
        baggage.insert(*key, (*value).to_owned());
    }
    cx.with_baggage(baggage)
}

#[test]
fn takes_what_the_grammar_allows() {
    let longest = "x".repeat(MAX_LEN);
    for text in [
        "a",
        "0",
        "AZaz09._:/+=@-",
        "3f2c1e9a-7b54-4d1e-9b7e-2f6a0c9d8e11",
        TRACE_ID,
        &longest,
    ] {
        assert_eq!(CorrelationId::parse(text).unwrap().as_str(), text);
        assert_eq!(text.parse::<CorrelationId>().unwrap().to_string(), text);
    }
}

#[test]
fn refuses_the_rest_and_says_where() {
    let long = "x".repeat(MAX_LEN + 1);
    let huge = "\n".repeat(64 * 1024);
    let cases: &[(&str, InvalidCorrelationId)] = &[
        ("", InvalidCorrelationId::Empty),
        (&long, InvalidCorrelationId::TooLong { length: 129 }),
        (&huge, InvalidCorrelationId::TooLong { length: 65536 }),
        (" a", InvalidCorrelationId::Character { offset: 0 }),
        ("a b", InvalidCorrelationId::Character { offset: 1 }),
        ("ab\n", InvalidCorrelationId::Character { offset: 2 }),
        ("a\r\nx: y", InvalidCorrelationId::Character { offset: 1 }),
        ("\u{1b}[31m", InvalidCorrelationId::Character { offset: 0 }),
        ("a\u{202e}b", InvalidCorrelationId::Character { offset: 1 }),
        ("a\u{9b}b", InvalidCorrelationId::Character { offset: 1 }),
        ("a,b", InvalidCorrelationId::Character { offset: 1 }),
        ("a;b", InvalidCorrelationId::Character { offset: 1 }),
        ("a%41", InvalidCorrelationId::Character { offset: 1 }),
        ("a\"b", InvalidCorrelationId::Character { offset: 1 }),
        ("a\0b", InvalidCorrelationId::Character { offset: 1 }),
    ];
    for (text, reason) in cases {
        assert_eq!(CorrelationId::parse(text).unwrap_err(), *reason);
    }
}

#[test]
fn an_error_never_repeats_the_text() {
    let hostile = "canary\u{1b}[31m\ncanary";
    let error = CorrelationId::parse(hostile).unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(
            !shown.contains("canary") && !shown.contains('\u{1b}') && !shown.contains('\n'),
            "{shown}"
        );
    }
}

#[test]
fn comes_from_baggage_before_the_trace() {
    let trace = context_of_trace();
    let cases: &[(Context, Option<&str>)] = &[
        (Context::new(), None),
        (trace.clone(), Some(TRACE_ID)),
        (
            with_members(&trace, &[("correlation.id", "order-1")]),
            Some("order-1"),
        ),
        (
            with_members(&Context::new(), &[("correlation.id", "order-1")]),
            Some("order-1"),
        ),
        (
            with_members(&trace, &[("correlation.id", "no\norder")]),
            Some(TRACE_ID),
        ),
        (
            with_members(&trace, &[("correlation.id", "")]),
            Some(TRACE_ID),
        ),
        (
            with_members(&Context::new(), &[("correlation.id", "no order")]),
            None,
        ),
        (with_members(&trace, &[("tenant", "a")]), Some(TRACE_ID)),
        (
            Context::new().with_remote_span_context(SpanContext::NONE),
            None,
        ),
    ];
    for (cx, expected) in cases {
        let found = CorrelationId::from_context(cx);
        assert_eq!(
            found.as_ref().map(CorrelationId::as_str),
            *expected,
            "{cx:?}"
        );
    }
}

#[test]
fn current_reads_the_attached_context() {
    assert_eq!(CorrelationId::current(), None);
    let _attached = context_of_trace().attach();
    assert_eq!(CorrelationId::current().unwrap().as_str(), TRACE_ID);
}

#[test]
fn baggage_keeps_its_other_members() {
    let mut baggage = Baggage::new();
    baggage.insert_with_metadata("tenant", "a", "p=1");
    baggage.insert("correlation.id", "old");
    let cx = context_of_trace().with_baggage(baggage);

    let id = CorrelationId::parse("new").unwrap();
    let cx = id.with_context(&cx);

    assert_eq!(CorrelationId::from_context(&cx), Some(id));
    let (value, metadata) = cx.baggage().get_with_metadata("tenant").unwrap();
    assert_eq!((value.as_str(), metadata.as_str()), ("a", "p=1"));
    assert_eq!(cx.baggage().len(), 2);
    assert_eq!(cx.span().span_context().trace_id().to_string(), TRACE_ID);
}

#[test]
fn full_baggage_makes_room() {
    let mut baggage = Baggage::new();
    for number in 0..64 {
        baggage.insert(format!("key{number}"), "value");
    }
    let cx = CorrelationId::parse("id")
        .unwrap()
        .with_context(&Context::new().with_baggage(baggage));
    assert_eq!(CorrelationId::from_context(&cx).unwrap().as_str(), "id");
    assert_eq!(cx.baggage().len(), 64);
}

#[test]
fn a_trace_id_becomes_explicit() {
    let id = CorrelationId::from_context(&context_of_trace()).unwrap();
    let cx = id.with_context(&Context::new());
    assert_eq!(cx.baggage().get(BAGGAGE_KEY).unwrap().as_str(), TRACE_ID);
    assert_eq!(CorrelationId::from_context(&cx), Some(id));
}

#[test]
fn generated_ids_are_hex_and_differ() {
    let ids: std::collections::HashSet<_> = (0..1000).map(|_| CorrelationId::generate()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert_eq!(id.as_str().len(), 32);
        assert!(
            id.as_str()
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{id}"
        );
    }
}

#[test]
fn headers_are_checked_too() {
    let good = HeaderValue::from_static("order-1");
    assert_eq!(
        CorrelationId::from_header(&good)
            .unwrap()
            .to_header()
            .unwrap(),
        good
    );
    for bytes in [&b"caf\xe9"[..], b"\xff", b"a\tb", b""] {
        let value = HeaderValue::from_bytes(bytes).unwrap();
        assert!(CorrelationId::from_header(&value).is_err(), "{bytes:?}");
    }
}
