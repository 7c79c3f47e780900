//! Files that set much, and what is in force by them.

use std::time::Duration;

use super::{load, load_with, warnings};
use crate::config::{ExporterConfig, Origin, Otlp, Protocol, Settings};

/// The shape of the published starting point: every stable key, with values other than the defaults.
pub(super) const SINK: &str = include_str!("sink.yaml");

#[test]
fn every_setting_is_in_force() {
    let config = load(SINK, &[("API_KEY", "hush")]).unwrap();
    assert_eq!(warnings(&config), [""; 0]);
    assert!(!config.disabled);
    let text = |key: &'static str| {
        config
            .resource
            .get(&key.into())
            .map(|value| value.to_string())
    };
    assert_eq!(text("service.name").as_deref(), Some("shop"));
    assert_eq!(text("list.only").as_deref(), Some("a b"));
    assert_eq!(text("both").as_deref(), Some("of attributes"));
    assert_eq!(text("a.bool").as_deref(), Some("true"));
    assert_eq!(text("ints").as_deref(), Some("[1,2]"));
    assert_eq!(text("unset"), None);
    assert_eq!(text("process.pid"), Some(std::process::id().to_string()));
    assert_eq!(text("process.executable.path"), None);
    assert_eq!(text("telemetry.sdk.language").as_deref(), Some("rust"));
    assert_eq!(
        config.resource.schema_url(),
        Some("https://example.com/schema")
    );

    let limits = config.limits;
    assert_eq!(
        (
            limits.spans.attribute_count,
            limits.spans.attribute_value_length
        ),
        (11, Some(12))
    );
    assert_eq!(
        (
            limits.logs.attribute_count,
            limits.logs.attribute_value_length
        ),
        (9, Some(17))
    );
    let events = limits.events;
    assert_eq!(
        (
            events.events_per_span,
            events.links_per_span,
            events.attributes_per_event,
            events.attributes_per_link
        ),
        (13, 14, 15, 16)
    );

    assert_eq!(config.span_batch.delay, Duration::from_millis(501));
    assert_eq!(
        (
            config.span_batch.max_queue_items,
            config.span_batch.max_batch_items
        ),
        (2049, 513)
    );
    assert_eq!(config.log_batch.delay, Duration::from_millis(502));
    assert_eq!(config.metric_interval, Duration::from_millis(60_001));
    assert_eq!(config.outbox.bytes(), 8_000_000);
    assert_eq!(config.max_age, Duration::from_secs(60));
    assert_eq!(config.retry.initial, Duration::from_millis(100));
    assert_eq!(config.retry.max, Duration::from_millis(200));
    assert_eq!(config.span_batch.max_queue_bytes.bytes(), 1_000_000);
    assert_eq!(config.baggage_attributes, ["tenant.id"]);
    assert_eq!(config.console.filter, "warn,trisignal=info");
    assert!(!config.console.color);
    assert_eq!(config.logs_filter, "debug");
    let propagators: Vec<_> = config
        .propagators
        .iter()
        .map(|format| format.name())
        .collect();
    assert_eq!(propagators, ["tracecontext", "baggage", "b3", "xray"]);
}

#[test]
fn exporters_are_as_the_file_says() {
    let config = load(SINK, &[("API_KEY", "hush")]).unwrap();
    let [
        ExporterConfig::Otlp(first),
        ExporterConfig::Otlp(second),
        ExporterConfig::OtlpStdout,
    ] = &config.traces.exporters[..]
    else {
        panic!("{:?}", config.traces);
    };
    assert_eq!(first.endpoint, "https://collector.example:4318/custom");
    assert_eq!(first.protocol, Protocol::HttpProtobuf);
    assert_eq!(first.timeout, Some(Duration::from_millis(10_001)));
    assert_eq!(first.headers["api-key"], "hush");
    assert_eq!(first.headers["from-list"], "a b");
    assert_eq!(first.headers["twice"], "structured");
    assert!(!first.headers.contains_key("no-value"));
    assert_eq!(first.compression.to_string(), "gzip");
    assert_eq!(first.tls.ca.as_deref(), Some("/etc/ca.pem".as_ref()));
    assert_eq!(first.tls.cert.as_deref(), Some("/etc/cert.pem".as_ref()));
    assert_eq!(second.endpoint, "http://grpc.example:4317/");
    assert_eq!(second.protocol, Protocol::Grpc);
    // The shorter of the exporter's own and the processor's.
    assert_eq!(second.timeout, Some(Duration::from_millis(3_000)));
    assert_eq!(config.logs.exporters, [ExporterConfig::Console]);
    assert!(matches!(
        config.metrics.exporters[..],
        [ExporterConfig::Otlp(_), ExporterConfig::Prometheus]
    ));
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    assert!(!config.explain().contains("hush"), "{}", config.explain());
}

#[test]
fn values_say_which_line_they_are_from() {
    let config = load(SINK, &[]).unwrap();
    let line = |start: &str| {
        let at = SINK
            .lines()
            .position(|line| line.trim_start().starts_with(start));
        u32::try_from(at.unwrap()).unwrap() + 1
    };
    for (key, start) in [
        ("outbox", "outbox_bytes"),
        ("traces.batch_items", "max_export_batch_size: 513"),
        ("traces.endpoint", "endpoint: https://collector"),
        ("logs.filter", "filter: debug"),
    ] {
        let found = config
            .effective
            .iter()
            .find(|effective| effective.key == key);
        let origin = Origin::File {
            path: "telemetry.yaml".to_owned(),
            line: line(start),
        };
        assert_eq!(
            found.map(|effective| &effective.origin),
            Some(&origin),
            "{key}"
        );
    }
}

#[test]
fn what_is_absent_is_off() {
    let config = load(
        "file_format: \"1.1\"\n",
        &[("OTEL_TRACES_EXPORTER", "otlp")],
    )
    .unwrap();
    for signal in [&config.traces, &config.metrics, &config.logs] {
        assert!(!signal.is_exported());
    }
    assert!(config.propagators.is_empty());
    let resource: Vec<_> = config
        .resource
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert!(
        resource
            .iter()
            .all(|key| key.starts_with("telemetry.") || *key == "service.name"),
        "{resource:?}"
    );
}

#[test]
fn the_file_replaces_the_environment() {
    let variables = [
        ("OTEL_SERVICE_NAME", "of the variable"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b"),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_BSP_SCHEDULE_DELAY", "bad"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
        ("RUST_LOG", "trace"),
    ];
    let text = "file_format: \"1.1\"\ntracer_provider: {processors: [{batch: {exporter: {otlp_http: }}}]}\n";
    let config = load(text, &variables).unwrap();
    assert_eq!(config.warnings, []);
    assert!(!config.disabled);
    assert_eq!(config.console.filter, "info");
    assert!(
        !config.service_name.contains("variable"),
        "{}",
        config.service_name
    );
    let otlp = config.traces.otlp().unwrap();
    assert_eq!(otlp.endpoint, "http://localhost:4318/v1/traces");
    assert!(otlp.headers.is_empty());
    assert_eq!(otlp.timeout, Some(Duration::from_secs(10)));
}

#[test]
fn code_wins_over_the_file() {
    let settings = Settings {
        otlp: Otlp {
            endpoint: Some("http://code:1/base".to_owned()),
            timeout: Some(Duration::from_secs(3)),
            headers: vec![("api-key".to_owned(), "of code".to_owned())],
            ..Otlp::default()
        },
        service_name: "of init".into(),
        logs_filter: Some("error".to_owned()),
        outbox: Some(crate::ByteSize::from_kib(3)),
        ..Settings::default()
    };
    let config = load_with(&settings, SINK, &[]).unwrap();
    let otlp = config.traces.otlp().unwrap();
    assert_eq!(otlp.endpoint, "http://code:1/base/v1/traces");
    assert_eq!(otlp.timeout, Some(Duration::from_secs(3)));
    assert_eq!(otlp.headers["api-key"], "of code");
    assert_eq!(otlp.headers["twice"], "structured");
    assert_eq!(config.logs_filter, "error");
    assert_eq!(config.outbox.bytes(), 3 * 1024);
    // The name of `init` is a default, for a file as for a variable.
    assert_eq!(config.service_name, "shop");
}

/// An operator who moves from variables to a file must not lose a setting: a new variable needs a place in the file.
#[test]
fn every_variable_has_its_place_in_a_file() {
    // Read from the document itself.
    let of_document = [
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_EXPORTER",
        "OTEL_METRICS_EXPORTER",
        "OTEL_LOGS_EXPORTER",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "OTEL_METRIC_EXPORT_TIMEOUT",
        // They name the file.
        "OTEL_CONFIG_FILE",
        "OTEL_EXPERIMENTAL_CONFIG_FILE",
    ];
    // The schema has no place for them, and no effect is lost: nothing of them is supported.
    let without = ["OTEL_SEMCONV_", "OTEL_EXPORTER_ZIPKIN_"];
    // Entities are under development, and in no schema yet.
    let not_yet = ["OTEL_ENTITIES"];
    // Each exporter has these keys of its own.
    let of_exporter = "OTEL_EXPORTER_OTLP_";
    let names = super::super::values::names();
    for row in crate::config::variables::VARIABLES {
        let has_place = names.contains(&row.name)
            || of_document.contains(&row.name)
            || not_yet.contains(&row.name)
            || row.name.starts_with(of_exporter)
            || without.iter().any(|start| row.name.starts_with(start));
        assert!(has_place, "{} has no place in a file", row.name);
    }
    for name in names.iter().filter(|name| name.starts_with("OTEL_")) {
        let known = crate::config::variables::VARIABLES
            .iter()
            .any(|row| row.name == *name);
        assert!(known, "{name} is read by nobody");
    }
}

#[test]
fn known_methods_are_one_list() {
    let file = |http: &str| {
        let text = format!(
            "file_format: \"1.1\"\ninstrumentation/development: {{general: {{http: {{{http}}}}}}}\n"
        );
        load(&text, &[]).unwrap()
    };
    let server = file("server: {known_methods: [GET, PURGE]}");
    assert_eq!(
        server.http_known_methods.as_deref(),
        Some(&["GET".to_owned(), "PURGE".to_owned()][..])
    );
    assert_eq!(warnings(&server), [""; 0]);
    let both = file(
        "client: {known_methods: [GET], request_captured_headers: [a]}, server: {known_methods: [POST]}",
    );
    assert_eq!(
        both.http_known_methods.as_deref(),
        Some(&["POST".to_owned()][..])
    );
    assert_eq!(warnings(&both).len(), 1, "{:?}", warnings(&both));
    let headers = &both.http_headers;
    assert_eq!(
        headers.client_request,
        ["a"].map(http::HeaderName::from_static)
    );
    assert!(headers.server_request.is_empty());
    let same = file("client: {known_methods: [GET]}, server: {known_methods: [GET]}");
    assert_eq!(warnings(&same), [""; 0]);
    assert_eq!(
        file("client: {known_methods: [GET]}")
            .http_known_methods
            .as_deref()
            .map(<[_]>::len),
        Some(1)
    );
}

#[test]
fn a_captured_header_has_a_name() {
    let text = "file_format: \"1.1\"\ninstrumentation/development: {general: {http: {server: {request_captured_headers: [a, \"b c\", \"\"]}}}}\n";
    let place = "instrumentation/development.general.http.server.request_captured_headers";
    let expected = [
        format!("telemetry.yaml:2:87: {place}[1]: is no name of a header"),
        format!("telemetry.yaml:2:94: {place}[2]: is no name of a header"),
    ];
    assert_eq!(super::errors(text), expected);
}
