//! The cases of the W3C recommendation, and those that real parsers get wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::propagation::{extract, inject};

use super::*;

const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

/// What a service that got `lines` sends on: `traceparent` and `tracestate`.
fn forwarded(lines: &[(&'static str, &str)]) -> (Option<String>, Option<String>) {
    let cx = extract(&Context::new(), &headers(lines));
    let mut sent = HeaderMap::new();
    inject(&cx, &mut sent);
    let mut take = |name: &str| {
        sent.remove(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    (take(TRACEPARENT), take(TRACESTATE))
}

#[test]
fn traceparent_is_exact() {
    let future_flags = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";
    let v = |version: &str, tail: &str| format!("{version}{}{tail}", &GOOD[2..]);
    let accepted: &[(String, &str)] = &[
        (GOOD.into(), "01"),
        (format!("{future_flags}00"), "00"),
        // The random flag is carried as it came, the unknown ones are not.
        (format!("{future_flags}02"), "02"),
        (format!("{future_flags}03"), "03"),
        (format!("{future_flags}ff"), "03"),
        (format!("{future_flags}fc"), "00"),
        // Later versions are read as far as they are known.
        (v("01", ""), "01"),
        (v("cc", ""), "01"),
        (v("fe", ""), "01"),
        (v("cc", "-"), "01"),
        (v("cc", "-what-the-future-will-be-like"), "01"),
        (v("cc", "-.-"), "01"),
    ];
    for (parent, flags) in accepted {
        let expected = format!("{future_flags}{flags}");
        assert_eq!(
            forwarded(&[(TRACEPARENT, parent)]).0.as_ref(),
            Some(&expected),
            "{parent}"
        );
    }
}

#[test]
fn traceparent_refuses_everything_else() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = "b7ad6b7169203331";
    let long = format!("{GOOD}{}", "0".repeat(8192));
    let refused: &[&str] = &[
        "",
        "0-1-1-1",
        "00",
        "00-",
        &long,
        &format!("ff-{trace}-{parent}-01"),
        &format!("0-{trace}-{parent}-01"),
        &format!("000-{trace}-{parent}-01"),
        &format!(".0-{trace}-{parent}-01"),
        &format!("0.-{trace}-{parent}-01"),
        &format!("CC-{trace}-{parent}-01"),
        &format!("+0-{trace}-{parent}-01"),
        &format!("00-{trace}-{parent}-01-"),
        &format!("00-{trace}-{parent}-01-what"),
        &format!("00-{trace}-{parent}-01."),
        &format!("cc-{trace}-{parent}-01."),
        &format!("cc-{trace}-{parent}-01.what"),
        &format!("00-{}-{parent}-01", "0".repeat(32)),
        &format!("00-{trace}-{}-01", "0".repeat(16)),
        &format!("00-{}-{parent}-01", trace.to_uppercase()),
        &format!("00-{trace}-{}-01", parent.to_uppercase()),
        &format!("00-{}-{parent}-01", &trace[1..]),
        &format!("00-{trace}0-{parent}-01"),
        &format!("00-.{}-{parent}-01", &trace[1..]),
        &format!("00-{}.-{parent}-01", &trace[1..]),
        &format!("00-+{}-{parent}-01", &trace[1..]),
        &format!("00-{trace}-{}-01", &parent[1..]),
        &format!("00-{trace}-{parent}0-01"),
        &format!("00-{trace}-+{}-01", &parent[1..]),
        &format!("00-{trace}-.{}-01", &parent[1..]),
        &format!("00-{trace}-{parent}-1"),
        &format!("00-{trace}-{parent}-001"),
        &format!("00-{trace}-{parent}-.1"),
        &format!("00-{trace}-{parent}-0."),
        &format!("00-{trace}-{parent}-0A"),
        &format!("00-{trace}-{parent}-+1"),
        &format!("00_{trace}_{parent}_01"),
        &format!("00-{trace}-{parent}"),
        &format!(" {GOOD}"),
        &format!("{GOOD},{GOOD}"),
        &format!("00-{trace}-{parent}-0\u{e9}"),
        &format!("00-{}\u{e9}-{parent}-01", &trace[2..]),
    ];
    for parent in refused {
        assert_eq!(
            forwarded(&[(TRACEPARENT, parent), (TRACESTATE, "a=1")]),
            (None, None),
            "{parent}"
        );
    }
}

#[test]
fn two_parents_are_none() {
    let other = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01";
    for second in [GOOD, other, "", "nonsense"] {
        assert_eq!(
            forwarded(&[(TRACEPARENT, GOOD), (TRACEPARENT, second)]),
            (None, None),
            "{second}"
        );
    }
}

#[test]
fn a_context_without_headers_stays_as_it_is() {
    let cx = extract(&Context::new(), &headers(&[(TRACEPARENT, GOOD)]));
    let same = extract(&cx, &HeaderMap::new());
    assert_eq!(same.span().span_context(), cx.span().span_context());
}

#[test]
fn tracestate_cases() {
    let members = |range: std::ops::Range<usize>| {
        range
            .map(|n| format!("k{n}=v{n}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let (full, over) = (members(0..32), members(0..33));
    let (longest_key, long_key) = (
        format!("{}=1", "k".repeat(256)),
        format!("{}=1", "k".repeat(257)),
    );
    let (longest_value, long_value) = (
        format!("k={}", "v".repeat(256)),
        format!("k={}", "v".repeat(257)),
    );
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["foo=1"], Some("foo=1")),
        (&["foo=1,bar=2"], Some("foo=1,bar=2")),
        (&["foo=1", "bar=2", "rojo=3"], Some("foo=1,bar=2,rojo=3")),
        (&["foo=1", "", "bar=2"], Some("foo=1,bar=2")),
        (&["", "foo=1"], Some("foo=1")),
        (&[""], None),
        (&[",,"], None),
        (&["foo=1,"], Some("foo=1")),
        (
            &["foo=1 \t , \t bar=2, \t baz=3"],
            Some("foo=1,bar=2,baz=3"),
        ),
        (&["foo=1\t"], Some("foo=1")),
        (&["foo= 1"], Some("foo= 1")),
        (&["foo=a b"], Some("foo=a b")),
        (
            &["foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"],
            Some("foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"),
        ),
        (&["a-b*c/d_e=1,t@v=2,0=3"], Some("a-b*c/d_e=1,t@v=2,0=3")),
        // The first of two with one key is the latest.
        (&["foo=1,foo=2,bar=3"], Some("foo=1,bar=3")),
        (&[&full], Some(&full)),
        (&[&over], None),
        (&[&full, "one=more"], None),
        (&[&longest_key], Some(&longest_key)),
        (&[&long_key], None),
        (&[&longest_value], Some(&longest_value)),
        (&[&long_value], None),
        // Good on the wire, not in memory: only this member goes.
        (&["foo=1,a@b@c=2,bar=3"], Some("foo=1,bar=3")),
        (&["a@b@c=2"], None),
        // One bad member is the end of all.
        (&["foo=1,bar"], None),
        (&["foo=1", "bar"], None),
        (&["foo =1"], None),
        (&["FOO=1"], None),
        (&["foo.bar=1"], None),
        (&["@foo=1,bar=2"], None),
        (&["_foo=1"], None),
        (&["=1"], None),
        (&["foo="], None),
        (&["foo=bar=baz"], None),
        (&["foo==1"], None),
        (&["foo=,bar=3"], None),
        (&["foo=\u{e9}"], None),
        (&["foo=1", "\u{e9}"], None),
    ];
    for (states, expected) in cases {
        let mut lines = vec![(TRACEPARENT, GOOD)];
        lines.extend(states.iter().map(|state| (TRACESTATE, *state)));
        let (parent, state) = forwarded(&lines);
        assert_eq!(
            parent.as_deref(),
            Some(GOOD),
            "a bad state must not cost the parent: {states:?}"
        );
        assert_eq!(state.as_deref(), *expected, "{states:?}");
    }
}

#[test]
fn an_endless_tracestate_is_refused() {
    let mut lines = vec![(TRACEPARENT, GOOD)];
    lines.extend((0..1000).map(|_| (TRACESTATE, "                                        ,,,,,,")));
    lines.push((TRACESTATE, "a=1"));
    assert_eq!(forwarded(&lines), (Some(GOOD.to_owned()), None));
}

#[test]
fn tracestate_alone_is_nothing() {
    assert_eq!(forwarded(&[(TRACESTATE, "foo=1")]), (None, None));
    assert_eq!(
        forwarded(&[(TRACESTATE, "foo=1"), (TRACEPARENT, "00-x")]),
        (None, None)
    );
}

#[test]
fn a_state_put_in_by_code_is_checked_on_the_way_out() {
    let state =
        TraceState::from_key_value([("good", "1"), ("bad", "1\r\nx: y"), ("empty", "")]).unwrap();
    let parsed = parse(GOOD.as_bytes()).unwrap();
    let cx = Context::new()
        .with_remote_span_context(SpanContext::new(parsed.0, parsed.1, parsed.2, true, state));
    let mut sent = HeaderMap::new();
    inject(&cx, &mut sent);
    assert_eq!(sent[TRACESTATE], "good=1");
}

#[test]
fn injecting_replaces_what_was_copied_from_another_request() {
    let cx = extract(&Context::new(), &headers(&[(TRACEPARENT, GOOD)]));
    let other = "00-11111111111111111111111111111111-2222222222222222-01";
    let mut sent = headers(&[
        (TRACEPARENT, other),
        (TRACEPARENT, other),
        (TRACESTATE, "stale=1"),
    ]);
    inject(&cx, &mut sent);
    assert_eq!(sent, headers(&[(TRACEPARENT, GOOD)]));
}

#[test]
fn nothing_is_injected_without_a_span() {
    let mut sent = HeaderMap::new();
    inject(&Context::new(), &mut sent);
    inject(
        &Context::new().with_remote_span_context(SpanContext::NONE),
        &mut sent,
    );
    assert!(sent.is_empty());
}

#[test]
fn random_bytes_round_trip_or_are_refused() {
    let mut random = crate::testing::Random::new(7);
    for _ in 0..20_000 {
        // A good header with up to two bytes replaced: near misses are what a lax parser lets
        // through.
        let mut bytes = GOOD.as_bytes().to_vec();
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = b"0123456789abcdefABCDEFgG-+. "[random.below(28)];
        }
        let text = String::from_utf8(bytes).unwrap();
        match forwarded(&[(TRACEPARENT, &text)]).0 {
            Some(sent) => {
                // Known fields come back as they went in, but for the version and the unknown
                // flags.
                assert_eq!(sent[2..53], text[2..53]);
                let flags = u8::from_str_radix(&text[53..], 16).unwrap();
                assert_eq!(sent[53..], format!("{:02x}", flags & 0x03));
                assert!(
                    text.bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')),
                    "{text}"
                );
            }
            None => assert!(
                text.bytes()
                    .any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
                    || text.starts_with("ff")
                    || text.bytes().filter(|byte| *byte == b'-').count() != 3
                    || [2, 35, 52].iter().any(|at| text.as_bytes()[*at] != b'-'),
                "{text}"
            ),
        }
    }
}

#[test]
fn the_random_flag_outlives_an_sdk_that_forgets_it() {
    let received = |flags: &str| {
        let parent = format!("{}{flags}", &GOOD[..53]);
        extract(&Context::new(), &headers(&[(TRACEPARENT, &parent)]))
    };
    let sent_below = |cx: &Context, trace: TraceId, flags: TraceFlags| {
        // As the SDK makes a span: new, not remote, and without a flag when it is not sampled.
        let span = SpanContext::new(trace, SpanId::from(9), flags, false, TraceState::NONE);
        let mut sent = HeaderMap::new();
        inject(&cx.with_remote_span_context(span), &mut sent);
        sent[TRACEPARENT].to_str().unwrap()[53..].to_owned()
    };
    let own = parse(GOOD.as_bytes()).unwrap().0;
    let cases = [
        ("02", TraceFlags::NOT_SAMPLED, "02"),
        ("03", TraceFlags::NOT_SAMPLED, "02"),
        ("02", TraceFlags::SAMPLED, "03"),
        ("01", TraceFlags::NOT_SAMPLED, "00"),
        ("00", TraceFlags::SAMPLED, "01"),
    ];
    for (inbound, flags, expected) in cases {
        assert_eq!(sent_below(&received(inbound), own, flags), expected);
        let other = sent_below(&received(inbound), TraceId::from(7), flags);
        assert_eq!(
            other,
            format!("{flags:02x}"),
            "another trace has nothing of it"
        );
    }
}
