//! Sampling as the real Jaeger says, and the Collector that forwards to any backend.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt;
use trisignal_receiver::Receiver;
use trisignal_tests::{Process, Programs, free_port, get, root, until};

const PATIENCE: Duration = Duration::from_secs(60);

fn config(file: &str) -> String {
    format!(
        "--config=file:{}",
        root().join("collector").join(file).display()
    )
}

/// Starts `command` and waits until `ready` answers.
fn launch(name: &str, command: &mut Command, dir: &Path, ready: &str) -> Process {
    let mut process = Process::spawn(
        name,
        command.current_dir(dir),
        &dir.join(format!("{name}.log")),
    )
    .unwrap();
    until(&format!("{name} is ready"), || {
        assert!(process.runs(), "{name} ended at once:\n{}", process.log());
        get(ready, &[]).is_ok().then_some(())
    });
    process
}

#[test]
fn jaeger_decides_what_is_sampled() {
    let Some(programs) = Programs::find("jaeger_decides_what_is_sampled") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let strategies = dir.path().join("strategies.json");
    let write = |checkout: &str| {
        let text = format!(
            r#"{{"service_strategies":[{{"service":"checkout",{checkout}}}],
                "default_strategy":{{"type":"probabilistic","param":0}}}}"#
        );
        let next = dir.path().join("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &strategies).unwrap();
    };
    // Everything, but for one operation.
    write(
        r#""type":"probabilistic","param":1,"operation_strategies":[{"operation":"GET /metrics","type":"probabilistic","param":0}]"#,
    );
    let [otlp, ui, api, health, sampling, grpc] = [(); 6].map(|()| free_port());
    let _jaeger = launch(
        "jaeger",
        Command::new(&programs.jaeger)
            .arg(config("jaeger.yaml"))
            .arg(config("jaeger-sampling.yaml"))
            .env("JAEGER_STRATEGIES", &strategies)
            .env("JAEGER_OTLP_PORT", otlp.to_string())
            .env("JAEGER_UI_PORT", ui.to_string())
            .env("JAEGER_API_PORT", api.to_string())
            .env("JAEGER_HEALTH_PORT", health.to_string())
            .env("JAEGER_SAMPLING_PORT", sampling.to_string())
            .env("JAEGER_SAMPLING_GRPC_PORT", grpc.to_string()),
        dir.path(),
        &format!("http://127.0.0.1:{sampling}/sampling?service=checkout"),
    );
    let receiver = Receiver::start_blocking().unwrap();
    let argument =
        format!("endpoint=http://127.0.0.1:{sampling},pollingIntervalMs=50,initialSamplingRate=0");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint()),
        ("OTEL_RUST_CONSOLE", "off".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "10".to_owned()),
        (
            "OTEL_TRACES_SAMPLER",
            "parentbased_jaeger_remote".to_owned(),
        ),
        ("OTEL_TRACES_SAMPLER_ARG", argument),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let telemetry = trisignal::builder("checkout")
        .environment(BTreeMap::from(variables))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let request = |name: &'static str| drop(tracing::info_span!("request", otel.name = name));
    let seen = |name: &str| receiver.spans().name(name).count();

    until("the first strategy", || {
        request("GET /pay");
        request("GET /metrics");
        (seen("GET /pay") > 0).then_some(())
    });
    // The other way round, and only one a second of it.
    write(r#""type":"ratelimiting","param":1"#);
    until("the second strategy", || {
        request("GET /metrics");
        (seen("GET /metrics") > 0).then_some(())
    });
    (0..100).for_each(|_| request("GET /other"));
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert!(seen("GET /other") <= 3, "{}", seen("GET /other"));
}

#[test]
fn the_collector_forwards_to_a_backend_with_its_token() {
    let Some(programs) = Programs::find("the_collector_forwards_to_a_backend_with_its_token")
    else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let backend = Receiver::start_blocking().unwrap();
    let [grpc, http] = [(); 2].map(|()| free_port());
    let _collector = launch(
        "otelcol",
        Command::new(&programs.otelcol)
            .arg(config("backends/forward.yaml"))
            // Its own metrics would listen on a port that another Collector has.
            .arg("--config=yaml:service::telemetry::metrics::level: none")
            .env("OTELCOL_GRPC_PORT", grpc.to_string())
            .env("OTELCOL_HTTP_PORT", http.to_string())
            .env("OTELCOL_STORAGE", dir.path().join("queue"))
            .env("BACKEND_ENDPOINT", backend.http_endpoint())
            .env("BACKEND_HEADERS", "{Authorization: Api-Token secret}"),
        dir.path(),
        &format!("http://127.0.0.1:{http}/"),
    );
    let variables = [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://127.0.0.1:{http}"),
        ),
        ("OTEL_RUST_CONSOLE", "off".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let telemetry = trisignal::builder("checkout")
        .environment(BTreeMap::from(variables))
        .build()
        .unwrap();
    tracing::subscriber::with_default(
        tracing_subscriber::registry().with(telemetry.layer()),
        || {
            tracing::info_span!("work").in_scope(|| tracing::info!("worked"));
        },
    );
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    until("spans and logs at the backend", || {
        (!backend.spans().is_empty() && !backend.logs().is_empty()).then_some(())
    });
    for request in backend.requests() {
        assert_eq!(request.header("authorization"), Some("Api-Token secret"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
    }
}

/// The AWS exporters are in no Collector that a test can have: this checks that the file is one piece.
#[test]
fn the_file_for_cloudwatch_uses_what_it_declares() {
    let text = fs::read_to_string(root().join("collector/backends/cloudwatch.yaml")).unwrap();
    let file: serde_json::Value = yaml_serde::from_str(&text).unwrap();
    let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let pipelines = file["service"]["pipelines"].as_object().unwrap();
    assert_eq!(
        pipelines.keys().collect::<Vec<_>>(),
        ["logs", "metrics", "traces"]
    );
    for pipeline in pipelines.values() {
        for part in ["receivers", "processors", "exporters"] {
            let names = pipeline[part].as_array().unwrap();
            used.entry(part)
                .or_default()
                .extend(names.iter().filter_map(|name| name.as_str()));
        }
    }
    for (part, names) in used {
        let declared = file[part].as_object().unwrap();
        assert!(
            names.iter().all(|name| declared.contains_key(*name)),
            "{part}: {names:?}"
        );
        assert!(
            declared.keys().all(|name| names.contains(&name.as_str())),
            "{part}: {declared:?}"
        );
    }
    for exporter in ["awsxray", "awsemf", "awscloudwatchlogs"] {
        assert_eq!(
            file["exporters"][exporter]["region"], "${env:AWS_REGION}",
            "{exporter}"
        );
    }
}
