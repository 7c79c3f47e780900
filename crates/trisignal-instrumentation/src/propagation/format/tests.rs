//! Names, and what a composition carries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use std::collections::{BTreeSet, HashMap};

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry::{Context, KeyValue, SpanId, TraceFlags, TraceId};

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn context() -> Context {
    let span = SpanContext::new(
        TraceId::from_hex(TRACE).unwrap(),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    Context::new()
        .with_baggage([KeyValue::new("tenant", "a")])
        .with_remote_span_context(span)
}

/// What `formats` write for [`context`].
fn written(formats: &[Format]) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    composite(formats).inject_context(&context(), &mut headers);
    headers
}

#[test]
fn every_name_leads_back_to_its_format() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert_eq!(format.to_string().to_uppercase().parse(), Ok(format));
        assert_eq!(Format::by_name(format.name()), Ok(Some(format)));
    }
    assert_eq!(Format::by_name("None"), Ok(None));
    for (name, error) in [
        ("jaeger", UnknownFormat::Jaeger),
        ("OTTRACE", UnknownFormat::OtTrace),
        ("", UnknownFormat::NotKnown),
        ("none", UnknownFormat::NotKnown),
        ("b3 ", UnknownFormat::NotKnown),
    ] {
        assert_eq!(name.parse::<Format>(), Err(error), "{name}");
    }
}

#[test]
fn a_composition_writes_each_format_once() {
    let multi = ["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"];
    let cases: &[(&[Format], &[&str])] = &[
        (&[], &[]),
        (&Format::DEFAULT, &["baggage", "traceparent"]),
        (&[Format::Baggage, Format::Baggage], &["baggage"]),
        (&[Format::B3], &["b3"]),
        (&[Format::B3Multi], &multi),
        (
            &[Format::B3Multi, Format::B3, Format::B3Multi],
            &[&["b3"], &multi[..]].concat(),
        ),
        (&[Format::XRay], &["x-amzn-trace-id"]),
        (
            &Format::ALL,
            &[
                &["b3", "baggage", "traceparent", "x-amzn-trace-id"],
                &multi[..],
            ]
            .concat(),
        ),
    ];
    for (formats, expected) in cases {
        let headers = written(formats);
        let found: BTreeSet<_> = headers.keys().map(String::as_str).collect();
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(found, expected, "{formats:?}");
        let composite = composite(formats);
        let fields: BTreeSet<_> = composite.fields().collect();
        assert!(expected.is_subset(&fields), "{formats:?}: {fields:?}");
    }
}

#[test]
fn each_format_reads_what_it_writes() {
    for format in Format::ALL {
        let cx = composite(&[format]).extract_with_context(&Context::new(), &written(&[format]));
        if format == Format::Baggage {
            assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "a");
            continue;
        }
        let (found, own) = (cx.span(), context());
        let (found, own) = (found.span_context(), own.span());
        assert_eq!(found.trace_id(), own.span_context().trace_id(), "{format}");
        assert_eq!(found.span_id(), own.span_context().span_id(), "{format}");
        assert!(found.is_remote() && found.is_sampled(), "{format}");
    }
}

#[test]
fn the_last_format_that_brings_a_span_wins() {
    let other = "11111111111111111111111111111111";
    let mut headers = written(&[Format::TraceContext]);
    headers.insert("b3".into(), format!("{other}-2222222222222222-1"));
    let trace_of = |formats: &[Format]| {
        let cx = composite(formats).extract_with_context(&Context::new(), &headers);
        cx.span().span_context().trace_id().to_string()
    };
    assert_eq!(trace_of(&[Format::TraceContext, Format::B3]), other);
    assert_eq!(trace_of(&[Format::B3Multi, Format::TraceContext]), TRACE);
}
