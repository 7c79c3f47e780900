//! The fields of the header: known, kept, dropped and refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::propagation::{HeaderExtractor, HeaderInjector};

use super::*;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "Parent=53995c3f42cd8ad8";

fn received(lines: &[&str]) -> Context {
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        headers.append(HeaderName::from_static(HEADER), value);
    }
    XRayPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(&headers))
}

fn sent(cx: &Context) -> Option<String> {
    let mut headers = HeaderMap::new();
    XRayPropagator::new().inject_context(cx, &mut HeaderInjector(&mut headers));
    headers
        .get(HEADER)
        .map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn takes_what_aws_sends() {
    let cases: &[(String, &str, &str)] = &[
        (format!("{ROOT};{PARENT};Sampled=1"), "1", ""),
        (format!("{ROOT};{PARENT};Sampled=0"), "0", ""),
        (format!("{ROOT};{PARENT};Sampled=?"), "0", ""),
        (format!("{ROOT};{PARENT}"), "0", ""),
        (format!("Sampled=1;{PARENT};{ROOT}"), "1", ""),
        (format!(" {ROOT} ; {PARENT} ; Sampled=1 ;"), "1", ""),
        (
            format!("Self=1-67891234-12456789abcdef012345678;{ROOT};{PARENT};Sampled=1"),
            "1",
            "",
        ),
        (
            format!("{ROOT};{PARENT};Sampled=1;Lineage=100:e3b0c442:11"),
            "1",
            ";Lineage=100:e3b0c442:11",
        ),
        (
            format!("{ROOT};CalledFrom=app;{PARENT};Sampled=1;Lineage=1:e3b0c442:0;x=a=b"),
            "1",
            ";CalledFrom=app;Lineage=1:e3b0c442:0;x=a=b",
        ),
        // One that is ill-formed goes alone.
        (format!("{ROOT};{PARENT};Sampled=1;Lineage=evil"), "1", ""),
        (
            format!("{ROOT};{PARENT};Lineage=1:E3B0C442:1;a=1"),
            "0",
            ";a=1",
        ),
        (
            format!("{ROOT};{PARENT};Lineage=123456:e3b0c442:1"),
            "0",
            "",
        ),
        (format!("{ROOT};{PARENT};Lineage=1:e3b0c442:1:1"), "0", ""),
        (format!("{ROOT};{PARENT};a=b c;d=1"), "0", ";d=1"),
        (format!("{ROOT};{PARENT};a=\"x\",b;d=1"), "0", ";d=1"),
        (format!("{ROOT};{PARENT};a=;d=1"), "0", ";d=1"),
        (format!("{ROOT};{PARENT};a b=1;=2"), "0", ""),
    ];
    for (value, sampled, kept) in cases {
        let cx = received(&[value]);
        assert!(cx.span().span_context().is_remote(), "{value}");
        assert_eq!(
            sent(&cx),
            Some(format!("{ROOT};{PARENT};Sampled={sampled}{kept}")),
            "{value}"
        );
    }
}

#[test]
fn refuses_the_rest() {
    let many: String = (0..20).map(|n| format!(";k{n}=v")).collect();
    let cases: &[&str] = &[
        "",
        ";;",
        "nonsense",
        "Root",
        ROOT,
        PARENT,
        "Sampled=1",
        &format!("{PARENT};Sampled=1"),
        &format!("{ROOT};Sampled=1"),
        &format!("{};{PARENT}", ROOT.to_uppercase()),
        &format!("root=1-5759e988-bd862e3fe1be46a994272793;{PARENT}"),
        &format!("Root=2-5759e988-bd862e3fe1be46a994272793;{PARENT}"),
        &format!("Root=1-5759e988bd862e3fe1be46a994272793;{PARENT}"),
        &format!("Root=1-5759e98-8bd862e3fe1be46a994272793;{PARENT}"),
        &format!("Root=1-5759e988-bd862e3fe1be46a99427279;{PARENT}"),
        &format!("Root=1-5759e988-bd862e3fe1be46a9942727933;{PARENT}"),
        &format!("Root=1-5759E988-bd862e3fe1be46a994272793;{PARENT}"),
        &format!("Root=1-00000000-{};{PARENT}", "0".repeat(24)),
        &format!("{ROOT};Parent=0000000000000000"),
        &format!("{ROOT};Parent=53995c3f42cd8ad"),
        &format!("{ROOT};Parent=53995C3F42CD8AD8"),
        &format!("{ROOT};{PARENT};Sampled=2"),
        &format!("{ROOT};{PARENT};Sampled=true"),
        &format!("{ROOT};{PARENT};Sampled="),
        &format!("{ROOT};{PARENT};{PARENT}"),
        &format!("{ROOT};{PARENT};{ROOT}"),
        &format!("{ROOT};{PARENT};a=1;a=2"),
        &format!("{ROOT};{PARENT};nonsense"),
        &format!("{ROOT};{PARENT};\u{e9}=1"),
        &format!("{ROOT};{PARENT}{many}"),
        &format!("{ROOT};{PARENT};a={}", "v".repeat(MAX_BYTES)),
    ];
    for value in cases {
        assert_eq!(sent(&received(&[value])), None, "{value}");
    }
    let good = format!("{ROOT};{PARENT}");
    assert_eq!(sent(&received(&[&good, &good])), None);
    assert_eq!(sent(&Context::new()), None);
}

#[test]
fn kept_fields_stay_in_their_trace() {
    let cx = received(&[&format!("{ROOT};{PARENT};Sampled=1;Lineage=1:e3b0c442:0")]);
    let trace = cx.span().span_context().trace_id();
    let span = |trace: TraceId| {
        SpanContext::new(
            trace,
            SpanId::from(9),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        )
    };
    let child = sent(&cx.with_remote_span_context(span(trace))).unwrap();
    assert!(child.ends_with(";Parent=0000000000000009;Sampled=1;Lineage=1:e3b0c442:0"));
    let other = sent(&cx.with_remote_span_context(span(TraceId::from(7)))).unwrap();
    assert_eq!(
        other,
        "Root=1-00000000-000000000000000000000007;Parent=0000000000000009;Sampled=1"
    );
}
