//! What is decided, and what becomes of the trace state.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]

use std::str::FromStr;

use opentelemetry::SpanId;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};

use opentelemetry_sdk::trace::SamplingDecision;

use super::rules::{AttributeCondition, Parents, Pattern, Rule};
use super::*;

/// R is 0x80…: above the threshold of one half, below that of a quarter.
const MIDDLE: u128 = 0x0af7_6519_16cd_43dd_8480_0000_0000_0000;

#[derive(Clone, Copy)]
enum Family {
    Root,
    Remote(bool),
    Local(bool),
}

fn context(family: Family, state: &str) -> Context {
    let state = TraceState::from_str(state).unwrap();
    let (sampled, remote) = match family {
        // Whoever starts a trace may give it a state.
        Family::Root => {
            let none = SpanContext::new(
                TraceId::INVALID,
                SpanId::INVALID,
                TraceFlags::NOT_SAMPLED,
                false,
                state,
            );
            return Context::new().with_remote_span_context(none);
        }
        Family::Remote(sampled) => (sampled, true),
        Family::Local(sampled) => (sampled, false),
    };
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(MIDDLE),
        SpanId::from(1),
        TraceFlags::NOT_SAMPLED.with_sampled(sampled),
        remote,
        state,
    ))
}

fn ask(sampler: &Sampler, cx: &Context, attributes: &[KeyValue]) -> (bool, String) {
    let id = TraceId::from(MIDDLE);
    let result =
        sampler.should_sample(Some(cx), id, "GET /pay", &SpanKind::Server, attributes, &[]);
    assert!(result.attributes.is_empty());
    (
        result.decision == SamplingDecision::RecordAndSample,
        result.trace_state.header(),
    )
}

fn decided(config: &SamplerConfig, family: Family, state: &str) -> (bool, String) {
    ask(&Sampler::new(config), &context(family, state), &[])
}

#[test]
fn each_sampler_decides_and_says_with_what_probability() {
    use Family::{Local, Remote, Root};
    use SamplerConfig::{AlwaysOff, AlwaysOn, PerSecond, Ratio};
    let based = SamplerConfig::parent_based;
    let never_ends = SamplerConfig::ParentBased(Box::new(ParentBased {
        root: AlwaysOff,
        remote_sampled: AlwaysOff,
        remote_not_sampled: AlwaysOn,
        local_sampled: Ratio(0.5),
        local_not_sampled: Ratio(0.25),
    }));
    let rv = "ot=rv:ffffffffffffff";
    let cases = [
        // Whatever the parent is, and without a word where nobody spoke of probability.
        (&AlwaysOn, Root, "", true, ""),
        (&AlwaysOn, Remote(false), "a=1", true, "a=1"),
        (&AlwaysOn, Remote(true), "a=1,ot=th:8", true, "ot=th:0,a=1"),
        (&AlwaysOff, Root, "", false, ""),
        (&AlwaysOff, Local(true), "a=1,ot=th:8", false, "a=1"),
        // R >= T, by the trace ID or by what the caller brought, which stays.
        (&Ratio(0.5), Root, "", true, "ot=th:8"),
        (&Ratio(0.499), Root, "", false, ""),
        (&Ratio(0.25), Root, "", false, ""),
        (&Ratio(0.25), Root, rv, true, "ot=rv:ffffffffffffff;th:c"),
        (
            &Ratio(0.5),
            Root,
            "ot=rv:7fffffffffffff",
            false,
            "ot=rv:7fffffffffffff",
        ),
        (&Ratio(0.25), Remote(true), "ot=th:8", false, ""),
        (&Ratio(0.5), Remote(false), "", true, "ot=th:8"),
        (&Ratio(1.0), Root, "", true, "ot=th:0"),
        (&Ratio(0.0), Root, rv, false, rv),
        // Nobody knows with what probability.
        (&PerSecond(5.0), Remote(true), "ot=th:8", true, ""),
        // The parent's decision with the parent's threshold, unless the two contradict each other.
        (&based(AlwaysOn), Root, "", true, ""),
        (&based(AlwaysOff), Root, "", false, ""),
        (
            &based(AlwaysOff),
            Remote(true),
            "a=1,ot=th:8",
            true,
            "a=1,ot=th:8",
        ),
        (&based(AlwaysOff), Remote(true), "a=1,ot=th:c", true, "a=1"),
        (&based(AlwaysOn), Remote(false), "ot=th:8", false, ""),
        (&based(AlwaysOn), Local(false), "a=1", false, "a=1"),
        (&based(AlwaysOff), Local(true), "", true, ""),
        (&based(Ratio(0.5)), Root, "", true, "ot=th:8"),
        (&based(Ratio(0.25)), Local(true), "ot=th:8", true, "ot=th:8"),
        // Each case its own.
        (&never_ends, Root, "", false, ""),
        (&never_ends, Remote(true), "", false, ""),
        (&never_ends, Remote(false), "", true, ""),
        (&never_ends, Local(true), "", true, "ot=th:8"),
        (&never_ends, Local(false), "", false, ""),
    ];
    for (number, (config, family, state, sampled, after)) in cases.into_iter().enumerate() {
        let expected = (sampled, after.to_owned());
        assert_eq!(
            decided(config, family, state),
            expected,
            "case {number}: {config}"
        );
    }
}

#[test]
fn a_share_of_traces_is_what_was_asked_for() {
    for ratio in [0.01, 0.1, 0.5, 0.9] {
        let sampler = Sampler::new(&SamplerConfig::Ratio(ratio));
        let total = 20_000;
        let ask = |_| {
            let id = TraceId::from(rand::random::<u128>());
            let result = sampler.should_sample(None, id, "x", &SpanKind::Internal, &[], &[]);
            result.decision == SamplingDecision::RecordAndSample
        };
        let kept = (0..total).map(ask).filter(|kept| *kept).count();
        let expected = f64::from(total) * ratio;
        // Six standard deviations.
        let tolerance = 6.0 * (expected * (1.0 - ratio)).sqrt();
        assert!(
            (kept as f64 - expected).abs() < tolerance,
            "{ratio}: {kept}"
        );
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rule = |sampler, attribute: &str| Rule {
        parents: ENTRIES,
        kinds: vec![SpanKind::Server],
        name: Some(Pattern::new("GET *")),
        attributes: vec![AttributeCondition {
            key: "url.path".into(),
            included: vec![Pattern::new(attribute)],
            excluded: Vec::new(),
        }],
        sampler,
    };
    let rules = vec![
        rule(SamplerConfig::AlwaysOn, "/health/important"),
        rule(SamplerConfig::AlwaysOff, "/health*"),
        Rule {
            kinds: vec![SpanKind::Client],
            ..rule(SamplerConfig::AlwaysOff, "*")
        },
        Rule {
            name: Some(Pattern::new("POST *")),
            ..rule(SamplerConfig::AlwaysOff, "*")
        },
        Rule {
            parents: Parents {
                none: false,
                remote: true,
                local: false,
            },
            ..rule(SamplerConfig::AlwaysOff, "/remote")
        },
    ];
    let otherwise = Box::new(SamplerConfig::parent_based(SamplerConfig::AlwaysOn));
    let config = SamplerConfig::Rules(rules, otherwise);
    assert!(config.needs_attributes());
    let sampler = Sampler::new(&config);
    let cases = [
        (Family::Root, "/health", false),
        (Family::Root, "/health/important", true),
        (Family::Root, "/pay", true),
        (Family::Remote(true), "/health", false),
        (Family::Remote(true), "/remote", false),
        (Family::Root, "/remote", true),
        // Inside of the process the parent has decided.
        (Family::Local(true), "/health", true),
    ];
    for (family, path, sampled) in cases {
        let attributes = [KeyValue::new("url.path", path)];
        let (found, _) = ask(&sampler, &context(family, ""), &attributes);
        assert_eq!(found, sampled, "{path}");
    }
}

#[test]
fn a_request_to_be_debugged_is_always_recorded() {
    let debug = DebugRequests {
        baggage: Some("debug.me".into()),
    };
    let off = SamplerConfig::parent_based(SamplerConfig::AlwaysOff);
    let sampler = Sampler::new(&SamplerConfig::Debug(debug, Box::new(off)));
    let root = context(Family::Root, "");
    for (value, sampled) in [
        ("1", true),
        ("true", true),
        ("TRUE", true),
        ("0", false),
        ("yes", false),
    ] {
        let cx = root.with_baggage([KeyValue::new("debug.me", value)]);
        assert_eq!(ask(&sampler, &cx, &[]).0, sampled, "{value}");
    }
    let other = root.with_baggage([KeyValue::new("debug.you", "1")]);
    assert!(!ask(&sampler, &other, &[]).0);
    // The probability of such a trace is not known.
    let cx =
        context(Family::Remote(true), "ot=th:8").with_baggage([KeyValue::new("debug.me", "1")]);
    assert_eq!(ask(&sampler, &cx, &[]), (true, String::new()));
    let mut headers = http::HeaderMap::new();
    headers.insert("b3", "d".parse().unwrap());
    let extractor = trisignal_instrumentation::propagation::HeaderExtractor(&headers);
    let b3 = trisignal_instrumentation::propagation::B3Propagator::single();
    let cx =
        opentelemetry::propagation::TextMapPropagator::extract_with_context(&b3, &root, &extractor);
    assert!(ask(&sampler, &cx, &[]).0, "the debug flag of B3");
}

#[test]
fn a_ratio_is_changed_while_it_is_in_use() {
    let rule = Rule {
        parents: ENTRIES,
        kinds: Vec::new(),
        name: Some(Pattern::new("other")),
        attributes: Vec::new(),
        sampler: SamplerConfig::Ratio(0.0),
    };
    let base = SamplerConfig::parent_based(SamplerConfig::AlwaysOn);
    let config = SamplerConfig::Rules(vec![rule], Box::new(base));
    assert_eq!(config.main_ratio(), Some(1.0));
    let sampler = Sampler::new(&config);
    let root = context(Family::Root, "");
    assert!(ask(&sampler, &root, &[]).0);
    assert!(sampler.clone().set_leaf(&SamplerConfig::Ratio(0.25)));
    assert!(!ask(&sampler, &root, &[]).0);
    assert!(sampler.set_leaf(&SamplerConfig::Ratio(0.5)));
    assert_eq!(ask(&sampler, &root, &[]), (true, "ot=th:8".to_owned()));
    let changed = config
        .with_main_leaf(&SamplerConfig::Ratio(0.5))
        .to_string();
    assert_eq!(changed, "0 name=other; else parentbased_traceidratio 0.5");

    for fixed in [SamplerConfig::PerSecond(1.0), SamplerConfig::OwnCode] {
        let based = SamplerConfig::parent_based(fixed);
        assert_eq!(based.main_ratio(), None);
        assert_eq!(based.with_main_leaf(&SamplerConfig::Ratio(0.5)), based);
    }
    assert!(!Sampler::new(&SamplerConfig::PerSecond(1.0)).set_leaf(&SamplerConfig::Ratio(0.5)));
}

#[test]
fn what_is_impossible_is_refused() {
    use crate::{Sampling, SamplingRule};
    let bad = [
        Sampling::ratio(1.5),
        Sampling::ratio(f64::NAN),
        Sampling::per_second(0.0),
        Sampling::per_second(f64::INFINITY),
        Sampling::parent_based(Sampling::ratio(-1.0)),
        Sampling::always_on().rule(SamplingRule::new(Sampling::ratio(2.0))),
        Sampling::ratio(2.0).or_debug("debug"),
        Sampling::jaeger_remote("localhost:5778"),
        Sampling::jaeger_remote("http://user:secret@localhost:5778"),
    ];
    for sampling in bad {
        let shown = format!("{sampling:?}");
        let built = crate::builder("x")
            .environment(std::collections::HashMap::new())
            .sampling(sampling)
            .build();
        let error = built.map(drop).expect_err(&shown).to_string();
        assert!(
            error.contains("sampling") && !error.contains("secret"),
            "{error}"
        );
    }
}
