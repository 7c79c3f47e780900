//! Values nobody means: nothing panics, nothing secret is shown, and what is shown stays on one short line.

use std::time::Duration;

use super::super::variables::{Row, Signal, VARIABLES};
use super::{targets, warnings, with};
use crate::config::{Batch, Otlp, Settings};

/// Every name that is read, with its row.
pub(super) fn forms() -> Vec<(String, &'static Row)> {
    let mut forms = Vec::new();
    for row in VARIABLES {
        forms.push((row.name.to_owned(), row));
        if row.per_signal {
            let signals = [Signal::Traces, Signal::Metrics, Signal::Logs];
            forms.extend(signals.map(|signal| (signal.own_name(row.name), row)));
        }
    }
    forms
}

fn all_names() -> Vec<String> {
    forms().into_iter().map(|(name, _)| name).collect()
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
