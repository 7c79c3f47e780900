//! Variables that hold several values: what a bad one among good ones does.

use trisignal_instrumentation::propagation::Format;

use super::super::Settings;
use super::{Pairs, resolved, targets, warnings, with};

#[test]
fn propagators() {
    use Format::{B3, B3Multi, Baggage, TraceContext, XRay};
    let cases: &[(&str, &[Format], usize)] = &[
        ("tracecontext", &[TraceContext], 0),
        ("baggage, TraceContext,baggage", &[Baggage, TraceContext], 0),
        ("none", &[], 0),
        ("none,baggage", &[Baggage], 1),
        ("b3,tracecontext", &[B3, TraceContext], 0),
        ("xray,B3MULTI,b3,xray", &[XRay, B3Multi, B3], 0),
        ("zipkin,tracecontext", &[TraceContext], 1),
        ("ottrace,jaeger", &[TraceContext, Baggage], 2),
        (",", &[TraceContext, Baggage], 0),
    ];
    for (value, expected, warned) in cases {
        let config = with(&[("OTEL_PROPAGATORS", value)]);
        assert_eq!(
            (&config.propagators[..], config.warnings.len()),
            (*expected, *warned),
            "{value}"
        );
    }
}

#[test]
fn a_propagator_that_is_not_had_is_named_with_the_reason() {
    let config = with(&[("OTEL_PROPAGATORS", "jaeger,zipkin,b3")]);
    let told = warnings(&config).join("\n");
    assert!(
        told.contains("\"jaeger\", which is deprecated in favour of tracecontext; it is left out"),
        "{told}"
    );
    assert!(
        told.contains("\"zipkin\", which is none of tracecontext, baggage"),
        "{told}"
    );
}

#[test]
fn code_chooses_propagators_and_what_of_baggage_is_shown() {
    let settings = |propagators: &[Format]| Settings {
        propagators: Some(propagators.to_vec()),
        baggage_attributes: vec!["tenant.id", "user.tier"],
        ..Settings::default()
    };
    let variables = [("OTEL_PROPAGATORS", "nonsense")];
    let config = resolved(&settings(&[Format::XRay, Format::B3]), &variables);
    assert_eq!(config.propagators, [Format::XRay, Format::B3]);
    assert_eq!(warnings(&config), [""; 0], "what code decides is not read");
    let told = config.explain();
    assert!(told.contains("propagators = xray,b3 (code)\n"), "{told}");
    assert!(
        told.contains("baggage.attributes = tenant.id,user.tier (code)\n"),
        "{told}"
    );
    let config = resolved(&settings(&[]), &variables);
    assert_eq!(config.propagators, []);
    assert!(config.explain().contains("propagators = none (code)\n"));
    assert!(
        with(&[])
            .explain()
            .contains("baggage.attributes = none (default)\n")
    );
}

#[test]
fn the_groups_of_own_metrics_are_chosen() {
    use crate::metrics::OwnMetrics::{self, Process, Runtime};

    let cases: &[(&str, &[OwnMetrics], usize)] = &[
        ("", &OwnMetrics::ALL, 0),
        ("runtime, process,runtime", &[Runtime, Process], 0),
        ("Process", &[Process], 0),
        ("none", &[], 0),
        ("none,process", &[Process], 1),
        ("process,weather", &[Process], 1),
        ("weather", &OwnMetrics::ALL, 1),
    ];
    for (text, expected, problems) in cases {
        let config = with(&[("OTEL_RUST_OWN_METRICS", text)]);
        assert_eq!(config.own_metrics, *expected, "{text}");
        assert_eq!(warnings(&config).len(), *problems, "{text}");
    }
    let settings = Settings {
        own_metrics: Some(vec![Runtime]),
        ..Settings::default()
    };
    let config = resolved(&settings, &[("OTEL_RUST_OWN_METRICS", "weather")]);
    assert_eq!(config.own_metrics, [Runtime]);
    assert!(config.explain().contains("metrics.own = runtime (code)\n"));
}

#[test]
fn headers() {
    let cases: &[(&str, Pairs<'_>, usize)] = &[
        ("a=b", &[("a", "b")], 0),
        (
            " Authorization = Bearer%20x%3D , x-tenant=7,",
            &[("authorization", "Bearer x="), ("x-tenant", "7")],
            0,
        ),
        ("token=abc==", &[("token", "abc==")], 0),
        ("cookie=a;b", &[("cookie", "a;b")], 0),
        ("empty=", &[("empty", "")], 0),
        ("a=1,a=2", &[("a", "2")], 0),
        ("secret,a=b", &[("a", "b")], 1),
        ("=secret", &[], 1),
        ("a=%zz", &[], 1),
        ("a=%4", &[], 1),
        ("a=%0D%0Ab", &[], 1),
        ("a=%FF", &[], 1),
        ("b ad=secret", &[], 1),
        ("Content-Type=secret,grpc-timeout=secret,te=secret", &[], 3),
    ];
    for (value, expected, warned) in cases {
        let config = with(&[("OTEL_EXPORTER_OTLP_HEADERS", value)]);
        for target in targets(&config) {
            let found: Vec<_> = target
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            assert_eq!(found, *expected, "{value}");
            assert!(
                target.headers.values().all(http::HeaderValue::is_sensitive),
                "{value}"
            );
        }
        assert_eq!(
            config.warnings.len(),
            *warned,
            "{value}: {:?}",
            warnings(&config)
        );
        assert!(
            !warnings(&config).concat().contains("secret"),
            "{:?}",
            warnings(&config)
        );
    }
}

#[test]
fn resource_attributes_are_taken_whole_or_not_at_all() {
    let cases: &[(&str, Pairs<'_>, usize)] = &[
        ("a=b", &[("a", "b")], 0),
        ("a=b, c = d e ,", &[("a", "b"), ("c", "d e")], 0),
        ("k%2Cey=v%3Dal%2Cue", &[("k,ey", "v=al,ue")], 0),
        ("u=%E2%82%AC", &[("u", "€")], 0),
        ("empty=", &[("empty", "")], 0),
        ("a=b,c", &[], 1),
        ("a=b,=d", &[], 1),
        ("a=b,c=%G0", &[], 1),
        ("a=b,c=%FF", &[], 1),
        ("a=b=c", &[], 1),
    ];
    for (value, expected, warned) in cases {
        let config = with(&[("OTEL_RESOURCE_ATTRIBUTES", value)]);
        let plain = with(&[]).resource.len();
        assert_eq!(config.resource.len(), plain + expected.len(), "{value}");
        for (key, attribute) in *expected {
            let found = config
                .resource
                .get(&opentelemetry::Key::new((*key).to_owned()));
            assert_eq!(
                found.map(|found| found.to_string()).as_deref(),
                Some(*attribute),
                "{value}"
            );
        }
        assert_eq!(config.warnings.len(), *warned, "{value}");
    }
}

#[test]
fn the_content_of_a_key_in_place_of_its_file_is_never_shown() {
    let pem = "-----BEGIN PRIVATE KEY----- hunter2";
    let names = [
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
    ];
    for name in names {
        let config = with(&[(name, pem)]);
        assert_eq!(config.warnings.len(), 1);
        let told = [
            warnings(&config).concat(),
            config.explain(),
            format!("{config:?}"),
        ]
        .concat();
        assert!(told.contains(name) && !told.contains("hunter2"), "{told}");
    }
}
