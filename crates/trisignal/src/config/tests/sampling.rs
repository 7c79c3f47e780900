//! What the variables of sampling accept, what they refuse, and what is in force then.

use super::{warnings, with};

/// Name, argument, what is in force, number of warnings.
#[test]
fn samplers() {
    let jaeger = |rest: &str| format!("parentbased_jaeger_remote http://{rest}");
    let default = "localhost:5778/sampling every 60000 ms, until then traceidratio 0.001";
    let cases = [
        ("", "", "parentbased_always_on", 0),
        ("always_on", "", "always_on", 0),
        ("ALWAYS_OFF", "", "always_off", 0),
        ("traceidratio", "", "traceidratio 1", 0),
        ("traceidratio", "0.25", "traceidratio 0.25", 0),
        (
            "parentbased_traceidratio",
            "0",
            "parentbased_traceidratio 0",
            0,
        ),
        (
            "parentbased_traceidratio",
            "1.5",
            "parentbased_traceidratio 1",
            1,
        ),
        (
            "parentbased_traceidratio",
            "NaN",
            "parentbased_traceidratio 1",
            1,
        ),
        (
            "parentbased_traceidratio",
            "-0.1",
            "parentbased_traceidratio 1",
            1,
        ),
        (
            "parentbased_traceidratio",
            "half",
            "parentbased_traceidratio 1",
            1,
        ),
        ("parentbased_always_off", "0.5", "parentbased_always_off", 1),
        (
            "parentbased_always_on",
            "rubbish",
            "parentbased_always_on",
            1,
        ),
        ("parentbased_", "", "parentbased_always_on", 1),
        (
            "xray",
            "endpoint=http://localhost:2000",
            "parentbased_always_on",
            1,
        ),
        ("", "0.1", "parentbased_always_on", 1),
        ("ratelimited", "", "ratelimited 100/s", 0),
        (
            "parentbased_ratelimited",
            "0.5",
            "parentbased_ratelimited 0.5/s",
            0,
        ),
        ("ratelimited", "0", "ratelimited 100/s", 1),
        ("ratelimited", "inf", "ratelimited 100/s", 1),
        ("parentbased_jaeger_remote", "", &jaeger(default), 0),
        (
            "parentbased_jaeger_remote",
            "endpoint=http://a:1 , pollingIntervalMs=5,initialSamplingRate=0.25",
            &jaeger("a:1/sampling every 5 ms, until then traceidratio 0.25"),
            0,
        ),
        (
            "parentbased_jaeger_remote",
            "endpoint=http://a:1/api/sampling",
            &jaeger("a:1/api/sampling every 60000 ms, until then traceidratio 0.001"),
            0,
        ),
        // One bad value makes all of it void, an unknown one only itself.
        (
            "parentbased_jaeger_remote",
            "endpoint=http://a:1,pollingIntervalMs=0",
            &jaeger(default),
            1,
        ),
        (
            "parentbased_jaeger_remote",
            "endpoint=a:1",
            &jaeger(default),
            1,
        ),
        ("parentbased_jaeger_remote", "endpoint", &jaeger(default), 1),
        (
            "parentbased_jaeger_remote",
            "endpoint=ftp://a",
            &jaeger(default),
            1,
        ),
        (
            "parentbased_jaeger_remote",
            "endpoint=http://u:hunter2@a",
            &jaeger(default),
            1,
        ),
        (
            "parentbased_jaeger_remote",
            "endpoint=http://a:1,colour=red",
            &jaeger("a:1/sampling every 60000 ms, until then traceidratio 0.001"),
            1,
        ),
        // Jaeger's own default in other SDKs is its gRPC port.
        (
            "parentbased_jaeger_remote",
            "endpoint=http://a:14250",
            &jaeger("a:14250/sampling every 60000 ms, until then traceidratio 0.001"),
            1,
        ),
    ];
    for (sampler, argument, in_force, warned) in cases {
        let config = with(&[
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ]);
        let told = warnings(&config);
        assert_eq!(config.sampler.to_string(), in_force, "{sampler} {argument}");
        assert_eq!(told.len(), warned, "{sampler} {argument}: {told:?}");
        assert!(!told.concat().contains("hunter2"), "{told:?}");
    }
}

/// Rules, how they are understood, number of warnings.
#[test]
fn rules_of_sampling() {
    let cases = [
        ("drop url.path=/health", "drop url.path=/health", 0),
        (
            " drop  url.path=/health*|/ready ;; 0.1 name=\"GET /a;b\" kind=server|client; 10/s ;keep parent=any tenant=a",
            "drop url.path=/health*|/ready; 0.1 kind=server|client name=GET /a;b; 10/s; keep parent=any tenant=a",
            0,
        ),
        ("drop", "drop", 0),
        ("drop url.path", "", 1),
        ("drop =a", "", 1),
        ("drop url.path=", "", 1),
        ("throw url.path=/a", "", 1),
        ("2 url.path=/a", "", 1),
        ("0/s url.path=/a", "", 1),
        ("drop kind=servant", "", 1),
        ("drop parent=mother", "", 1),
        ("drop name=\"open", "", 1),
        // One bad rule makes all of it void: the order matters.
        ("drop url.path=/a; throw url.path=/b", "", 1),
        (";;", "", 1),
    ];
    for (text, understood, warned) in cases {
        let config = with(&[("OTEL_RUST_SAMPLING_RULES", text)]);
        let expected = match understood {
            "" => "parentbased_always_on".to_owned(),
            rules => format!("{rules}; else parentbased_always_on"),
        };
        assert_eq!(config.sampler.to_string(), expected, "{text}");
        assert_eq!(warnings(&config).len(), warned, "{text}");
    }
    let config = with(&[("OTEL_RUST_SAMPLING_DEBUG", "debug.me")]);
    let expected = "debug by baggage debug.me; else parentbased_always_on";
    assert_eq!(config.sampler.to_string(), expected);
    let config = with(&[("OTEL_RUST_SAMPLING_DEBUG", "debug me")]);
    assert_eq!(config.sampler.to_string(), "parentbased_always_on");
    assert_eq!(warnings(&config).len(), 1);
}
