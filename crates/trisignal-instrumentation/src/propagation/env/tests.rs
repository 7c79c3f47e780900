//! Names, and what goes in and out of an environment that the tests make up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use std::collections::HashMap;
use std::ffi::OsStr;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;

use crate::propagation::{Format, composite};

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

fn lookup<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| {
        let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
        Some(OsString::from(value))
    }
}

#[test]
fn names_are_upper_case_with_underscores() {
    let cases = [
        ("traceparent", "TRACEPARENT"),
        ("x-b3-traceid", "X_B3_TRACEID"),
        ("x-amzn-trace-id", "X_AMZN_TRACE_ID"),
        ("a.b c", "A_B_C"),
        ("É", "_"),
        ("3d", "_3D"),
    ];
    for (field, name) in cases {
        assert_eq!(variable_name(field), name);
    }
}

#[test]
fn what_goes_in_comes_out() {
    let all = composite(&Format::ALL);
    let variables = [
        ("BAGGAGE", "correlation.id=order-1,a=b=c"),
        ("TRACEPARENT", PARENT),
        ("TRACESTATE", "foo=1,bar=2"),
    ];
    let cx = extract_with(&all, lookup(&variables));
    let mut written = inject_with(&composite(&Format::DEFAULT), &cx);
    written.sort();
    let written: Vec<_> = written
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // Baggage comes back in an order of its own.
    assert_eq!(written, variables);
}

#[test]
fn every_format_works() {
    let cx = extract_with(
        &composite(&Format::DEFAULT),
        lookup(&[("TRACEPARENT", PARENT)]),
    );
    for format in Format::ALL {
        if format == Format::Baggage {
            continue;
        }
        let propagator = composite(&[format]);
        let written: HashMap<_, _> = inject_with(&propagator, &cx).into_iter().collect();
        let back = extract_with(&propagator, |name| written.get(name).map(OsString::from));
        assert_eq!(
            back.span().span_context().trace_id(),
            cx.span().span_context().trace_id(),
            "{format}"
        );
    }
    // What a format reads and does not write is found as well.
    let several = [
        ("X_B3_TRACEID", "64fe8b2a57d3eff7"),
        ("X_B3_SPANID", "e457b5a2e4d86bd1"),
    ];
    let cx = extract_with(&composite(&[Format::B3]), lookup(&several));
    assert!(cx.span().span_context().is_valid());
}

#[test]
fn empty_and_hostile_variables_are_nothing() {
    let w3c = composite(&Format::DEFAULT);
    for value in ["", " ", "0-1-1-1", "00-x"] {
        let cx = extract_with(&w3c, lookup(&[("TRACEPARENT", value), ("BAGGAGE", "")]));
        assert!(!cx.span().span_context().is_valid(), "{value}");
        assert!(cx.baggage().is_empty());
    }
    // Lower-case names are others.
    let cx = extract_with(&w3c, lookup(&[("traceparent", PARENT)]));
    assert!(!cx.span().span_context().is_valid());
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    let mut bytes = PARENT.as_bytes().to_vec();
    bytes.extend(*b"\xff");
    let value = OsString::from_vec(bytes);
    let cx = extract_with(&composite(&Format::DEFAULT), |name| {
        (name == "TRACEPARENT").then(|| value.clone())
    });
    assert!(!cx.span().span_context().is_valid());
}

#[test]
fn a_command_inherits_nothing_of_another_trace() {
    let w3c = composite(&Format::DEFAULT);
    let cx = extract_with(&w3c, lookup(&[("TRACEPARENT", PARENT)]));
    let mut command = Command::new("nothing");
    command.env("PATH", "kept").env("TRACESTATE", "stale=1");
    apply_with(&w3c, &cx, &mut command);
    let variables: HashMap<&OsStr, Option<&OsStr>> = command.get_envs().collect();
    let value = |name: &str| variables.get(OsStr::new(name)).copied();
    assert_eq!(value("TRACEPARENT"), Some(Some(OsStr::new(PARENT))));
    assert_eq!(value("TRACESTATE"), Some(None), "taken away");
    assert_eq!(value("BAGGAGE"), Some(None), "taken away");
    assert_eq!(value("PATH"), Some(Some(OsStr::new("kept"))));
}

#[test]
fn without_a_global_propagator_there_is_nothing() {
    // No test of this binary installs one.
    assert!(inject().is_empty());
    let cx = extract(lookup(&[("TRACEPARENT", PARENT)]));
    assert!(!cx.span().span_context().is_valid());
    let mut command = Command::new("nothing");
    apply(&mut command);
    assert_eq!(command.get_envs().count(), 0);
}
