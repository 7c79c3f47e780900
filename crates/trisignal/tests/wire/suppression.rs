//! Call sites that would flood are kept back, and nothing is lost silently.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use trisignal::{ConsoleFormat, Protocol, Suppression, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{PATIENCE, assert_all_delivered, builder, eventually, receiver, record};

type Lines = Arc<Mutex<Vec<Value>>>;

fn telemetry(
    receiver: &Receiver,
    suppression: Option<Suppression>,
    variables: &[(&str, &str)],
) -> (Telemetry, Lines) {
    let lines = Lines::default();
    let sink = Arc::clone(&lines);
    let variables: HashMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut builder = builder(receiver, Protocol::HttpProtobuf)
        .environment(variables)
        .console(ConsoleFormat::Json)
        .console_writer(move |line| {
            sink.lock()
                .unwrap()
                .push(serde_json::from_slice(line).unwrap());
            Ok(())
        });
    if let Some(suppression) = suppression {
        builder = builder.suppression(suppression);
    }
    (builder.build().unwrap(), lines)
}

/// Logs `count` times at one place, with the number only if it `varies`.
fn place(count: u64, varies: bool) {
    for number in 0..count {
        tracing::info!(number = if varies { number } else { 0 }, "worked");
    }
}

#[test]
fn an_equal_event_is_shown_once_in_its_window_and_the_rest_is_counted() {
    let receiver = receiver();
    let suppression = Suppression {
        duplicates_for: Some(Duration::from_secs(3600)),
        ..Suppression::default()
    };
    let (telemetry, lines) = telemetry(&receiver, Some(suppression), &[]);
    record(&telemetry, || {
        place(100, false);
        for _ in 0..10 {
            // Of another place; and errors are never kept back.
            tracing::info!("worked");
            tracing::error!("failed");
        }
        let place = |number: u64| tracing::warn!(number, "twice");
        (0..2).for_each(|_| place(1));
        place(2);
    });
    assert_eq!(telemetry.health().suppressed_events, 99 + 9 + 1);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(report.logs.produced, 1 + 1 + 10 + 2, "{report}");
    assert_eq!(lines.lock().unwrap().len() as u64, report.logs.produced);
    // The next one of the place says how many there were.
    let said = receiver
        .logs()
        .body("twice")
        .attr("suppressed_events", 1_i64)
        .one()
        .unwrap();
    assert_eq!(said.attr("number"), Some(&2_i64.into()));
    assert_eq!(
        lines.lock().unwrap().last().unwrap()["suppressed_events"],
        1
    );
}

#[test]
fn a_rate_holds_for_each_call_site_and_a_window_that_ends_in_silence_is_told() {
    let receiver = receiver();
    let (telemetry, lines) = telemetry(
        &receiver,
        None,
        &[
            ("OTEL_RUST_SUPPRESSION_RATE", "2"),
            ("OTEL_RUST_SUPPRESSION_ERRORS", "true"),
        ],
    );
    record(&telemetry, || {
        place(500, true);
        for _ in 0..500 {
            tracing::error!("failed");
        }
        let said = || {
            let lines = lines.lock().unwrap();
            // Those of what looks again do not count.
            let told = lines.iter().filter(|line| {
                line["message"] == "events like those before were not shown"
                    && line["level"] != "WARN"
            });
            told.map(|line| line["suppressed_events"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        eventually("both windows are over", || {
            tracing::warn!(other = ?std::time::Instant::now(), "looks again");
            said().len() >= 2
        });
    });
    let suppressed = telemetry.health().suppressed_events;
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    let passed = |body| receiver.logs().body(body).count() as u64;
    assert!(passed("worked") < 400 && passed("failed") < 400, "{report}");
    let lines = lines.lock().unwrap();
    let told = |line: &&Value| line["message"] == "events like those before were not shown";
    let total = |lines: &mut dyn Iterator<Item = &Value>| {
        lines
            .map(|line| line["suppressed_events"].as_u64().unwrap_or(0))
            .sum::<u64>()
    };
    let places = lines
        .iter()
        .filter(told)
        .filter(|line| line["level"] != "WARN");
    let field = lines
        .iter()
        .filter(|line| line["message"] == "worked" || line["message"] == "failed");
    // Each event is shown, or in a number that is.
    let said = total(&mut places.chain(field));
    assert_eq!(
        passed("worked") + passed("failed") + said,
        1000,
        "{suppressed}: {report}"
    );
    let line = lines.iter().find(told).unwrap();
    assert!(
        line["code.file.path"]
            .as_str()
            .unwrap()
            .ends_with("suppression.rs"),
        "{line}"
    );
}

#[test]
fn nothing_is_kept_back_unless_it_is_asked_for() {
    let receiver = receiver();
    let (telemetry, lines) = telemetry(&receiver, None, &[]);
    record(&telemetry, || place(1_000, false));
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(
        (report.logs.produced, telemetry.health().suppressed_events),
        (1_000, 0),
        "{report}"
    );
    assert_eq!(lines.lock().unwrap().len(), 1_000);
}
