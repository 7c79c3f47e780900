//! The declarative configuration on the wire: what a receiver sees of a service that one file configures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trisignal::otel::KeyValue;
use trisignal::{ConsoleFormat, ErrorKind, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{PATIENCE, receiver, record};

/// A service that knows its name and nothing else; the console stays silent.
fn service(variables: &[(&str, &str)]) -> Result<Telemetry, trisignal::Error> {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    trisignal::builder("of-init")
        .environment(variables)
        .console(ConsoleFormat::Off)
        .own_metrics([])
        .build()
}

fn written(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("telemetry.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Work with all three signals: two spans, of which one has much in it, two logs and two instruments.
fn work(telemetry: &Telemetry) {
    let meter = telemetry.meter("orders");
    let placed = meter.u64_counter("orders.placed").build();
    let size = meter
        .f64_histogram("orders.size")
        .with_unit("{item}")
        .build();
    record(telemetry, || {
        tracing::info_span!("pay", a = "0123456789", b = 2, c = 3).in_scope(|| {
            tracing::info!(long = "0123456789", "paid");
        });
        tracing::info_span!("health", http.route = "/health").in_scope(|| {
            tracing::info!("asked");
        });
        placed.add(
            1,
            &[KeyValue::new("item", "book"), KeyValue::new("secret", "x")],
        );
        size.record(3.0, &[]);
    });
    let report = telemetry.flush_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
}

fn sorted<T>(mut names: Vec<T>) -> Vec<T>
where
    T: Ord,
{
    names.sort();
    names
}

#[test]
fn one_file_says_it_all() {
    let (first, second) = (receiver(), receiver());
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        &folder,
        r#"
file_format: "1.1"
resource:
  attributes:
    - {name: service.name, value: shop}
    - {name: replicas, value: 3, type: int}
    - {name: zones, value: [a, b], type: string_array}
attribute_limits: {attribute_value_length_limit: 4}
propagator: {composite: [{tracecontext: }]}
tracer_provider:
  processors:
    - simple:
        exporter:
          otlp_http:
            endpoint: ${HTTP}/v1/traces
            headers: [{name: x-team, value: "${TEAM}"}]
            headers_list: x-zone=b%20c
            compression: gzip
    - simple: {exporter: {otlp_grpc: {endpoint: "${GRPC}"}}}
  limits: {attribute_count_limit: 3}
  sampler:
    composite/development:
      rule_based:
        rules:
          - attribute_values: {key: http.route, values: [/health]}
            sampler: {always_off: }
          - sampler: {parent_threshold: {root: {always_on: }}}
meter_provider:
  readers:
    - periodic:
        exporter:
          otlp_http: {endpoint: "${HTTP}/v1/metrics", temporality_preference: delta}
  views:
    - selector: {instrument_name: orders.placed}
      stream: {name: orders.taken, attribute_keys: {included: [item]}}
    - selector: {instrument_type: histogram, unit: "{item}"}
      stream: {aggregation: {explicit_bucket_histogram: {boundaries: [2, 4]}}}
logger_provider:
  processors:
    - batch: {schedule_delay: 10, exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs"}}}
"#,
    );
    let telemetry = service(&[
        ("OTEL_CONFIG_FILE", text(&file)),
        ("HTTP", &first.http_endpoint()),
        ("GRPC", &second.grpc_endpoint()),
        ("TEAM", "payments"),
        // Replaced by the file.
        ("OTEL_SERVICE_NAME", "of-the-variable"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-other=1"),
    ])
    .unwrap();
    assert_eq!(telemetry.warnings().len(), 0, "{:?}", telemetry.warnings());
    work(&telemetry);

    for receiver in [&first, &second] {
        let span = receiver.spans().one().unwrap();
        assert_eq!((span.name.as_str(), span.service.as_str()), ("pay", "shop"));
        let resource = &span.resource.attributes;
        assert_eq!(
            resource.get("replicas").and_then(|value| value.as_i64()),
            Some(3)
        );
        assert_eq!(resource.get("process.pid"), None);
        assert_eq!(span.attributes.len(), 3, "{span:?}");
    }
    let logs: Vec<_> = first
        .logs()
        .all()
        .iter()
        .map(|log| log.message().to_owned())
        .collect();
    assert_eq!(sorted(logs), ["asked", "paid"]);
    assert!(second.logs().is_empty());
    let taken = first.metrics().name("orders.taken").one().unwrap();
    let point = taken.point("item", "book").unwrap();
    assert_eq!(
        (point.as_i64(), point.attributes.get("secret")),
        (Some(1), None)
    );
    let metrics = first.metrics().all();
    let size = metrics
        .iter()
        .find(|metric| metric.name == "orders.size")
        .unwrap();
    let shown = format!("{size:?}");
    assert!(shown.contains("[2.0, 4.0]"), "{shown}");
    assert!(shown.contains("Delta"), "{shown}");

    let request = first
        .requests()
        .into_iter()
        .find(|request| request.path.ends_with("traces"));
    let request = request.unwrap();
    assert_eq!(request.header("x-team"), Some("payments"));
    assert_eq!(request.header("x-zone"), Some("b c"));
    assert_eq!(request.header("x-other"), None);
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(report.lost(), 0, "{report}");
}

fn nothing_arrived(receiver: &Receiver) -> bool {
    receiver.requests().is_empty()
}

#[test]
fn sections_that_are_absent_or_disabled_send_nothing() {
    let receiver = receiver();
    let otlp = format!(
        "processors: [{{batch: {{exporter: {{otlp_http: {{endpoint: \"{}/v1/traces\"}}}}}}}}]",
        receiver.http_endpoint()
    );
    for rest in [
        String::new(),
        format!("disabled: true\ntracer_provider: {{{otlp}}}\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = written(&folder, &format!("file_format: \"1.1\"\n{rest}"));
        let telemetry = service(&[
            ("OTEL_CONFIG_FILE", text(&file)),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.http_endpoint()),
        ])
        .unwrap();
        work(&telemetry);
        let report = telemetry.shutdown_blocking(PATIENCE);
        assert!(report.complete && nothing_arrived(&receiver), "{report}");
    }
}

#[test]
fn what_the_builder_is_told_wins_over_the_file_that_it_names() {
    let receiver = receiver();
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        &folder,
        "file_format: \"1.1\"\nresource: {attributes: [{name: a, value: file}, {name: b, value: file}]}\n\
         tracer_provider: {processors: [{batch: {exporter: {otlp_http: {endpoint: \"http://127.0.0.1:1/\"}}}}]}\n",
    );
    let telemetry = trisignal::builder("of-init")
        .environment(BTreeMap::from([(
            "OTEL_CONFIG_FILE".to_owned(),
            "none.yaml".to_owned(),
        )]))
        .config_file(&file)
        .console(ConsoleFormat::Off)
        .endpoint(receiver.http_endpoint())
        .resource([KeyValue::new("a", "code")])
        .build()
        .unwrap();
    record(&telemetry, || drop(tracing::info_span!("pay")));
    assert_eq!(telemetry.shutdown_blocking(PATIENCE).lost(), 0);
    let span = receiver.spans().one().unwrap();
    let resource = &span.resource.attributes;
    assert_eq!(
        (resource.str("a"), resource.str("b")),
        (Some("code"), Some("file"))
    );
    assert_eq!(span.service, "of-init");
}

#[test]
fn the_old_name_of_the_variable_works_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&folder, "file_format: \"1.1\"\n");
    let telemetry = service(&[("OTEL_EXPERIMENTAL_CONFIG_FILE", text(&file))]).unwrap();
    let told: Vec<String> = telemetry
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "OTEL_EXPERIMENTAL_CONFIG_FILE is the old name of OTEL_CONFIG_FILE; it is used all the same"
        ]
    );
}

#[test]
fn a_bad_file_is_one_error_with_all_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        &folder,
        "file_format: \"1.1\"\ntracer_provider:\n  processors:\n    - batch:\n        schedule_delay: ${HUSH}\n        exporter: {otlp_htp: }\n  sampler: {always_onn: }\n",
    );
    let error = service(&[("OTEL_CONFIG_FILE", text(&file)), ("HUSH", "hush")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let shown: Vec<_> = error
        .file_problems()
        .iter()
        .map(|problem| {
            (
                problem.line(),
                problem.column(),
                problem.path(),
                problem.text(),
            )
        })
        .collect();
    let batch = "tracer_provider.processors[0].batch";
    assert_eq!(
        shown,
        [
            (
                5,
                25,
                &*format!("{batch}.schedule_delay"),
                "expected a whole number from 0, found a text from a variable"
            ),
            (
                6,
                20,
                &*format!("{batch}.exporter.otlp_htp"),
                "is not a known span exporter; did you mean `otlp_http`?"
            ),
            (
                7,
                13,
                "tracer_provider.sampler.always_onn",
                "is not a known sampler; did you mean `always_on`?"
            ),
        ]
    );
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{error}");
    assert!(
        lines[1].starts_with(&format!("{}:5:25: ", text(&file))),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hush"));

    let missing = folder.path().join("missing.yaml");
    let error = service(&[("OTEL_CONFIG_FILE", text(&missing))]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("missing.yaml: can't be read: there is no such file"),
        "{error}"
    );
}
