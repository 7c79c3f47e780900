//! What W3C forbids and what attackers send, at length: nothing is taken, nothing is said, and
//! nobody downstream sees a member that was not sent.

use std::collections::BTreeSet;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use trisignal_instrumentation::propagation::{Format, HeaderExtractor, HeaderInjector, composite};

use super::support::silently;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn headers<'a>(lines: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        // What HTTP itself refuses does not come this far.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

#[test]
fn a_hundred_thousand_forbidden_parents_are_nothing() {
    let long = format!("00-{TRACE}-{PARENT}-01{}", "0".repeat(8192));
    let table = [
        "0-1-1-1".to_owned(),
        format!("00-{}-{PARENT}-01", &TRACE[1..]),
        format!("00-{TRACE}-{PARENT}-1"),
        format!("00-{TRACE}-{PARENT}-01-"),
        format!("00-+{}-{PARENT}-01", &TRACE[1..]),
        format!("00-{TRACE}--{}-01", &PARENT[1..]),
        format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{PARENT}-0A"),
        format!("ff-{TRACE}-{PARENT}-01"),
        format!("FE-{TRACE}-{PARENT}-01"),
        format!("00-{}-{PARENT}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01"),
        format!("00-{TRACE}-{PARENT}-\u{e9}1"),
        long,
    ];
    let mut requests: Vec<HeaderMap> = table
        .iter()
        .map(|parent| headers([("traceparent", parent.as_str())]))
        .collect();
    let good = format!("00-{TRACE}-{PARENT}-01");
    requests.push(headers([("traceparent", &*good), ("traceparent", &*good)]));

    let w3c = composite(&Format::DEFAULT);
    let rounds = 100_000;
    silently(|| {
        let begin = Instant::now();
        for request in requests.iter().cycle().take(rounds) {
            let cx = w3c.extract_with_context(&Context::new(), &HeaderExtractor(request));
            assert!(!cx.span().span_context().is_valid(), "{request:?}");
        }
        // For people: how long it takes depends on the machine and the build.
        println!(
            "{} ns per request",
            begin.elapsed().as_nanos() / rounds as u128
        );
    });
}

#[test]
fn no_member_appears_that_was_not_sent() {
    let many: Vec<String> = (0..1000)
        .map(|n| format!("k{n}=v{n};p=%2Cevil{n}=1"))
        .collect();
    let full: String = (0..64).map(|n| format!("k{n}=v,")).collect();
    let huge = format!("a=1,b={},c=3", "v".repeat(9000));
    let attacks: &[&[&str]] = &[
        &["a=1;p=x%2Cevil=1"],
        &["a=%2Cevil=1,b=%0D%0Aevil: 1"],
        &["a=\u{1b}[31m,evil\u{0}=1,b=2"],
        &["a=1\tevil=1"],
        &["a=1, evil =1 2", "b=\"1,evil=2\""],
        &["a=1\u{85}evil=1", "a\u{202e}=1"],
        &[&full, "evil=1"],
        &[&huge],
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    ];
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let all = composite(&Format::ALL);
    silently(|| {
        for attack in attacks {
            for name in ["baggage", "tracestate"] {
                let lines = attack.iter().map(|line| (name, *line));
                let inbound = headers(lines.chain([("traceparent", &*parent)]));
                let cx = all.extract_with_context(&Context::new(), &HeaderExtractor(&inbound));
                assert!(cx.span().span_context().is_valid());
                let mut sent = HeaderMap::new();
                all.inject_context(&cx, &mut HeaderInjector(&mut sent));
                let keys = |map: &HeaderMap| -> BTreeSet<String> {
                    let text = |value: &HeaderValue| {
                        String::from_utf8_lossy(value.as_bytes()).into_owned()
                    };
                    map.get_all(name)
                        .iter()
                        .map(text)
                        .flat_map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>())
                        .filter_map(|member| Some(member.split_once('=')?.0.trim().to_owned()))
                        .collect()
                };
                let (came, goes) = (keys(&inbound), keys(&sent));
                assert!(goes.is_subset(&came), "{attack:?}: {goes:?}");
                let bytes: usize = sent.get_all(name).iter().map(HeaderValue::len).sum();
                assert!(bytes <= 8192 && goes.len() <= 64, "{bytes} bytes");
            }
        }
    });
}
