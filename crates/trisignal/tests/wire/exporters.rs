//! Destinations other than one OTLP backend in protobuf: JSON, standard output, and several at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use trisignal::otel::KeyValue;
use trisignal::{Builder, DropReason, Exporter, Protocol, Report, Signal as Ours, Telemetry};
use trisignal_receiver::{Answer, Script, Signal};

use super::common::{
    PATIENCE, assert_all_delivered, assert_conserved, await_outcomes, brisk, builder, builder_to,
    is_poisoned, numbered_spans, receiver, record, shut_down, span_numbers,
};

/// A span with a log record in it, and a measurement.
fn work(telemetry: &Telemetry) {
    let orders = telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .with_unit("{order}")
        .build();
    record(telemetry, || {
        tracing::info_span!("work", number = 1, note = "a \"b\"\n\u{202e}c").in_scope(|| {
            tracing::info!(number = 1, "worked");
            orders.add(2, &[KeyValue::new("item", "book")]);
        });
    });
}

/// The lines that a builder's console gets.
fn lines_of(builder: Builder) -> (Builder, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let builder = builder.console_writer(move |line| {
        let line = String::from_utf8(line.to_vec()).unwrap();
        sink.lock().unwrap().push(line);
        Ok(())
    });
    (builder, lines)
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn json_arrives_like_protobuf() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpJson).build().unwrap();
    work(&telemetry);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    let span = receiver.spans().name("work").one().unwrap();
    let note = span.attr("note").and_then(|note| note.as_str());
    assert_eq!(note, Some("a \"b\"\n\u{202e}c"));
    assert_eq!(
        span.attr("number").and_then(|number| number.as_i64()),
        Some(1)
    );
    let log = receiver.logs().trace(&span.trace_id).one().unwrap();
    assert_eq!(log.message(), "worked");
    let metric = receiver.metrics().name("orders.placed").one().unwrap();
    assert_eq!(metric.point("item", "book").unwrap().as_i64(), Some(2));
    for request in receiver.requests() {
        assert_eq!(request.protocol, trisignal_receiver::Protocol::HttpJson);
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[test]
fn json_answers_are_understood() {
    let receiver = receiver();
    receiver.script(Script::times(
        1,
        Answer::partial_success(3, "three too many"),
    ));
    let telemetry = builder(&receiver, Protocol::HttpJson).build().unwrap();
    numbered_spans(&telemetry, 0..10);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_eq!(
        report.traces.dropped.get(DropReason::Partial),
        3,
        "{report}"
    );
    assert_eq!(report.traces.delivered, 7, "{report}");
}

#[test]
fn one_bad_span_does_not_cost_its_neighbours_in_json() {
    let receiver = receiver();
    receiver.script(Script::reject_if(is_poisoned(&[7])));
    let telemetry = builder(&receiver, Protocol::HttpJson).build().unwrap();
    numbered_spans(&telemetry, 0..20);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_conserved(&report, &receiver);
    assert_eq!(
        report.traces.dropped.get(DropReason::Rejected),
        1,
        "{report}"
    );
    assert!(!span_numbers(&receiver).contains(&7));
}

/// One line of OTLP/JSON for each batch, of every signal, and nothing else.
#[test]
fn otlp_stdout_writes_a_line_for_each_batch() {
    let (builder, lines) = lines_of(
        trisignal::builder("checkout")
            .console(trisignal::ConsoleFormat::Off)
            .environment(variables(&[
                ("OTEL_TRACES_EXPORTER", "otlp/stdout"),
                ("OTEL_METRICS_EXPORTER", "otlp/stdout"),
                ("OTEL_LOGS_EXPORTER", "otlp/stdout"),
            ])),
    );
    let telemetry = builder.build().unwrap();
    work(&telemetry);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!((report.traces.delivered, report.logs.delivered), (1, 1));
    let lines = lines.lock().unwrap();
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| {
            assert!(
                line.ends_with('\n') && line.matches('\n').count() == 1,
                "{line}"
            );
            // What turns the reading direction of a terminal is escaped.
            assert!(!line.contains('\u{202e}'), "{line}");
            serde_json::from_str(line).unwrap()
        })
        .collect();
    let find = |key: &str| {
        let found: Vec<_> = parsed.iter().filter_map(|line| line.get(key)).collect();
        assert_eq!(found.len(), 1, "{key} in {parsed:?}");
        found[0]
    };
    let span = &find("resourceSpans")[0]["scopeSpans"][0]["spans"][0];
    let log = &find("resourceLogs")[0]["scopeLogs"][0]["logRecords"][0];
    let scopes = find("resourceMetrics")[0]["scopeMetrics"]
        .as_array()
        .unwrap();
    let mut metrics = scopes
        .iter()
        .flat_map(|scope| scope["metrics"].as_array().unwrap());
    let metric = metrics
        .find(|metric| metric["name"] == "orders.placed")
        .unwrap();
    assert_eq!(span["name"], "work");
    assert_eq!(log["body"]["stringValue"], "worked");
    assert_eq!(log["traceId"], span["traceId"]);
    assert_eq!(metric["sum"]["dataPoints"][0]["asInt"], "2");
    assert_eq!(parsed.len(), 3);
}

/// Spans and points are lines for people; a log record is the one line that it is anyway.
#[test]
fn the_console_shows_spans_and_points() {
    let all = [Ours::Traces, Ours::Metrics, Ours::Logs];
    let plain = trisignal::builder("checkout")
        .environment(BTreeMap::new())
        .console(trisignal::ConsoleFormat::Pretty);
    let plain = all.into_iter().fold(plain, |builder, signal| {
        builder.exporters(signal, [Exporter::Console])
    });
    let (builder, lines) = lines_of(plain);
    let telemetry = builder.build().unwrap();
    work(&telemetry);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(report.traces.delivered, 1, "{report}");
    let lines = lines.lock().unwrap();
    let find = |part: &str| {
        let found: Vec<_> = lines.iter().filter(|line| line.contains(part)).collect();
        assert_eq!(found.len(), 1, "{part} in {lines:?}");
        found[0].clone()
    };
    let span = find(" SPAN work ");
    assert!(span.contains(r#" note="a \"b\"\n\u{202e}c" "#), "{span}");
    assert!(
        span.contains(" ms ") && span.contains(" trace_id="),
        "{span}"
    );
    let point = find(" METRIC orders.placed{item=book} 2 {order}");
    assert!(point.ends_with('\n'), "{point}");
    let log = find("worked number=1");
    assert!(log.contains(" INFO "), "{log}");
    let others: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains(" METRIC "))
        .collect();
    assert_eq!(others.len(), 2, "{lines:?}");
}

fn destination<'a>(report: &'a Report, name: &str) -> &'a trisignal::DestinationAccount {
    let mut found = report
        .destinations
        .iter()
        .filter(|it| it.name.contains(name) && it.signal == Ours::Traces);
    let first = found.next();
    first.unwrap_or_else(|| panic!("{name} in {report:?}"))
}

/// Every destination gets every span, and each has an account of its own.
#[test]
fn several_destinations_get_everything() {
    let receiver = receiver();
    let (builder, lines) = lines_of(
        builder(&receiver, Protocol::Grpc)
            .exporters(Ours::Traces, [Exporter::OtlpStdout, Exporter::Otlp]),
    );
    let telemetry = builder.build().unwrap();
    numbered_spans(&telemetry, 0..100);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    let endpoint = receiver.grpc_endpoint();
    for name in [endpoint.as_str(), "otlp/stdout"] {
        let account = destination(&report, name).account;
        assert!(account.balances(), "{account}");
        assert_eq!((account.produced, account.delivered), (100, 100), "{name}");
    }
    assert_eq!(
        lines
            .lock()
            .unwrap()
            .join("")
            .matches("\"traceId\"")
            .count(),
        100
    );
    assert!(
        report
            .to_string()
            .contains("; spans to otlp/stdout: 100 produced, 100 delivered"),
        "{report}"
    );
}

/// A destination that is away holds up no other, and its losses are its own.
#[test]
fn a_dead_destination_does_not_hold_up_the_others() {
    let dead = receiver();
    let endpoint = dead.http_endpoint();
    dead.pause().unwrap();
    let (builder, lines) = lines_of(
        builder_to(endpoint.clone(), Protocol::HttpProtobuf)
            .limits(brisk())
            .exporters(Ours::Traces, [Exporter::Otlp, Exporter::OtlpStdout]),
    );
    let telemetry = builder.build().unwrap();
    numbered_spans(&telemetry, 0..50);
    super::common::eventually("the healthy destination has all", || {
        lines
            .lock()
            .unwrap()
            .join("")
            .matches("\"traceId\"")
            .count()
            == 50
    });
    let health = telemetry.health();
    assert_eq!(health.traces.held, 50, "{:?}", health.traces);
    let report = shut_down(&telemetry, std::time::Duration::from_secs(1));
    assert!(!report.complete, "{report}");
    assert_eq!(report.lost(), 50, "{report}");
    let account = destination(&report, &endpoint).account;
    assert!(account.balances(), "{account}");
    assert_eq!(account.dropped.get(DropReason::Shutdown), 50);
    assert!(destination(&report, "otlp/stdout").account.is_complete());
}

/// Lines that nobody takes are lost, counted, and cost nothing else.
#[test]
fn a_console_that_fails_is_counted() {
    let receiver = receiver();
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .exporters(Ours::Traces, [Exporter::Otlp, Exporter::Console])
        .console_writer(|_| Err(std::io::ErrorKind::BrokenPipe.into()))
        .build()
        .unwrap();
    numbered_spans(&telemetry, 0..10);
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_conserved(&report, &receiver);
    assert_eq!(report.traces.delivered, 10);
    let console = destination(&report, "console").account;
    assert!(console.balances(), "{console}");
    assert_eq!(console.dropped.get(DropReason::Rejected), 10, "{console}");
}

/// A reader that never reads blocks neither the backends nor the end.
#[test]
fn a_console_that_hangs_holds_up_nobody() {
    let receiver = receiver();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let telemetry = builder(&receiver, Protocol::HttpProtobuf)
        .limits(brisk())
        .exporters(Ours::Traces, [Exporter::Otlp, Exporter::OtlpStdout])
        .console_writer(move |_| {
            let _ = wait.lock().unwrap().recv();
            Ok(())
        })
        .build()
        .unwrap();
    numbered_spans(&telemetry, 0..10);
    await_outcomes(&receiver, 1, |outcome| {
        outcome == trisignal_receiver::Outcome::Http(200)
    });
    let begin = std::time::Instant::now();
    let report = shut_down(&telemetry, std::time::Duration::from_secs(1));
    assert!(begin.elapsed() < PATIENCE / 2);
    assert_eq!(receiver.received(Signal::Traces).unique, 10);
    let console = destination(&report, "otlp/stdout").account;
    assert_eq!(console.dropped.get(DropReason::Shutdown), 10, "{report}");
    drop(release);
}
