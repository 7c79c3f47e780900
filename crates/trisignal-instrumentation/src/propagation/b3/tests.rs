//! Both forms in, both forms out, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::propagation::{HeaderExtractor, HeaderInjector};

use super::*;

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SHORT: &str = "64fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";
const PARENT: &str = "05e3ac9a4f6e3b90";

type Lines<'a> = &'a [(&'static str, &'a str)];

fn headers(lines: Lines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

fn received(lines: Lines<'_>) -> Context {
    let headers = headers(lines);
    B3Propagator::single().extract_with_context(&Context::new(), &HeaderExtractor(&headers))
}

fn sent(propagator: B3Propagator, cx: &Context) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    propagator.inject_context(cx, &mut HeaderInjector(&mut headers));
    let mut sent: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    sent.sort();
    sent
}

/// What the one header says after a hop through a service without an SDK.
fn forwarded(lines: Lines<'_>) -> Option<String> {
    sent(B3Propagator::single(), &received(lines))
        .pop()
        .map(|(_, value)| value)
}

/// The context of a span that an SDK made below `cx`.
fn child(cx: &Context, sampled: bool) -> Context {
    let parent = cx.span().span_context().trace_id();
    let trace = if parent == TraceId::INVALID {
        TraceId::from(7)
    } else {
        parent
    };
    cx.with_remote_span_context(SpanContext::new(
        trace,
        SpanId::from(9),
        TraceFlags::NOT_SAMPLED.with_sampled(sampled),
        false,
        TraceState::NONE,
    ))
}

#[test]
fn the_one_header_is_exact() {
    let padded = format!("0000000000000000{SHORT}-{SPAN}-1");
    let cases: &[(String, Option<String>)] = &[
        (
            format!("{TRACE}-{SPAN}-1"),
            Some(format!("{TRACE}-{SPAN}-1")),
        ),
        (
            format!("{TRACE}-{SPAN}-0"),
            Some(format!("{TRACE}-{SPAN}-0")),
        ),
        (
            format!("{TRACE}-{SPAN}-d"),
            Some(format!("{TRACE}-{SPAN}-d")),
        ),
        (format!("{TRACE}-{SPAN}"), Some(format!("{TRACE}-{SPAN}"))),
        (format!("{SHORT}-{SPAN}-1"), Some(padded)),
        // The parent of the caller's span is nothing to us.
        (
            format!("{TRACE}-{SPAN}-1-{PARENT}"),
            Some(format!("{TRACE}-{SPAN}-1")),
        ),
        (
            format!("{TRACE}-{SPAN}-{PARENT}"),
            Some(format!("{TRACE}-{SPAN}")),
        ),
        ("0".into(), Some("0".into())),
        ("1".into(), Some("1".into())),
        ("d".into(), Some("d".into())),
        (String::new(), None),
        ("2".into(), None),
        ("D".into(), None),
        ("true".into(), None),
        (TRACE.into(), None),
        (format!("{TRACE}-"), None),
        (format!("-{SPAN}-1"), None),
        (format!("{TRACE}-{SPAN}-"), None),
        (format!("{TRACE}-{SPAN}-2"), None),
        (format!("{TRACE}-{SPAN}-01"), None),
        (format!("{TRACE}-{SPAN}-1-"), None),
        (format!("{TRACE}-{SPAN}-1-{PARENT}-"), None),
        (format!("{TRACE}-{SPAN}-1-{PARENT}-{PARENT}"), None),
        (format!("{TRACE}-{SPAN}-1-{TRACE}"), None),
        (format!("{TRACE}-{SPAN}-{PARENT}-1"), None),
        (format!("{}-{SPAN}-1", TRACE.to_uppercase()), None),
        (format!("{TRACE}-{}-1", SPAN.to_uppercase()), None),
        (format!("{}-{SPAN}-1", "0".repeat(32)), None),
        (format!("{}-{SPAN}-1", "0".repeat(16)), None),
        (format!("{TRACE}-{}-1", "0".repeat(16)), None),
        (format!("{}-{SPAN}-1", &TRACE[1..]), None),
        (format!("{TRACE}0-{SPAN}-1"), None),
        (format!("+{}-{SPAN}-1", &TRACE[1..]), None),
        (format!("{TRACE}-{SPAN}0-1"), None),
        (format!(" {TRACE}-{SPAN}-1"), None),
        (format!("{TRACE}-{SPAN}-1{}", "0".repeat(8192)), None),
        ("-".repeat(8192), None),
        (format!("{TRACE}-{SPAN}-\u{e9}"), None),
    ];
    for (value, expected) in cases {
        assert_eq!(forwarded(&[(SINGLE, value)]), *expected, "{value}");
    }
}

#[test]
fn the_several_headers_are_exact() {
    let ids: Lines<'_> = &[(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
    let open = format!("{TRACE}-{SPAN}");
    let with = |state: &str| Some(format!("{open}-{state}"));
    let cases: &[(Lines<'_>, Option<String>)] = &[
        (&[], Some(open.clone())),
        (&[(SAMPLED, "1")], with("1")),
        (&[(SAMPLED, "true")], with("1")),
        (&[(SAMPLED, "0")], with("0")),
        (&[(SAMPLED, "false")], with("0")),
        (&[(FLAGS, "1")], with("d")),
        (&[(SAMPLED, "0"), (FLAGS, "1")], with("d")),
        (&[(SAMPLED, "1"), (FLAGS, "0")], with("1")),
        (&[("x-b3-parentspanid", PARENT), (SAMPLED, "1")], with("1")),
        (&[("x-b3-parentspanid", "nonsense")], Some(open.clone())),
        (&[(SAMPLED, "d")], None),
        (&[(SAMPLED, "")], None),
        (&[(SAMPLED, "TRUE")], None),
        (&[(FLAGS, "2")], None),
        (&[(SAMPLED, "1"), (SAMPLED, "1")], None),
        (&[(FLAGS, "1"), (FLAGS, "1")], None),
        (&[(TRACE_ID, TRACE)], None),
        (&[(SPAN_ID, SPAN)], None),
    ];
    for (more, expected) in cases {
        let lines = [ids, more].concat();
        assert_eq!(forwarded(&lines), *expected, "{lines:?}");
    }
    let without: &[(Lines<'_>, Option<&str>)] = &[
        (&[], None),
        (&[("x-b3-parentspanid", PARENT)], None),
        (&[(SAMPLED, "0")], Some("0")),
        (&[(SAMPLED, "1")], Some("1")),
        (&[(FLAGS, "1")], Some("d")),
        (&[(FLAGS, "0")], None),
        (&[(TRACE_ID, TRACE), (SAMPLED, "1")], None),
        (&[(SPAN_ID, SPAN), (SAMPLED, "1")], None),
        (&[(TRACE_ID, SPAN), (SPAN_ID, TRACE)], None),
    ];
    for (lines, expected) in without {
        assert_eq!(forwarded(lines).as_deref(), *expected, "{lines:?}");
    }
}

#[test]
fn the_one_header_comes_before_the_several() {
    let other = "1".repeat(32);
    let several: Lines<'_> = &[(TRACE_ID, &other), (SPAN_ID, SPAN), (SAMPLED, "1")];
    let good = format!("{TRACE}-{SPAN}-0");
    let cases: &[(Lines<'_>, String)] = &[
        (&[(SINGLE, &good)], good.clone()),
        (&[(SINGLE, "nonsense")], format!("{other}-{SPAN}-1")),
        (
            &[(SINGLE, &good), (SINGLE, &good)],
            format!("{other}-{SPAN}-1"),
        ),
    ];
    for (single, expected) in cases {
        let lines = [*single, several].concat();
        assert_eq!(forwarded(&lines).as_ref(), Some(expected), "{lines:?}");
    }
    assert_eq!(forwarded(&[(SINGLE, &good), (SINGLE, &good)]), None);
}

#[test]
fn debug_goes_on_in_the_trace_whatever_is_sampled_here() {
    let remote = received(&[(SINGLE, &format!("{TRACE}-{SPAN}-d"))]);
    assert!(remote.span().span_context().is_sampled());
    for sampled in [true, false] {
        let cx = child(&remote, sampled);
        let expected = format!("{TRACE}-{}-d", SpanId::from(9));
        assert_eq!(sent(B3Propagator::single(), &cx)[0].1, expected);
        let multi = sent(B3Propagator::multi(), &cx);
        let names: Vec<_> = multi.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [FLAGS, SPAN_ID, TRACE_ID]);
    }
    // Asked for without IDs, it holds for the trace that begins here.
    let cx = child(&received(&[(SINGLE, "d")]), false);
    assert!(sent(B3Propagator::single(), &cx)[0].1.ends_with("-d"));
    // Not for another trace in the same context.
    let other = SpanContext::new(
        TraceId::from(8),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let cx = remote.with_remote_span_context(other);
    assert!(sent(B3Propagator::single(), &cx)[0].1.ends_with("-1"));
}

#[test]
fn debug_is_of_the_trace_that_it_came_with() {
    let ids = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
    let cases = [
        (format!("{ids}-d"), true),
        (format!("{ids}-1"), false),
        (ids.to_owned(), false),
        ("d".to_owned(), true),
        ("1".to_owned(), false),
    ];
    for (header, debug) in cases {
        let cx = received(&[("b3", &header)]);
        assert_eq!(is_debug(&cx), debug, "{header}");
        assert_eq!(is_debug(&child(&cx, false)), debug, "a child of {header}");
    }
    let other = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let debugged = received(&[("b3", &format!("{ids}-d"))]);
    assert!(!is_debug(&debugged.with_remote_span_context(other)));
    assert!(!is_debug(&Context::new()));
}

#[test]
fn a_decision_of_ours_takes_the_place_of_the_callers() {
    for inbound in [
        "0",
        "1",
        &format!("{TRACE}-{SPAN}"),
        &format!("{TRACE}-{SPAN}-1"),
    ] {
        let cx = received(&[(SINGLE, inbound)]);
        for (sampled, state) in [(true, "-1"), (false, "-0")] {
            let sent = sent(B3Propagator::single(), &child(&cx, sampled));
            assert!(sent[0].1.ends_with(state), "{inbound}: {sent:?}");
        }
    }
}

#[test]
fn writes_the_forms_that_it_is_told_to() {
    let cx = child(&Context::new(), true);
    let (trace, span) = (TraceId::from(7).to_string(), SpanId::from(9).to_string());
    let single = [(SINGLE.to_owned(), format!("{trace}-{span}-1"))];
    let multi = [
        (SAMPLED.to_owned(), "1".to_owned()),
        (SPAN_ID.to_owned(), span),
        (TRACE_ID.to_owned(), trace),
    ];
    assert_eq!(sent(B3Propagator::single(), &cx), single);
    assert_eq!(sent(B3Propagator::default(), &cx), single);
    assert_eq!(sent(B3Propagator::multi(), &cx), multi);
    let both = [&single[..], &multi].concat();
    assert_eq!(sent(B3Propagator::both(), &cx), both);
    assert_eq!(sent(B3Propagator::both(), &Context::new()), []);

    let fields = |propagator: B3Propagator| propagator.fields().count();
    assert_eq!(fields(B3Propagator::single()), 1);
    assert_eq!(fields(B3Propagator::multi()), 4);
    assert_eq!(fields(B3Propagator::both()), 5);
}

#[test]
fn injecting_leaves_nothing_of_another_trace() {
    let mut outgoing = headers(&[
        (TRACE_ID, TRACE),
        (SPAN_ID, SPAN),
        (FLAGS, "1"),
        (SAMPLED, "0"),
        ("x-b3-parentspanid", PARENT),
    ]);
    let cx = child(&Context::new(), true);
    B3Propagator::multi().inject_context(&cx, &mut HeaderInjector(&mut outgoing));
    assert_eq!(outgoing.len(), 3);
    assert_eq!(outgoing[SAMPLED], "1");
}

#[test]
fn what_is_ill_formed_leaves_the_context_alone() {
    let cx = child(&Context::new(), true);
    let headers = headers(&[(SINGLE, "nonsense"), (SAMPLED, "maybe")]);
    let same = B3Propagator::single().extract_with_context(&cx, &HeaderExtractor(&headers));
    assert_eq!(same.span().span_context(), cx.span().span_context());
}
