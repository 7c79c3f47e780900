//! Variables that choose by name: protocols, formats, exporters, filters.

use super::values::{Look, check};
use super::{targets, warnings, with};

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
