//! Installing: everything at once or nothing at all, and only one time.

use std::collections::HashMap;

use opentelemetry::global;
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use tracing_subscriber::Registry;
use trisignal::{Counter, ErrorKind, Histogram, Protocol};
use trisignal_receiver::{Receiver, Signal};

use super::common::{PATIENCE, assert_all_delivered, builder, receiver};
use super::isolated::isolated;
use super::lines::Lines;

static PLACED: Counter = Counter::new("orders.placed", "{order}");
static AMOUNT: Histogram = Histogram::new("orders.amount", "EUR");

fn sum(receiver: &Receiver, name: &str) -> Option<i64> {
    receiver
        .metrics()
        .name(name)
        .last()?
        .points
        .first()?
        .as_i64()
}

/// `tracing`, `log`, the API of OpenTelemetry and static instruments all lead to the one pipeline.
#[test]
fn everything_of_the_process_goes_through_the_pipeline() {
    isolated(
        "installing::everything_of_the_process_goes_through_the_pipeline",
        || {
            PLACED.add(2);
            AMOUNT.record(1.5);
            let receiver = receiver();
            let telemetry = builder(&receiver, Protocol::HttpProtobuf)
                .install()
                .unwrap();
            PLACED.add(3);
            AMOUNT.record(2.5);
            tracing::info_span!("traced").in_scope(|| {
                tracing::info!("by tracing");
                log::warn!(target: "legacy", "by log");
                global::tracer("api").in_span("by the API", |cx| {
                    let mut headers = HashMap::<String, String>::new();
                    global::get_text_map_propagator(|propagator| {
                        propagator.inject_context(&cx, &mut headers);
                    });
                    let id = cx.span().span_context().trace_id().to_string();
                    assert!(headers["traceparent"].contains(&id), "{headers:?}");
                });
            });
            global::meter("api")
                .u64_counter("by.the.api")
                .build()
                .add(7, &[KeyValue::new("a", "b")]);
            assert!(!Context::current().span().span_context().is_valid());
            let report = telemetry.shutdown_blocking(PATIENCE);
            assert_all_delivered(&report, &receiver);

            let parent = receiver.spans().name("traced").one().unwrap();
            let child = receiver.spans().name("by the API").one().unwrap();
            assert_eq!(
                (&child.parent_span_id, &child.trace_id),
                (&parent.span_id, &parent.trace_id)
            );
            assert_eq!(receiver.logs().trace(&parent.trace_id).count(), 2);
            let legacy = receiver.logs().body("by log").one().unwrap();
            assert_eq!((legacy.target(), legacy.severity_number), ("legacy", 13));
            assert_eq!(
                (
                    sum(&receiver, "orders.placed"),
                    sum(&receiver, "by.the.api")
                ),
                (Some(5), Some(7))
            );
            let amount = receiver.metrics().name("orders.amount").last().unwrap();
            assert_eq!(
                (amount.points[0].count(), amount.points[0].sum()),
                (Some(2), Some(4.0))
            );
        },
    );
}

/// A second installation is an error of its kind and changes nothing.
#[test]
fn a_second_installation_changes_nothing() {
    isolated("installing::a_second_installation_changes_nothing", || {
        let (first, second) = (receiver(), receiver());
        let telemetry = builder(&first, Protocol::HttpProtobuf).install().unwrap();
        let error = builder(&second, Protocol::HttpProtobuf)
            .install()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyInstalled, "{error}");
        let built = builder(&second, Protocol::HttpProtobuf).build().unwrap();
        assert_eq!(
            built.install_providers().unwrap_err().kind(),
            ErrorKind::AlreadyInstalled
        );
        tracing::info_span!("traced").in_scope(|| log::info!("logged"));
        global::tracer("api").in_span("by the API", |_| {});
        PLACED.add(1);
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &first);
        assert_eq!((first.spans().count(), first.logs().count()), (2, 1));
        assert_eq!(sum(&first, "orders.placed"), Some(1));
        drop(built);
        assert!(second.requests().is_empty());
    });
}

/// A process that has a subscriber already keeps it, and nothing else is installed.
#[test]
fn a_foreign_subscriber_is_respected() {
    isolated("installing::a_foreign_subscriber_is_respected", || {
        tracing::subscriber::set_global_default(Registry::default()).unwrap();
        let receiver = receiver();
        let error = builder(&receiver, Protocol::HttpProtobuf)
            .install()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyInstalled, "{error}");
        global::tracer("api").in_span("by the API", |_| {});
        assert!(log::set_boxed_logger(Box::new(tracing_log::LogTracer::new())).is_ok());
        assert!(receiver.requests().is_empty());
        // What can be had without a subscriber can still be had.
        let telemetry = builder(&receiver, Protocol::HttpProtobuf).build().unwrap();
        telemetry.install_providers().unwrap();
        global::tracer("api").in_span("by the API", |_| {});
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        assert_eq!(receiver.received(Signal::Traces).unique, 1);
    });
}

/// A subscriber that was a scope's, in a test or while the process started, is none of the process.
#[test]
fn a_subscriber_of_a_scope_is_no_obstacle() {
    isolated("installing::a_subscriber_of_a_scope_is_no_obstacle", || {
        tracing::subscriber::with_default(Registry::default(), || tracing::info!("starting"));
        let receiver = receiver();
        let telemetry = builder(&receiver, Protocol::HttpProtobuf)
            .install()
            .unwrap();
        tracing::info!("started");
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        assert_eq!(receiver.logs().body("started").count(), 1);
    });
}

/// The same with a logger of the `log` crate.
#[test]
fn a_foreign_logger_is_respected() {
    isolated("installing::a_foreign_logger_is_respected", || {
        log::set_boxed_logger(Box::new(tracing_log::LogTracer::new())).unwrap();
        let receiver = receiver();
        let error = builder(&receiver, Protocol::HttpProtobuf)
            .install()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyInstalled, "{error}");
        assert!(!tracing::dispatcher::has_been_set(), "all or nothing");
        global::tracer("api").in_span("by the API", |_| {});
        assert!(receiver.requests().is_empty());
    });
}

/// Three filters that know nothing of each other: a quiet console leaves traces and logs whole.
#[test]
fn a_quiet_console_leaves_traces_whole() {
    isolated("installing::a_quiet_console_leaves_traces_whole", || {
        let (lines, receiver) = (Lines::default(), receiver());
        let variables = [("RUST_LOG", "warn"), ("OTEL_RUST_LOGS_FILTER", "info")];
        let environment: HashMap<String, String> = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let builder = builder(&receiver, Protocol::HttpProtobuf).environment(environment);
        let telemetry = lines.attach(builder).install().unwrap();
        tracing::info_span!("parent", order = 7).in_scope(|| {
            tracing::info_span!("child").in_scope(|| {
                tracing::info!("exported only");
                tracing::warn!("shown, too");
            });
        });
        assert_all_delivered(&telemetry.shutdown_blocking(PATIENCE), &receiver);
        let parent = receiver.spans().name("parent").one().unwrap();
        let child = receiver.spans().name("child").one().unwrap();
        assert_eq!(child.parent_span_id, parent.span_id);
        assert_eq!(receiver.logs().trace(&parent.trace_id).count(), 2);
        let shown: Vec<serde_json::Value> = lines
            .take()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert_eq!(shown[0]["message"], "shown, too");
        assert_eq!(shown[0]["trace_id"], parent.trace_id.as_str());
        assert_eq!(shown[0]["order"], 7, "the fields of its spans are shown");
    });
}

/// Whatever is wrong with the file, the process is as it was, and the next one is installed.
#[test]
fn a_file_that_is_bad_installs_nothing() {
    let test = "installing::a_file_that_is_bad_installs_nothing";
    isolated(test, || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("telemetry.yaml");
        let install = || {
            trisignal::builder("checkout")
                .environment(HashMap::<String, String>::new())
                .config_file(&path)
                .install()
        };
        let pem = "file_format: \"1.1\"\ntracer_provider: {processors: [{simple: {exporter: {otlp_http: {endpoint: \"https://localhost:1/\", tls: {ca_file: /none.pem}}}}}]}\n";
        let bad: [&[u8]; 6] = [
            b"",
            b"a: [",
            b"file_format: \"1.1\"\ndisabled: 1\n",
            b"\xff\xfe",
            &[b'#'; 10 << 20],
            pem.as_bytes(),
        ];
        for content in bad {
            std::fs::write(&path, content).unwrap();
            let error = install().map(drop).unwrap_err();
            assert!(
                error.to_string().contains(".yaml") || error.to_string().contains(".pem"),
                "{error}"
            );
            assert!(!tracing::dispatcher::has_been_set());
            assert!(!global::tracer("api").start("a").span_context().is_valid());
        }
        std::fs::write(&path, "file_format: \"1.1\"\n").unwrap();
        drop(install().unwrap());
        assert!(tracing::dispatcher::has_been_set());
    });
}
