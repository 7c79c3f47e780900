//! What each variable accepts, what it refuses, and what is in force then.

use std::time::Duration;

use super::super::variables::VARIABLES;
use super::super::{Compression, Protocol, Temporality};
use super::{Pairs, map, targets, warnings, with};
use crate::config::{Config, Settings, file};
use crate::console::ConsoleFormat;

/// A reading of the configuration as text, so that one table fits all types.
type Look = fn(&Config) -> String;

fn check(name: &str, look: Look, good: &[(&str, &str)], bad: &[&str]) {
    let default = look(&with(&[]));
    for (value, expected) in good {
        let config = with(&[(name, value)]);
        assert_eq!(&look(&config), expected, "{name}={value:?}");
        assert_eq!(warnings(&config), [""; 0], "{name}={value:?}");
    }
    for value in bad {
        let config = with(&[(name, value)]);
        assert_eq!(look(&config), default, "{name}={value:?} is refused");
        let warnings = warnings(&config);
        assert_eq!(warnings.len(), 1, "{name}={value:?}: {warnings:?}");
        assert!(
            warnings[0].starts_with(&format!("{name}=\"{value}\" ")),
            "names variable and value: {warnings:?}"
        );
    }
    for empty in ["", " ", "\t\n"] {
        let config = with(&[(name, empty)]);
        assert_eq!(look(&config), default, "{name} is empty");
        assert_eq!(warnings(&config), [""; 0], "{name} is empty");
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn millis_or_none(duration: Option<Duration>) -> String {
    duration.map_or("none".into(), millis)
}

#[test]
fn numbers() {
    const NOT_NUMBERS: &[&str] = &[
        "abc",
        "-1",
        "1.5",
        "0x10",
        "1e3",
        "5s",
        "99999999999999999999999",
    ];
    let counts: &[(&str, Look)] = &[
        ("OTEL_BSP_MAX_QUEUE_SIZE", |config| {
            config.span_batch.max_queue_items.to_string()
        }),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", |config| {
            config.log_batch.max_queue_items.to_string()
        }),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", |config| {
            config.span_batch.max_batch_items.to_string()
        }),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", |config| {
            config.log_batch.max_batch_items.to_string()
        }),
    ];
    for (name, look) in counts {
        check(
            name,
            *look,
            &[("1", "1"), (" 700 ", "700"), ("65000", "65000")],
            NOT_NUMBERS,
        );
        check(name, *look, &[], &["0"]);
    }
    let limits: &[(&str, Look)] = &[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", |config| {
            config.limits.spans.attribute_count.to_string()
        }),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", |config| {
            config.limits.spans.attribute_count.to_string()
        }),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", |config| {
            config.limits.events.events_per_span.to_string()
        }),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", |config| {
            config.limits.events.links_per_span.to_string()
        }),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", |config| {
            config.limits.events.attributes_per_event.to_string()
        }),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", |config| {
            config.limits.events.attributes_per_link.to_string()
        }),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", |config| {
            config.limits.logs.attribute_count.to_string()
        }),
    ];
    for (name, look) in limits {
        let good = [
            ("0", "0"),
            ("7", "7"),
            ("2147483647", "2147483647"),
            ("99999999999", "4294967295"),
        ];
        check(name, *look, &good, NOT_NUMBERS);
    }
    let lengths: &[(&str, Look)] = &[
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", |config| {
            let [spans, logs] = [config.limits.spans, config.limits.logs];
            assert_eq!(spans.attribute_value_length, logs.attribute_value_length);
            length(spans)
        }),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", |config| {
            length(config.limits.spans)
        }),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", |config| {
            length(config.limits.logs)
        }),
    ];
    for (name, look) in lengths {
        let good = [("0", "Some(0)"), ("64", "Some(64)")];
        check(name, *look, &good, NOT_NUMBERS);
    }
}

fn length(limits: crate::limits::ItemLimits) -> String {
    format!("{:?}", limits.attribute_value_length)
}

#[test]
fn durations() {
    const NOT_DURATIONS: &[&str] = &["soon", "-1", "1.5", "5s", "99999999999999999999999"];
    let delays: &[(&str, Look)] = &[
        ("OTEL_BSP_SCHEDULE_DELAY", |config| {
            millis(config.span_batch.delay)
        }),
        ("OTEL_BLRP_SCHEDULE_DELAY", |config| {
            millis(config.log_batch.delay)
        }),
    ];
    for (name, look) in delays {
        check(
            name,
            *look,
            &[
                ("0", "1"),
                ("250", "250"),
                ("18446744073709551615", "31536000000"),
            ],
            NOT_DURATIONS,
        );
    }
    check(
        "OTEL_METRIC_EXPORT_INTERVAL",
        |config| millis(config.metric_interval),
        &[("1", "1"), ("500", "500")],
        &["0", "-5", "often"],
    );
    let timeouts: &[(&str, Look)] = &[("OTEL_EXPORTER_OTLP_TIMEOUT", |config| {
        millis_or_none(targets(config)[0].timeout)
    })];
    for (name, look) in timeouts {
        check(
            name,
            *look,
            &[("0", "none"), ("2500", "2500")],
            NOT_DURATIONS,
        );
    }
}

#[test]
fn an_export_timeout_only_shortens_an_attempt() {
    let cases = [
        (
            "OTEL_BSP_EXPORT_TIMEOUT",
            "3000",
            ["3000", "10000", "10000"],
        ),
        (
            "OTEL_METRIC_EXPORT_TIMEOUT",
            "3000",
            ["10000", "3000", "10000"],
        ),
        (
            "OTEL_BLRP_EXPORT_TIMEOUT",
            "3000",
            ["10000", "10000", "3000"],
        ),
        (
            "OTEL_BSP_EXPORT_TIMEOUT",
            "60000",
            ["10000", "10000", "10000"],
        ),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0", ["10000", "10000", "10000"]),
    ];
    for (name, value, expected) in cases {
        let timeouts =
            |config: &Config| targets(config).map(|target| millis_or_none(target.timeout));
        assert_eq!(
            timeouts(&with(&[(name, value)])),
            expected,
            "{name}={value}"
        );
        let unlimited = with(&[(name, "3000"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "0")]);
        assert!(
            timeouts(&unlimited).contains(&"3000".to_owned()),
            "{name} limits what has no limit"
        );
    }
}

#[test]
fn booleans_are_true_only_when_they_say_so() {
    let cases = [
        ("true", true, 0),
        ("TRUE", true, 0),
        ("false", false, 0),
        ("1", false, 1),
        ("yes", false, 1),
        ("t", false, 1),
    ];
    for (value, expected, warned) in cases {
        let config = with(&[("OTEL_SDK_DISABLED", value)]);
        assert_eq!(
            (config.disabled, config.warnings.len()),
            (expected, warned),
            "{value}"
        );
    }
    let told = warnings(&with(&[("OTEL_SDK_DISABLED", "1")]));
    assert_eq!(
        told,
        ["OTEL_SDK_DISABLED=\"1\" is neither `true` nor `false`; false is used"]
    );
}

#[test]
fn names() {
    check(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        |config| targets(config)[2].protocol.to_string(),
        &[
            ("grpc", "grpc"),
            ("HTTP/Protobuf", "http/protobuf"),
            ("GRPC", "grpc"),
        ],
        &["json", "http", "thrift"],
    );
    check(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        |config| targets(config)[1].compression.to_string(),
        &[("gzip", "gzip"), ("None", "none"), ("zstd", "zstd")],
        &["brotli", "true"],
    );
    check(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        |config| format!("{:?}", config.temporality),
        &[
            ("delta", "Delta"),
            ("CUMULATIVE", "Cumulative"),
            ("LowMemory", "LowMemory"),
        ],
        &["low-memory"],
    );
    check(
        "OTEL_RUST_CONSOLE",
        |config| format!("{:?}", config.console.format),
        &[
            ("json", "Json"),
            ("PRETTY", "Pretty"),
            ("off", "Off"),
            ("none", "Off"),
            ("auto", "Auto"),
        ],
        &["logfmt"],
    );
}

#[test]
fn exporters() {
    let cases: &[(&str, Look)] = &[
        ("OTEL_TRACES_EXPORTER", |config| chosen(&config.traces)),
        ("OTEL_METRICS_EXPORTER", |config| chosen(&config.metrics)),
        ("OTEL_LOGS_EXPORTER", |config| chosen(&config.logs)),
    ];
    for (name, look) in cases {
        let good = [
            ("otlp", "otlp"),
            ("none", ""),
            ("None", ""),
            ("Console", "console"),
            ("otlp/stdout", "otlp/stdout"),
            ("otlp, console,OTLP,,console", "otlp console"),
            ("console,otlp/stdout,otlp", "console otlp/stdout otlp"),
        ];
        check(name, *look, &good, &["zipkin", "logging", "stdout"]);
    }
    check(
        "OTEL_METRICS_EXPORTER",
        |config| chosen(&config.metrics),
        &[("otlp,prometheus", "otlp prometheus")],
        &[],
    );
    let half_good = [
        (
            "OTEL_TRACES_EXPORTER",
            "console,zipkin",
            "console",
            "asks for the exporter \"zipkin\", which is not supported: \
            send OTLP to a Collector with the exporter `zipkin` instead; it is left out",
        ),
        (
            "OTEL_TRACES_EXPORTER",
            "otlp,prometheus",
            "otlp",
            "asks for the exporter \"prometheus\", which is for metrics only; it is left out",
        ),
        (
            "OTEL_LOGS_EXPORTER",
            "none,otlp",
            "otlp",
            "asks for `none` next to other exporters; `none` is left out",
        ),
        (
            "OTEL_METRICS_EXPORTER",
            "logging",
            "otlp",
            "asks for the exporter \"logging\", which is a deprecated name of \
            `console`, and not supported; otlp is used",
        ),
    ];
    for (name, value, expected, told) in half_good {
        let config = with(&[(name, value)]);
        let (_, look) = cases.iter().find(|(of, _)| *of == name).unwrap();
        assert_eq!(look(&config), expected, "{name}={value}");
        assert_eq!(warnings(&config), [format!("{name}=\"{value}\" {told}")]);
    }
}

fn chosen(signal: &crate::config::SignalConfig) -> String {
    use crate::config::ExporterConfig;
    let name = |exporter: &ExporterConfig| match exporter {
        ExporterConfig::Otlp(_) => "otlp",
        ExporterConfig::Console => "console",
        ExporterConfig::OtlpStdout => "otlp/stdout",
        ExporterConfig::Prometheus => "prometheus",
    };
    let names: Vec<_> = signal.exporters.iter().map(name).collect();
    names.join(" ")
}

#[test]
fn filters_know_nothing_of_each_other() {
    let looks: [(&str, Look); 3] = [
        ("RUST_LOG", |config| config.console.filter.clone()),
        ("OTEL_RUST_LOGS_FILTER", |config| config.logs_filter.clone()),
        ("OTEL_RUST_TRACES_FILTER", |config| {
            config.traces_filter.clone()
        }),
    ];
    for (name, look) in looks {
        let good = [
            ("warn", "warn"),
            ("info, my::mod=debug ,", "info,my::mod=debug"),
            ("[span{id=7}]=trace", "[span{id=7}]=trace"),
        ];
        check(name, look, &good, &["my=loud", "info,x=y=z"]);
        for (other, look) in looks.iter().filter(|(other, _)| *other != name) {
            assert_eq!(
                look(&with(&[(name, "error")])),
                "info",
                "{name} leaves {other} alone"
            );
        }
    }
}

#[test]
fn any_value_of_no_color_turns_colours_off() {
    assert!(with(&[]).console.color);
    assert!(with(&[("NO_COLOR", "")]).console.color);
    for value in ["1", "0", "false"] {
        assert!(!with(&[("NO_COLOR", value)]).console.color, "{value}");
    }
}

#[test]
fn defaults() {
    let config = with(&[]);
    assert_eq!(warnings(&config), [""; 0]);
    assert!(!config.disabled);
    for target in targets(&config) {
        assert_eq!(target.protocol, Protocol::HttpProtobuf);
        assert_eq!(target.compression, Compression::Auto);
        assert_eq!(target.timeout, Some(Duration::from_secs(10)));
        assert!(target.headers.is_empty());
    }
    assert_eq!(config.span_batch.delay, Duration::from_secs(5));
    assert_eq!(config.log_batch.delay, Duration::from_secs(1));
    for batch in [config.span_batch, config.log_batch] {
        assert_eq!(
            (batch.max_queue_items, batch.max_batch_items),
            (65_536, 2_048)
        );
        assert_eq!(batch.max_queue_bytes.bytes(), 16 << 20);
    }
    assert_eq!(config.metric_interval, Duration::from_secs(60));
    assert_eq!(config.temporality, Temporality::Cumulative);
    assert_eq!(config.outbox.bytes(), 32 << 20);
    assert_eq!(config.max_age, Duration::from_secs(3600));
    assert_eq!(config.retry.initial, Duration::from_millis(500));
    assert_eq!(config.retry.max, Duration::from_secs(30));
    assert_eq!(
        config.propagators,
        trisignal_instrumentation::propagation::Format::DEFAULT
    );
    assert!(config.baggage_attributes.is_empty());
    assert_eq!(config.console.format, ConsoleFormat::Auto);
    assert_eq!(config.limits.events.events_per_span, 128);
    let filters = [
        &config.console.filter,
        &config.logs_filter,
        &config.traces_filter,
    ];
    assert_eq!(filters, ["info", "info", "info"]);
}

#[test]
fn a_batch_never_exceeds_its_queue() {
    let cases: &[(Pairs<'_>, usize, usize)] = &[
        (&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")], 100, 0),
        (
            &[
                ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "200"),
            ],
            100,
            1,
        ),
        (
            &[
                ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
            ],
            50,
            0,
        ),
    ];
    for (variables, expected, warned) in cases {
        let config = with(variables);
        assert_eq!(
            (config.span_batch.max_batch_items, config.warnings.len()),
            (*expected, *warned),
            "{variables:?}"
        );
        assert!(
            config
                .explain()
                .contains(&format!("traces.batch_items = {expected} (")),
            "{}",
            config.explain()
        );
    }
}

#[test]
fn every_row_of_the_table_is_sound() {
    let mut names: Vec<_> = VARIABLES.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), VARIABLES.len(), "each variable is there once");
    for row in VARIABLES {
        assert!(row.default_is_valid(), "{}", row.name);
        assert!(
            row.effect.ends_with('.') && !row.kind.is_empty(),
            "{}",
            row.name
        );
        assert_eq!(
            row.per_signal,
            per_signal_by_specification(row.name),
            "{}",
            row.name
        );
        // Each one is looked up by somebody: no documented setting that nothing reads.
        assert!(is_read(row.name), "{} is never read", row.name);
    }
}

fn per_signal_by_specification(name: &str) -> bool {
    name.strip_prefix("OTEL_EXPORTER_OTLP_")
        .is_some_and(|rest| {
            ![
                "METRICS_TEMPORALITY_PREFERENCE",
                "METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "SPAN_INSECURE",
                "METRIC_INSECURE",
            ]
            .contains(&rest)
        })
}

fn is_read(name: &str) -> bool {
    struct Asked(
        std::sync::Mutex<Vec<String>>,
        std::collections::BTreeMap<String, String>,
    );
    impl crate::config::Environment for Asked {
        fn var(&self, name: &str) -> Option<std::ffi::OsString> {
            self.0.lock().unwrap().push(name.to_owned());
            self.1.var(name)
        }
    }
    // The ratio is only read for samplers that have one.
    let asked = Asked(
        std::sync::Mutex::default(),
        map(&[("OTEL_TRACES_SAMPLER", "traceidratio")]),
    );
    file::load(&Settings::default(), &asked).unwrap();
    let asked = asked.0.into_inner().unwrap();
    asked.iter().any(|asked| asked == name)
}
