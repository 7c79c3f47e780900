//! Configurators and the attributes of views, as files say them: what a receiver gets.

use std::collections::{BTreeMap, BTreeSet};

use trisignal::otel::KeyValue;
use trisignal::{ConsoleFormat, Protocol, Telemetry, View};
use trisignal_receiver::{Metric, Receiver};

use super::common::{PATIENCE, builder, receiver, record};

fn service(receiver: &Receiver, text: &str) -> Telemetry {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("telemetry.yaml");
    std::fs::write(&path, format!("file_format: \"1.1\"\n{text}")).unwrap();
    let telemetry = trisignal::builder("checkout")
        .environment(BTreeMap::from([(
            "HTTP".to_owned(),
            receiver.http_endpoint(),
        )]))
        .config_file(&path)
        .console(ConsoleFormat::Off)
        .own_metrics([])
        .build()
        .unwrap();
    let warnings = telemetry.warnings();
    assert!(warnings.is_empty(), "{warnings:?}");
    telemetry
}

#[test]
fn tracers_and_loggers_that_are_off_send_nothing() {
    let receiver = receiver();
    let telemetry = service(
        &receiver,
        r#"
tracer_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces"}}}}]
  tracer_configurator/development:
    tracers: [{name: "noisy::*", config: {enabled: false}}]
logger_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs"}}}}]
  logger_configurator/development:
    default_config: {minimum_severity: info2}
    loggers:
      - {name: payment, config: {enabled: true}}
      - {name: "noisy::*", config: {enabled: false}}
distribution: {trisignal: {logs: {filter: debug}}}
"#,
    );
    let explained = telemetry.explain();
    for line in [
        "traces.scopes = noisy::* off; others on (",
        "logs.scopes = payment on; noisy::* off; others from severity 10 (",
    ] {
        assert!(explained.contains(line), "{explained}");
    }
    record(&telemetry, || {
        tracing::info_span!("kept").in_scope(|| {
            tracing::info_span!(target: "noisy::inner", "gone").in_scope(|| {
                tracing::info_span!("child").in_scope(|| {
                    tracing::warn!("loud");
                    tracing::info!("quiet");
                });
                tracing::error!(target: "noisy::inner", "gone as well");
            });
        });
        tracing::debug!(target: "payment", "all of it");
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    let mut names = receiver.spans().names();
    names.sort();
    assert_eq!(names, ["child", "kept"]);
    // The trace has no hole.
    let (kept, child) = (
        receiver.spans().name("kept").one().unwrap(),
        receiver.spans().name("child").one().unwrap(),
    );
    assert_eq!(child.parent_span_id, kept.span_id);
    let bodies: BTreeSet<_> = receiver
        .logs()
        .all()
        .iter()
        .map(|log| log.message().to_owned())
        .collect();
    assert_eq!(bodies, ["all of it", "loud"].map(str::to_owned).into());
}

#[test]
fn what_tracing_records_has_one_name_that_turns_it_off() {
    let receiver = receiver();
    let telemetry = service(
        &receiver,
        r#"
tracer_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces"}}}}]
  tracer_configurator/development: {default_config: {enabled: false}}
logger_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs"}}}}]
  logger_configurator/development: {loggers: [{name: trisignal, config: {enabled: false}}]}
"#,
    );
    record(&telemetry, || {
        tracing::info_span!("gone").in_scope(|| tracing::error!("gone"));
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert!(receiver.requests().is_empty());
}

#[test]
fn logs_follow_their_traces_by_the_configurator() {
    let receiver = receiver();
    let telemetry = service(
        &receiver,
        r#"
tracer_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/traces"}}}}]
  sampler: {always_off: }
logger_provider:
  processors: [{batch: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/logs"}}}}]
  logger_configurator/development: {default_config: {trace_based: true}}
"#,
    );
    record(&telemetry, || {
        tracing::info_span!("unsampled").in_scope(|| tracing::info!("gone"));
        tracing::info!("of no trace");
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(receiver.logs().one().unwrap().message(), "of no trace");
}

/// Instruments of every kind, each with the attributes `a`, `b` and `http.route`.
fn measure(telemetry: &Telemetry, scope: &'static str) {
    let attributes = |item: i64| {
        [
            KeyValue::new("a", item),
            KeyValue::new("b", 2),
            KeyValue::new("http.route", "/pay"),
        ]
    };
    let meter = telemetry.meter(scope);
    let counter = meter.u64_counter("counter").build();
    let size = meter.f64_histogram("size").build();
    for item in [1, 2] {
        counter.add(1, &attributes(item));
        counter.bind(&attributes(item)).add(1);
        size.record(1.0, &attributes(item));
    }
    meter
        .i64_up_down_counter("open")
        .build()
        .add(1, &attributes(1));
    meter.f64_gauge("heat").build().record(1.5, &attributes(1));
    meter
        .i64_observable_gauge("depth")
        .with_callback(move |observer| observer.observe(7, &attributes(1)))
        .build();
    let report = telemetry.flush_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
}

fn keys(metric: &Metric) -> BTreeSet<&str> {
    let points = metric.points.iter();
    points.flat_map(|point| point.attributes.keys()).collect()
}

#[test]
fn views_choose_attributes_by_patterns() {
    let receiver = receiver();
    let telemetry = service(
        &receiver,
        r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics"}}}}]
  views:
    - selector: {instrument_name: counter}
      stream: {attribute_keys: {excluded: [a]}}
    - selector: {instrument_name: size}
      stream: {attribute_keys: {included: ["http.*", b], excluded: ["?"]}}
    - selector: {instrument_name: depth}
      stream: {attribute_keys: {included: ["*"], excluded: ["http.*"]}}
    - selector: {instrument_name: heat}
      stream: {attribute_keys: {excluded: ["*"]}}
"#,
    );
    measure(&telemetry, "shop");
    let metric = |name: &str| receiver.metrics().name(name).last().unwrap();
    let cases = [
        ("counter", &["b", "http.route"][..]),
        ("size", &["http.route"]),
        ("depth", &["a", "b"]),
        ("heat", &[]),
        ("open", &["a", "b", "http.route"]),
    ];
    for (name, expected) in cases {
        let metric = metric(name);
        assert_eq!(keys(&metric), expected.iter().copied().collect(), "{name}");
        assert_eq!(metric.points.len(), 1, "{name}: {:?}", metric.points);
    }
    assert_eq!(metric("counter").points[0].as_i64(), Some(4));
    let _ = telemetry.shutdown_blocking(PATIENCE);
}

#[test]
fn code_leaves_attributes_out_as_well() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .view(View::of("counter").without_attributes(["a", "http.*"]))
        .build()
        .unwrap();
    measure(&telemetry, "shop");
    let metric = receiver.metrics().name("counter").last().unwrap();
    assert_eq!(keys(&metric), BTreeSet::from(["b"]));
    let _ = telemetry.shutdown_blocking(PATIENCE);
}

#[test]
fn meters_that_are_off_bring_nothing_whatever_views_say() {
    let receiver = receiver();
    let telemetry = service(
        &receiver,
        r#"
meter_provider:
  readers: [{periodic: {exporter: {otlp_http: {endpoint: "${HTTP}/v1/metrics"}}}}]
  views: [{selector: {instrument_name: counter}, stream: {description: Counted.}}]
  meter_configurator/development:
    default_config: {enabled: false}
    meters: [{name: "shop*", config: {enabled: true}}, {name: "*", config: {enabled: false}}]
"#,
    );
    measure(&telemetry, "noise");
    assert!(receiver.requests().is_empty(), "{:?}", receiver.requests());
    measure(&telemetry, "shop.orders");
    let scopes: BTreeSet<String> = receiver
        .metrics()
        .all()
        .iter()
        .map(|metric| metric.scope.name.clone())
        .collect();
    assert_eq!(scopes, ["shop.orders".to_owned()].into());
    telemetry
        .meter("shop")
        .u64_counter("one")
        .build()
        .add(1, &[]);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(receiver.metrics().name("one").count(), 1);
}
