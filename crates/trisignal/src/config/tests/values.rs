//! What variables of numbers, times and truth accept, what they refuse, and what is in force then.

use std::time::Duration;

use super::{targets, warnings, with};
use crate::config::Config;

/// A reading of the configuration as text, so that one table fits all types.
pub(super) type Look = fn(&Config) -> String;

pub(super) fn check(name: &str, look: Look, good: &[(&str, &str)], bad: &[&str]) {
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
