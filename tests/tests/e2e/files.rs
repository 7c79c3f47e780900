//! Console lines that the Collector reads from files, and joins to their traces.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId};
use opentelemetry::{Context, KeyValue, baggage::BaggageExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal::ConsoleFormat;
use trisignal_receiver::{LogRecord, Store, Value};
use trisignal_tests::{Checkout, DEADLINE, Parts, Protocol, Stack};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";
const HOSTILE: &str = "a\nb\r\u{1b}[2J\u{202e}\u{2028}\"},\\ \0 é😀";

/// All records that were read from files and hold `keep`.
fn read_from_files(store: &Store, keep: impl Fn(&LogRecord) -> bool) -> Vec<Arc<LogRecord>> {
    let logs = store.logs();
    logs.filter(|log| log.attr("log.file.name").is_some() && keep(log))
        .all()
}

/// A service that writes its lines to `file`, in a request that has a trace and a correlation ID.
fn write_lines(format: ConsoleFormat, file: &Arc<Mutex<File>>) {
    let variables = BTreeMap::from([
        ("OTEL_TRACES_EXPORTER".to_owned(), "none".to_owned()),
        ("OTEL_METRICS_EXPORTER".to_owned(), "none".to_owned()),
        ("OTEL_LOGS_EXPORTER".to_owned(), "none".to_owned()),
    ]);
    let lines = Arc::clone(file);
    let telemetry = trisignal::builder("orders")
        .service_version("1.2.3")
        .environment(variables)
        .console(format)
        .console_writer(move |line| lines.lock().unwrap().write_all(line))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let span = SpanContext::new(
        TraceId::from_hex(TRACE).unwrap(),
        SpanId::from_hex(SPAN).unwrap(),
        TraceFlags::SAMPLED,
        true,
        opentelemetry::trace::TraceState::default(),
    );
    let request = Context::new()
        .with_remote_span_context(span)
        .with_baggage([KeyValue::new("correlation.id", "order-4711")]);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(target: "outside", "without a trace");
        let _request = request.attach();
        tracing::warn!(target: "checkout::pay", order = 42, note = HOSTILE, ok = true, share = 0.5, "{HOSTILE}");
        tracing::error!(target: "checkout::pay", long = "x\n".repeat(32 * 1024), "long");
        tracing::error!(target: "checkout::pay", no_message = 1);
    });
}

#[test]
fn lines_in_files_become_records_with_trace_severity_time_and_correlation() {
    let test = "lines_in_files_become_records_with_trace_severity_time_and_correlation";
    let parts = Parts {
        files: true,
        ..Parts::default()
    };
    let Some(stack) = Stack::start(test, parts) else {
        return;
    };
    let lines = stack.dir().join("lines");
    fs::create_dir_all(&lines).unwrap();
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos()
    };
    let begin = now();
    for (name, format) in [
        ("json.log", ConsoleFormat::Json),
        ("ecs.log", ConsoleFormat::Ecs),
    ] {
        let file = File::create(lines.join(name)).unwrap();
        write_lines(format, &Arc::new(Mutex::new(file)));
    }
    fs::write(lines.join("other.log"), "not ours\n").unwrap();
    let end = now();
    for name in ["json.log", "ecs.log"] {
        let records = stack
            .loki
            .wait_for_blocking(DEADLINE, |store| {
                let records = read_from_files(store, |log| {
                    log.attributes.str("log.file.name") == Some(name)
                });
                (records.len() == 4).then_some(records)
            })
            .unwrap();
        // The Collector hands them on in any order.
        let mut records = records;
        records.sort_by_key(|record| record.time_unix_nano);
        for record in &records {
            assert_eq!(record.service, "orders", "{name}");
            assert!(
                (begin..=end).contains(&record.time_unix_nano.into()),
                "{name}"
            );
        }
        let [outside, hostile, long, without] = &records[..] else {
            panic!("{records:?}")
        };
        assert_eq!(
            (outside.message(), outside.severity_number),
            ("without a trace", 9)
        );
        assert_eq!(
            (outside.trace_id.as_str(), outside.correlation_id()),
            ("", None)
        );
        assert_eq!(
            (hostile.message(), hostile.severity_number),
            (HOSTILE, 13),
            "{name}"
        );
        assert_eq!(hostile.target(), "checkout::pay");
        assert_eq!(
            (hostile.trace_id.as_str(), hostile.span_id.as_str()),
            (TRACE, SPAN)
        );
        assert_eq!(hostile.correlation_id(), Some("order-4711"));
        assert_eq!(hostile.attributes.str("note"), Some(HOSTILE));
        assert_eq!(hostile.attr("order"), Some(&Value::from(42_i64)));
        assert_eq!(hostile.attr("share"), Some(&Value::from(0.5)));
        assert_eq!(
            long.attributes.str("long"),
            Some("x\n".repeat(32 * 1024).as_str())
        );
        assert_eq!(
            (without.severity_number, without.attr("no_message")),
            (17, Some(&Value::from(1_i64)))
        );
        let left = [
            "timestamp",
            "@timestamp",
            "level",
            "log.level",
            "message",
            "labels",
            "trace_id",
            "trace.id",
        ];
        assert!(
            left.iter().all(|key| hostile.attr(key).is_none()),
            "{name}: {:?}",
            hostile.attributes
        );
    }
    let other = stack
        .loki
        .wait_for_blocking(DEADLINE, |store| {
            read_from_files(store, |log| log.message() == "not ours").pop()
        })
        .unwrap();
    assert_eq!(other.severity_number, 0);
}

/// What the demo's services write to standard output tells the same story as what they send.
#[test]
fn lines_of_the_demo_are_those_that_it_sends() {
    let test = "lines_of_the_demo_are_those_that_it_sends";
    let parts = Parts {
        files: true,
        ..Parts::default()
    };
    let Some(stack) = Stack::start(test, parts) else {
        return;
    };
    let checkout = Checkout::start(&stack, Protocol::Http);
    let answer = checkout
        .order(1, &[("x-correlation-id", "order-4712")])
        .unwrap();
    assert_eq!(answer.status, 200);
    let _ = checkout.end();
    let written = ["gateway", "orders"].map(|service| {
        let log = fs::read_to_string(stack.dir().join(format!("{service}.log"))).unwrap();
        let of_order = log.lines().filter(|line| line.contains("\"order-4712\""));
        of_order.count()
    });
    let written: usize = written.iter().sum();
    assert!(written > 0);
    let told = |log: &LogRecord| {
        (
            log.service.clone(),
            log.message().to_owned(),
            log.time_unix_nano,
            log.severity_number,
            log.trace_id.clone(),
            log.span_id.clone(),
            log.flags & 0xff,
        )
    };
    let (read, sent) = stack
        .loki
        .wait_for_blocking(DEADLINE, |store| {
            let of_order = |log: &LogRecord| {
                log.correlation_id() == Some("order-4712")
                    && ["gateway", "orders"].contains(&&*log.service)
            };
            let mut read: Vec<_> = read_from_files(store, of_order)
                .iter()
                .map(|log| told(log))
                .collect();
            let sent = store
                .logs()
                .filter(|log| log.attr("log.file.name").is_none() && of_order(log));
            let mut sent: Vec<_> = sent.all().iter().map(|log| told(log)).collect();
            read.sort();
            sent.sort();
            (read.len() >= written && sent.len() >= written).then_some((read, sent))
        })
        .unwrap();
    assert_eq!(read, sent);
    let trace = &read[0].4;
    let spans = stack.jaeger().wait_for_trace(trace, Checkout::is_whole);
    for record in &read {
        assert!(
            spans.iter().any(|span| span.span_id == record.5),
            "{record:?}"
        );
    }
}
