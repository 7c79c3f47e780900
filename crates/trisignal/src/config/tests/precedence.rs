//! Code over the signal's variable over the variable for all over the default; and who names the service.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::{Key, KeyValue};

use super::{map, resolved, targets, warnings};
use crate::config::{Batch, ByteSize, Compression, Origin, Otlp, Protocol, Settings, resolve};
use crate::console::ConsoleFormat;

#[test]
fn the_signal_wins_over_all_and_code_over_both() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=all,b=all"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=own"),
    ];
    let config = resolved(&Settings::default(), &variables);
    let [traces, metrics, logs] = targets(&config);
    assert_eq!(traces, logs, "the same target can share a connection");
    assert_eq!(
        [traces.timeout, metrics.timeout],
        [1, 2].map(|seconds| Some(Duration::from_secs(seconds)))
    );
    assert_eq!(
        [traces.compression, metrics.compression],
        [Compression::Gzip, Compression::None]
    );
    assert_eq!(
        [traces.protocol, metrics.protocol],
        [Protocol::Grpc, Protocol::HttpProtobuf]
    );
    assert_eq!(
        [traces.headers.len(), metrics.headers.len()],
        [2, 1],
        "a signal's headers replace the others"
    );
    assert_eq!(metrics.headers["a"], "own");

    let settings = Settings {
        otlp: Otlp {
            timeout: Some(Duration::ZERO),
            compression: Some(Compression::None),
            protocol: Some(Protocol::HttpProtobuf),
            headers: vec![("A".into(), "code".into())],
            ..Otlp::default()
        },
        ..Settings::default()
    };
    for target in targets(&resolved(&settings, &variables)) {
        assert_eq!(
            (target.timeout, target.compression, target.protocol),
            (None, Compression::None, Protocol::HttpProtobuf)
        );
        assert_eq!(target.headers["a"], "code");
    }
}

#[test]
fn a_bad_value_of_the_signal_falls_back_to_the_one_for_all() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
    ];
    let config = resolved(&Settings::default(), &variables);
    assert_eq!(targets(&config)[2].timeout, Some(Duration::from_secs(1)));
    let told = "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=\"soon\" is not a whole number of milliseconds; \
                the setting for all signals is used";
    assert_eq!(warnings(&config), [told]);
}

#[test]
fn what_code_decides_is_not_looked_up() {
    let settings = Settings {
        otlp: Otlp {
            timeout: Some(Duration::from_secs(3)),
            ..Otlp::default()
        },
        batch: Batch {
            schedule_delay: Some(Duration::from_secs(2)),
            queue_items: Some(10),
            queue_bytes: Some(ByteSize::from_kib(3)),
            batch_items: Some(5),
            ..Batch::default()
        },
        console_format: Some(ConsoleFormat::Json),
        console_filter: Some("debug".into()),
        logs_filter: Some("warn, x=info".into()),
        traces_filter: Some("error".into()),
        metric_interval: Some(Duration::from_secs(5)),
        outbox: Some(ByteSize::from_mib(1)),
        max_age: Some(Duration::from_secs(9)),
        retry_initial: Some(Duration::from_secs(60)),
        ..Settings::default()
    };
    let variables = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "bad"),
        ("OTEL_RUST_CONSOLE", "bad"),
        ("RUST_LOG", "x=bad"),
        ("OTEL_RUST_LOGS_FILTER", "x=bad"),
        ("OTEL_RUST_TRACES_FILTER", "x=bad"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "bad"),
        ("OTEL_BSP_SCHEDULE_DELAY", "bad"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "bad"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "bad"),
    ];
    let config = resolved(&settings, &variables);
    assert_eq!(
        warnings(&config),
        [""; 0],
        "no warning about a value that decides nothing"
    );
    assert_eq!(
        (config.console.format, config.console.filter.as_str()),
        (ConsoleFormat::Json, "debug")
    );
    assert_eq!(
        (config.logs_filter.as_str(), config.traces_filter.as_str()),
        ("warn,x=info", "error")
    );
    assert_eq!(config.metric_interval, Duration::from_secs(5));
    for batch in [config.span_batch, config.log_batch] {
        assert_eq!(
            (batch.delay, batch.max_queue_items, batch.max_batch_items),
            (Duration::from_secs(2), 10, 5)
        );
        assert_eq!(batch.max_queue_bytes, ByteSize::from_bytes(3072));
    }
    assert_eq!(
        (config.outbox.bytes(), config.max_age),
        (1 << 20, Duration::from_secs(9))
    );
    assert_eq!(
        (config.retry.initial, config.retry.max),
        (Duration::from_secs(60), Duration::from_secs(60))
    );
}

#[test]
fn impossible_settings_are_errors_that_name_the_setter() {
    type Spoil = fn(&mut Settings);
    let cases: &[(&str, Spoil)] = &[
        ("metric_interval", |settings| {
            settings.metric_interval = Some(Duration::ZERO)
        }),
        ("queue_items", |settings| {
            settings.batch.queue_items = Some(0)
        }),
        ("queue_bytes", |settings| {
            settings.batch.queue_bytes = Some(ByteSize::default())
        }),
        ("batch_items", |settings| {
            settings.batch.batch_items = Some(0)
        }),
        ("outbox", |settings| {
            settings.outbox = Some(ByteSize::default())
        }),
        ("max_age", |settings| {
            settings.max_age = Some(Duration::ZERO)
        }),
        ("retry_initial", |settings| {
            settings.retry_initial = Some(Duration::ZERO)
        }),
        ("retry_max", |settings| {
            settings.retry_max = Some(Duration::ZERO)
        }),
        ("retry_max", |settings| {
            settings.retry_initial = Some(Duration::from_secs(2));
            settings.retry_max = Some(Duration::from_secs(1));
        }),
        ("console_filter", |settings| {
            settings.console_filter = Some("a=b=c".into())
        }),
        ("logs_filter", |settings| {
            settings.logs_filter = Some("a=loud".into())
        }),
        ("traces_filter", |settings| {
            settings.traces_filter = Some("a=loud".into())
        }),
        ("headers", |settings| {
            settings.otlp.headers = vec![("a b".into(), "hunter2".into())]
        }),
        ("headers", |settings| {
            settings.otlp.headers = vec![("a".into(), "hunter2\n".into())]
        }),
        ("headers", |settings| {
            settings.otlp.headers = vec![("content-type".into(), "hunter2".into())]
        }),
    ];
    for (setting, spoil) in cases {
        let mut settings = Settings::default();
        spoil(&mut settings);
        let error = resolve(&settings, &map(&[])).expect_err(setting);
        assert_eq!(error.setting, *setting);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn one_bound_of_the_waiting_moves_the_default_of_the_other() {
    let seconds = |seconds: &Option<u64>| seconds.map(Duration::from_secs);
    let cases = [
        (None, None, 500, 30_000),
        (Some(60), None, 60_000, 60_000),
        (Some(2), None, 2_000, 30_000),
        (None, Some(5), 500, 5_000),
        (Some(3), Some(3), 3_000, 3_000),
    ];
    for (initial, max, expected_initial, expected_max) in cases {
        let settings = Settings {
            retry_initial: seconds(&initial),
            retry_max: seconds(&max),
            ..Settings::default()
        };
        let retry = resolved(&settings, &[]).retry;
        let found = (retry.initial.as_millis(), retry.max.as_millis());
        assert_eq!(
            found,
            (expected_initial, expected_max),
            "{initial:?} {max:?}"
        );
    }
    let short = Settings {
        retry_max: Some(Duration::from_millis(100)),
        ..Settings::default()
    };
    assert_eq!(
        resolved(&short, &[]).retry.initial,
        Duration::from_millis(100)
    );
}

#[test]
fn the_name_given_to_init_is_a_default() {
    const ATTRIBUTES: (&str, &str) = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=first,service.name=attributes,team=blue",
    );
    const NAME: (&str, &str) = ("OTEL_SERVICE_NAME", "variable");
    let explicit = || vec![KeyValue::new("service.name", "explicit")];
    let variable = |name: &str| Origin::Environment(name.into());
    let cases = [
        ("checkout", vec![], vec![], "checkout", Origin::Code),
        (
            "checkout",
            vec![ATTRIBUTES],
            vec![],
            "attributes",
            variable(ATTRIBUTES.0),
        ),
        (
            "checkout",
            vec![ATTRIBUTES, NAME],
            vec![],
            "variable",
            variable(NAME.0),
        ),
        ("checkout", vec![NAME], vec![], "variable", variable(NAME.0)),
        (
            "checkout",
            vec![ATTRIBUTES, NAME],
            explicit(),
            "explicit",
            Origin::Code,
        ),
        (
            " ",
            vec![("OTEL_SERVICE_NAME", "  ")],
            vec![],
            "unknown_service:",
            Origin::Default,
        ),
    ];
    for (init, variables, resource, expected, origin) in cases {
        let settings = Settings {
            service_name: init.into(),
            resource,
            ..Settings::default()
        };
        let config = resolved(&settings, &variables);
        let exact = !expected.ends_with(':');
        let is = |name: &str| {
            if exact {
                name == expected
            } else {
                name.starts_with(expected) && name != expected
            }
        };
        assert!(
            is(&config.service_name),
            "{init} {variables:?}: {}",
            config.service_name
        );
        let attribute = config
            .resource
            .get(&Key::from_static_str("service.name"))
            .unwrap();
        assert_eq!(attribute.to_string(), config.service_name);
        let noted = config
            .effective
            .iter()
            .find(|effective| effective.key == "service.name")
            .unwrap();
        assert_eq!(noted.origin, origin, "{init} {variables:?}");
    }
}

#[test]
fn resource_layers() {
    let settings = Settings {
        service_version: Some("1.2.3".into()),
        resource: vec![KeyValue::new("team", "code"), KeyValue::new("cells", 7)],
        ..Settings::default()
    };
    let variables = [(
        "OTEL_RESOURCE_ATTRIBUTES",
        "team=operator,service.version=0,host.name=set,zone=a,service.instance.id=me",
    )];
    let config = resolved(&settings, &variables);
    let expected = [
        ("team", "code"),
        ("cells", "7"),
        ("service.version", "1.2.3"),
        ("host.name", "set"),
        ("zone", "a"),
        ("service.instance.id", "me"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.distro.name", "trisignal"),
    ];
    for (key, value) in expected {
        let found = config
            .resource
            .get(&Key::from_static_str(key))
            .map(|value| value.to_string());
        assert_eq!(found.as_deref(), Some(value), "{key}");
    }
}

#[test]
fn the_explanation_names_value_and_origin() {
    let settings = Settings {
        otlp: Otlp {
            compression: Some(Compression::Gzip),
            headers: vec![("x-code".into(), "hunter2".into())],
            ..Otlp::default()
        },
        service_name: "checkout".into(),
        ..Settings::default()
    };
    let variables = [
        (
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            "https://logs.example/in?token=hunter2",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
    ];
    let config = resolved(&settings, &variables);
    let explained = config.explain();
    let expected = [
        "service.name = checkout (code)",
        "traces.endpoint = http://localhost:4318/v1/traces (default)",
        "logs.endpoint = https://logs.example/in?*** (OTEL_EXPORTER_OTLP_LOGS_ENDPOINT)",
        "traces.compression = gzip (code)",
        "traces.headers = authorization=***,x-code=*** (code)",
        "metrics.exporter = none (OTEL_METRICS_EXPORTER)",
        "traces.schedule_delay = 250 ms (OTEL_BSP_SCHEDULE_DELAY)",
        "traces.sampler = parentbased_always_on (default)",
        "metrics.temporality = cumulative (default)",
        "outbox = 32 MiB (default)",
        "console.filter = info (default)",
    ];
    for line in expected {
        assert!(
            explained.lines().any(|found| found == line),
            "{line}\nin\n{explained}"
        );
    }
    let shown = [explained, format!("{config:?}"), format!("{settings:?}")].concat();
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// What the code gives is not a file name, or not a filter, or wins over a variable that could shorten it.
#[test]
fn code_that_can_not_be_meant_so_is_an_error_without_the_secret() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIsecret";
    for setting in ["ca_certificate", "client_certificate", "client_key"] {
        let mut settings = Settings::default();
        let file = match setting {
            "ca_certificate" => &mut settings.otlp.ca_certificate,
            "client_certificate" => &mut settings.otlp.client_certificate,
            _ => &mut settings.otlp.client_key,
        };
        *file = Some(key.into());
        let error = resolve(&settings, &BTreeMap::<String, String>::new()).unwrap_err();
        assert_eq!(error.setting, setting);
        assert!(!error.to_string().contains("MIIsecret"), "{error}");
    }
    let settings = Settings {
        logs_filter: Some(" , ".into()),
        ..Settings::default()
    };
    let error = resolve(&settings, &BTreeMap::<String, String>::new()).unwrap_err();
    assert_eq!(error.setting, "logs_filter");
}

#[test]
fn a_timeout_and_a_sampler_of_the_code_win_over_what_could_cut_or_replace_them() {
    let env: BTreeMap<String, String> = BTreeMap::from([
        ("OTEL_BSP_EXPORT_TIMEOUT".to_owned(), "1000".to_owned()),
        ("OTEL_TRACES_SAMPLER".to_owned(), "always_off".to_owned()),
    ]);
    let timeout = |settings: &Settings| {
        let config = resolve(settings, &env).unwrap();
        config.traces.otlp().unwrap().timeout
    };
    let second = Some(Duration::from_secs(1));
    assert_eq!(timeout(&Settings::default()), second);
    let minute = Some(Duration::from_secs(60));
    let settings = Settings {
        otlp: Otlp {
            timeout: minute,
            ..Otlp::default()
        },
        own_sampler: true,
        ..Settings::default()
    };
    assert_eq!(timeout(&settings), minute);
    let explained = resolve(&settings, &env).unwrap().explain();
    assert!(
        explained.contains("traces.sampler = of the code (code)"),
        "{explained}"
    );
}
