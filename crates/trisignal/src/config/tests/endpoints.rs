//! Where data goes: base and exact endpoints, schemes, ports, and what must not be in a URL.

use super::{resolved, targets, warnings, with};
use crate::config::{Otlp, Protocol, Settings, resolve};

const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");

fn endpoints(variables: &[(&str, &str)]) -> [String; 3] {
    let config = with(variables);
    let mut told = warnings(&config);
    // That a scheme wins has a test of its own.
    told.retain(|warning| !warning.contains("is for endpoints without a scheme"));
    assert_eq!(told, [""; 0], "{variables:?}");
    targets(&config).map(|target| target.endpoint.to_string())
}

#[test]
fn a_base_endpoint_gets_the_path_of_the_signal() {
    let cases = [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("http://c", "http://c/v1/traces"),
        ("https://c/otlp", "https://c/otlp/v1/traces"),
        ("https://c/otlp//", "https://c/otlp/v1/traces"),
        ("https://c/v1/traces", "https://c/v1/traces/v1/traces"),
        ("https://c/otlp?key=1", "https://c/otlp/v1/traces?key=1"),
        ("HTTP://C:4318", "http://C:4318/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ("http://c:4319", "http://c:4319/v1/traces"),
        ("http://c:4318#here", "http://c:4318/v1/traces"),
    ];
    for (base, expected) in cases {
        let [traces, metrics, logs] = endpoints(&[(BASE, base)]);
        assert_eq!(traces, expected, "{base}");
        assert_eq!(metrics, replace_last(expected, "metrics"), "{base}");
        assert_eq!(logs, replace_last(expected, "logs"), "{base}");
    }
    let default = [
        "http://localhost:4318/v1/traces",
        "http://localhost:4318/v1/metrics",
        "http://localhost:4318/v1/logs",
    ];
    assert_eq!(endpoints(&[]), default);
}

fn replace_last(text: &str, with: &str) -> String {
    let at = text.rfind("traces").unwrap();
    format!("{}{with}{}", &text[..at], &text[at + "traces".len()..])
}

#[test]
fn an_exact_endpoint_is_taken_as_it_is() {
    let cases = [
        ("http://c:4318", "http://c:4318/"),
        ("http://c:4318/", "http://c:4318/"),
        ("http://c:4318/ingest?key=1", "http://c:4318/ingest?key=1"),
    ];
    for (exact, expected) in cases {
        let [traces, metrics, _] = endpoints(&[(TRACES, exact), (BASE, "http://base")]);
        assert_eq!(
            (traces.as_str(), metrics.as_str()),
            (expected, "http://base/v1/metrics"),
            "{exact}"
        );
    }
}

#[test]
fn grpc_needs_scheme_and_authority_only() {
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "http://localhost:4317/"),
        (&[(BASE, "http://c:4317")], "http://c:4317/"),
        (&[(BASE, "https://c:4317/")], "https://c:4317/"),
        (&[(BASE, "https://c")], "https://c/"),
        (&[(BASE, "c:4317")], "https://c:4317/"),
        (&[(BASE, "c:4317"), insecure], "http://c:4317/"),
        (&[(BASE, "https://c:4317"), insecure], "https://c:4317/"),
        (
            &[
                (BASE, "http://c:4317"),
                ("OTEL_EXPORTER_OTLP_INSECURE", "false"),
            ],
            "http://c:4317/",
        ),
        (
            &[
                (BASE, "c:4317"),
                ("OTEL_EXPORTER_OTLP_SPAN_INSECURE", "true"),
            ],
            "http://c:4317/",
        ),
        (
            &[
                (BASE, "c:4317"),
                ("OTEL_EXPORTER_OTLP_SPAN_INSECURE", "true"),
                ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false"),
            ],
            "https://c:4317/",
        ),
        (&[(TRACES, "c"), insecure], "http://c/"),
    ];
    for (variables, expected) in cases {
        let variables: Vec<_> = variables.iter().copied().chain([PROTOCOL]).collect();
        assert_eq!(endpoints(&variables)[0], *expected, "{variables:?}");
    }
    let old = endpoints(&[
        PROTOCOL,
        (BASE, "c:4317"),
        ("OTEL_EXPORTER_OTLP_METRIC_INSECURE", "true"),
    ]);
    assert_eq!(
        old,
        ["https://c:4317/", "http://c:4317/", "https://c:4317/"]
    );
}

#[test]
fn each_signal_can_have_its_own_protocol() {
    let config = with(&[
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
        (BASE, "http://c:9"),
    ]);
    let found = targets(&config).map(|target| target.endpoint.to_string());
    assert_eq!(
        found,
        [
            "http://c:9/v1/traces",
            "http://c:9/v1/metrics",
            "http://c:9/"
        ]
    );
    let config = with(&[("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")]);
    assert_eq!(
        targets(&config)[2].endpoint.to_string(),
        "http://localhost:4317/"
    );
}

#[test]
fn an_endpoint_that_cannot_be_used_warns_and_the_default_is_used() {
    let cases = [
        "collector:4318",
        "localhost",
        "http://",
        "http://:4318",
        "http://c:99999",
        "http://c:0",
        "http://c:",
        "http://c:x",
        "ftp://c",
        "unix:///run/otel",
        "http://a b",
        "http://[::1",
        "://c",
        "http://c\u{7f}",
    ];
    for bad in cases {
        let config = with(&[(BASE, bad)]);
        assert_eq!(
            targets(&config)[1].endpoint.to_string(),
            "http://localhost:4318/v1/metrics",
            "{bad}"
        );
        let told = warnings(&config);
        assert_eq!(told.len(), 1, "{bad}: {told:?}");
        assert!(
            told[0].starts_with(&format!("{BASE}="))
                && told[0].ends_with("; http://localhost:4318 is used"),
            "{told:?}"
        );
    }
    let config = with(&[(TRACES, "nonsense"), (BASE, "http://base:1")]);
    assert_eq!(
        targets(&config)[0].endpoint.to_string(),
        "http://base:1/v1/traces"
    );
    assert_eq!(warnings(&config).len(), 1);
}

#[test]
fn credentials_in_a_url_are_cut_off_and_never_shown() {
    let cases = [
        (BASE, "http://me:hunter2@c:4318/x", true),
        (BASE, "http://hunter2@c:4318", true),
        (BASE, "http://me:hun@hunter2@c:4318", true),
        (BASE, "http://me:p/hunter2@c:4318", false),
        (BASE, "me:hunter2@c:4318", false),
        (BASE, "ftp://me:hunter2@c", false),
        (TRACES, "http://c/?token=hunter2", true),
        (TRACES, "nonsense?token=hunter2", false),
    ];
    for (name, endpoint, usable) in cases {
        let config = with(&[(name, endpoint)]);
        let target = targets(&config)[0];
        assert_eq!(target.endpoint.host() == Some("c"), usable, "{endpoint}");
        assert!(
            !target.endpoint.authority().unwrap().as_str().contains('@'),
            "{endpoint}"
        );
        let told = [
            warnings(&config).concat(),
            config.explain(),
            format!("{config:?}"),
        ]
        .concat();
        assert!(!told.contains("hunter2"), "{endpoint}: {told}");
    }
}

#[test]
fn a_path_for_grpc_warns() {
    let config = with(&[PROTOCOL, (BASE, "http://c:4317/v1/traces")]);
    assert_eq!(targets(&config)[0].endpoint.to_string(), "http://c:4317/");
    assert_eq!(warnings(&config).len(), 1);
}

#[test]
fn an_endpoint_of_code_is_a_base_and_must_be_right() {
    let settings = |endpoint: &str| Settings {
        otlp: Otlp {
            endpoint: Some(endpoint.to_owned()),
            protocol: Some(Protocol::HttpProtobuf),
            ..Otlp::default()
        },
        ..Settings::default()
    };
    let config = resolved(
        &settings("http://code:1/x"),
        &[(BASE, "http://a"), (TRACES, "http://b")],
    );
    assert_eq!(
        targets(&config)[0].endpoint.to_string(),
        "http://code:1/x/v1/traces"
    );
    for bad in [
        "",
        "collector:4318",
        "http://me:hunter2@c",
        "http://me:p/hunter2@c",
    ] {
        let error = resolve(&settings(bad), &super::map(&[])).unwrap_err();
        assert_eq!(error.setting, "endpoint", "{bad}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_client_certificate_needs_its_key() {
    let cert = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem");
    let key = ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem");
    let ca = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem");
    let config = with(&[
        cert,
        key,
        ca,
        ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/logs.pem"),
    ]);
    let [traces, metrics, logs] = targets(&config).map(|target| target.tls.clone());
    assert_eq!(traces, metrics);
    assert_eq!(traces.cert.unwrap().to_str(), Some("/c.pem"));
    assert_eq!(traces.key.unwrap().to_str(), Some("/k.pem"));
    assert_eq!(
        [traces.ca, logs.ca].map(|path| path.unwrap().to_str().unwrap().to_owned()),
        ["/ca.pem", "/logs.pem"]
    );
    for (half, missing) in [(cert, key), (key, cert)] {
        let config = with(&[half]);
        let tls = &targets(&config)[0].tls;
        assert_eq!((&tls.cert, &tls.key), (&None, &None));
        let told = format!(
            "{} needs {}, which is not set; no client certificate is used",
            half.0, missing.0
        );
        assert_eq!(warnings(&config), [told]);
        assert!(
            !config.explain().contains(half.1),
            "what is not used is not in force"
        );
    }
    let settings = Settings {
        otlp: Otlp {
            client_key: Some("/k.pem".into()),
            ..Otlp::default()
        },
        ..Settings::default()
    };
    assert!(resolve(&settings, &super::map(&[])).is_err());
}
