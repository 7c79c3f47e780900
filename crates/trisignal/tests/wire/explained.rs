//! What is in force, shown as text and as JSON.

use std::collections::HashMap;

use serde_json::Value;
use trisignal::{ConsoleFormat, Telemetry};

fn telemetry() -> Telemetry {
    let environment = [
        ("OTEL_RUST_LOGS_FILTER", "warn"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://127.0.0.1:9/base?key=hush",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test,upstream.password=hush",
        ),
    ];
    let environment: HashMap<_, _> = environment
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    trisignal::builder("checkout")
        .environment(environment)
        .console(ConsoleFormat::Off)
        .service_version("1.2.3")
        .build()
        .unwrap()
}

/// One object of the JSON as the line of the text that says the same.
fn line(setting: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let origin = match text(&setting["origin"]["kind"]).as_str() {
        "environment" => text(&setting["origin"]["name"]),
        "run_time" => "run time".to_owned(),
        kind => kind.to_owned(),
    };
    format!(
        "{} = {} ({origin})",
        text(&setting["key"]),
        text(&setting["value"])
    )
}

#[test]
fn text_and_json_say_the_same_with_origins_and_without_secrets() {
    let telemetry = telemetry();
    telemetry.control().console_filter("debug").unwrap();
    let config = telemetry.config();
    let settings: Vec<Value> = serde_json::from_str(&config.explain_json()).unwrap();
    let lines: Vec<_> = settings.iter().map(line).collect();
    assert_eq!(lines.join("\n") + "\n", config.explain());
    assert_eq!(config.to_string(), telemetry.explain());
    for expected in [
        "service.name = checkout (code)",
        "logs.filter = warn (OTEL_RUST_LOGS_FILTER)",
        "console.format = off (code)",
        "console.filter = debug (run time)",
        "traces.headers = authorization=*** (OTEL_EXPORTER_OTLP_HEADERS)",
        "resource.deployment.environment.name = test (OTEL_RESOURCE_ATTRIBUTES)",
        "resource.upstream.password = REDACTED (OTEL_RESOURCE_ATTRIBUTES)",
        "resource.service.version = 1.2.3 (code)",
        "resource.telemetry.distro.name = trisignal (detected)",
        "config_file = none (default)",
        "entities = none (default)",
        "metrics.export_timeout = no limit (default)",
        "logs.certificate = of the system (default)",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:#?}"
        );
    }
    let shown = format!("{config}{}{config:?}", config.explain_json());
    assert!(!shown.contains("hush"), "{shown}");
}
