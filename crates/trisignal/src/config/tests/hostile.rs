//! Values nobody means: nothing panics, nothing secret is shown, and what is shown stays on one short line.

use std::time::Duration;

use super::super::variables::{Signal, VARIABLES};
use super::{Raw, targets, warnings, with};
use crate::config::{Batch, Otlp, Settings, resolve};

fn all_names() -> Vec<String> {
    let mut names = Vec::new();
    for row in VARIABLES {
        names.push(row.name.to_owned());
        if row.per_signal {
            names.extend(
                [Signal::Traces, Signal::Metrics, Signal::Logs]
                    .map(|signal| signal.own_name(row.name)),
            );
        }
    }
    names
}

#[test]
fn no_variable_panics_on_any_value() {
    let long = "x".repeat(100_000);
    let pairs = "a=b,".repeat(20_000);
    let values = [
        "\0",
        "\u{1b}[31m",
        "\n",
        "%",
        "%%",
        "%2",
        "=",
        ",",
        ",,,",
        "==",
        "a=",
        "=a",
        "://",
        "http://@",
        "http://[",
        "@",
        "?",
        "#",
        "\u{202e}",
        "é=é",
        "-",
        "+",
        ".",
        "NaN",
        "inf",
        "1e400",
        "18446744073709551615",
        "-9223372036854775808",
        "[",
        "[{",
        "a[b{c=/(/}]=info",
        "http://a:b@c:d@e:4",
        &long,
        &pairs,
    ];
    for name in all_names() {
        for value in values {
            let config = with(&[(&name, value)]);
            for warning in warnings(&config) {
                assert!(warning.starts_with(&name), "{warning}");
                assert!(
                    warning.chars().count() < 2_000 && !warning.contains(char::is_control),
                    "{name}: {warning:?}"
                );
                assert!(!warning.contains('\u{202e}'), "{warning:?}");
            }
        }
    }
}

#[test]
fn durations_never_overflow_a_clock() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let huge = "18446744073709551615";
    let names = [
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    let config = with(&names.map(|name| (name, huge)));
    let timeout = config.traces.otlp().unwrap().timeout.unwrap();
    for duration in [config.span_batch.delay, config.metric_interval, timeout] {
        assert_eq!(duration, YEAR);
    }
    let settings = Settings {
        otlp: Otlp {
            timeout: Some(Duration::MAX),
            ..Otlp::default()
        },
        batch: Batch {
            schedule_delay: Some(Duration::MAX),
            ..Batch::default()
        },
        metric_interval: Some(Duration::MAX),
        max_age: Some(Duration::MAX),
        retry_initial: Some(Duration::MAX),
        retry_max: Some(Duration::MAX),
        ..Settings::default()
    };
    let config = super::resolved(&settings, &[]);
    for duration in [
        targets(&config)[0].timeout.unwrap(),
        config.metric_interval,
        config.log_batch.delay,
        config.max_age,
        config.retry.max,
    ] {
        assert_eq!(duration, YEAR);
    }
}

#[test]
fn a_secret_in_any_form_of_the_headers_is_never_shown() {
    let values = [
        "authorization=hunter2",
        "hunter2",
        "a b=hunter2",
        "a=%hunter2",
        "hunter2=\n",
        "te=hunter2",
    ];
    for name in all_names()
        .into_iter()
        .filter(|name| name.ends_with("_HEADERS"))
    {
        for value in values {
            let config = with(&[(&name, value)]);
            let mut shown = [
                warnings(&config).concat(),
                config.explain(),
                format!("{config:?}"),
            ]
            .concat();
            // A name that is a valid header name is not a secret.
            shown = shown.replace("hunter2=***", "");
            assert!(
                !shown.contains(": hunter2") && !shown.contains("=hunter2"),
                "{name}={value}: {shown}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_warns_and_counts_as_unset() {
    use std::os::unix::ffi::OsStringExt;

    for row in VARIABLES {
        if row.name == "OTEL_TRACES_SAMPLER_ARG" {
            continue; // Only read for samplers that take a ratio.
        }
        if row.name.ends_with("_CONFIG_FILE") {
            continue; // Read before all others, and the name of a file need not be UTF-8.
        }
        let raw = Raw(row.name, std::ffi::OsString::from_vec(vec![b'i', 0xff]));
        let config = resolve(&Settings::default(), &raw).unwrap();
        let told = warnings(&config);
        assert_eq!(told.len(), 1, "{}: {told:?}", row.name);
        assert!(
            told[0].starts_with(&format!("{} is not UTF-8; ", row.name)),
            "{told:?}"
        );
    }
}
