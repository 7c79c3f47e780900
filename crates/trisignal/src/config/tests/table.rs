//! The table of variables as a whole: its defaults, what goes together, and that each row is read by somebody.

use std::time::Duration;

use super::super::variables::VARIABLES;
use super::super::{Compression, Protocol, Temporality};
use super::{Pairs, map, targets, warnings, with};
use crate::config::{Settings, file};
use crate::console::ConsoleFormat;

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
