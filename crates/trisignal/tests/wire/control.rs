//! Changes at run time, as the receiver and the console see them.

use std::sync::{Arc, Mutex};

use tracing::Dispatch;
use trisignal::otel::ShouldSample;
use trisignal::{ConsoleFormat, Protocol, Sampling, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{
    PATIENCE, assert_all_delivered, builder, eventually, receiver, record, subscriber,
};

/// Telemetry with a console, the subscriber that feeds it, and the lines of the console.
struct Rig {
    receiver: Receiver,
    telemetry: Telemetry,
    dispatch: Dispatch,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    fn new() -> Self {
        let receiver = receiver();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let telemetry = builder(&receiver, Protocol::HttpProtobuf)
            .console(ConsoleFormat::Json)
            .console_writer(move |line| {
                written
                    .lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(line).into_owned());
                Ok(())
            })
            .build()
            .unwrap();
        let dispatch = subscriber(&telemetry);
        Self {
            receiver,
            telemetry,
            dispatch,
            lines,
        }
    }

    /// One span with an event of each of these levels in it, always of the same callsites.
    fn work(&self) {
        tracing::dispatcher::with_default(&self.dispatch, || {
            tracing::debug_span!("detail").in_scope(|| {
                tracing::info!("at info");
                tracing::debug!("at debug");
            });
        });
    }

    /// How often each was seen: lines of debug, records of debug, spans of debug.
    fn seen(&self) -> (usize, usize, usize) {
        let _ = self.telemetry.flush_blocking(PATIENCE);
        let lines = self.lines.lock().unwrap();
        let lines = lines
            .iter()
            .filter(|line| line.contains("at debug"))
            .count();
        let records = self.receiver.logs().body("at debug").count();
        (lines, records, self.receiver.spans().name("detail").count())
    }
}

#[test]
fn filters_change_at_run_time_each_on_its_own() {
    let rig = Rig::new();
    let control = rig.telemetry.control();
    rig.work();
    assert_eq!(rig.seen(), (0, 0, 0));

    assert_eq!(control.console_filter("debug").unwrap(), "info");
    rig.work();
    assert_eq!(rig.seen(), (1, 0, 0));
    assert_eq!(control.logs_filter("info,wire=debug").unwrap(), "info");
    rig.work();
    assert_eq!(rig.seen(), (2, 1, 0));
    assert_eq!(control.traces_filter("debug").unwrap(), "info");
    rig.work();
    assert_eq!(rig.seen(), (3, 2, 1));
    // Also one whose directives name spans, which filters have to follow.
    assert_eq!(
        control.console_filter("info,[detail]=debug").unwrap(),
        "debug"
    );
    rig.work();
    assert_eq!(rig.seen(), (4, 3, 2));

    let explained = rig.telemetry.explain();
    for line in [
        "console.filter = info,[detail]=debug (run time)",
        "logs.filter = info,wire=debug (run time)",
        "traces.filter = debug (run time)",
    ] {
        assert!(explained.lines().any(|found| found == line), "{explained}");
    }
    // And back.
    for change in [
        control.console_filter("info"),
        control.logs_filter("warn"),
        control.traces_filter("off"),
    ] {
        change.unwrap();
    }
    rig.work();
    assert_eq!(rig.seen(), (4, 3, 2));
    // A layer that is made later has what is in force by then.
    control.logs_filter("debug").unwrap();
    record(&rig.telemetry, || tracing::debug!("at debug"));
    assert_eq!(rig.seen(), (4, 4, 2));
    assert_all_delivered(&rig.telemetry.shutdown_blocking(PATIENCE), &rig.receiver);
}

#[test]
fn a_bad_directive_changes_nothing_and_is_named() {
    let rig = Rig::new();
    let control = rig.telemetry.control();
    for bad in ["info,=,warn", "", " , ", "info,[", "wire=loud"] {
        for change in [
            control.console_filter(bad),
            control.logs_filter(bad),
            control.traces_filter(bad),
        ] {
            let error = change.expect_err(bad).to_string();
            assert!(error.contains("filter"), "{error}");
        }
    }
    let error = control
        .console_filter("info,wire=loud,warn")
        .unwrap_err()
        .to_string();
    assert!(error.contains("\"wire=loud\""), "{error}");
    assert_eq!(control.console_filter("warn").unwrap(), "info");
}

#[test]
fn filters_are_changed_by_many_threads_while_others_log() {
    let rig = Rig::new();
    std::thread::scope(|scope| {
        for directives in ["debug", "info", "info,[detail]=debug", "off"] {
            let control = rig.telemetry.control();
            scope.spawn(move || {
                for _ in 0..50 {
                    control.console_filter(directives).unwrap();
                    control.logs_filter(directives).unwrap();
                    control.traces_filter(directives).unwrap();
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| (0..200).for_each(|_| rig.work()));
        }
    });
    let control = rig.telemetry.control();
    for filter in [
        control.console_filter("debug"),
        control.logs_filter("debug"),
        control.traces_filter("debug"),
    ] {
        filter.unwrap();
    }
    let before = rig.seen();
    rig.work();
    let after = rig.seen();
    assert_eq!(after, (before.0 + 1, before.1 + 1, before.2 + 1));
    assert_all_delivered(&rig.telemetry.shutdown_blocking(PATIENCE), &rig.receiver);
}

#[test]
fn the_ratio_changes_at_run_time() {
    let rig = Rig::new();
    let control = rig.telemetry.control();
    let spans = |name: &'static str| {
        tracing::dispatcher::with_default(&rig.dispatch, || {
            (0..20).for_each(|_| drop(tracing::info_span!("request", otel.name = name)));
        });
    };
    spans("all");
    assert_eq!(control.sampling_ratio(0.0).unwrap(), 1.0);
    spans("none");
    assert_eq!(control.clone().sampling_ratio(1.0).unwrap(), 0.0);
    spans("all again");
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(control.sampling_ratio(bad).is_err(), "{bad}");
    }
    let explained = rig.telemetry.explain();
    let line = "traces.sampler = parentbased_traceidratio 1 (run time)";
    assert!(explained.lines().any(|found| found == line), "{explained}");
    assert_all_delivered(&rig.telemetry.shutdown_blocking(PATIENCE), &rig.receiver);
    let seen = |name| rig.receiver.spans().name(name).count();
    assert_eq!((seen("all"), seen("none"), seen("all again")), (20, 0, 20));
}

#[test]
fn a_sampler_without_a_ratio_says_so() {
    #[derive(Clone, Debug)]
    struct Own;
    impl ShouldSample for Own {
        fn should_sample(
            &self,
            _: Option<&opentelemetry::Context>,
            _: opentelemetry::TraceId,
            _: &str,
            _: &opentelemetry::trace::SpanKind,
            _: &[opentelemetry::KeyValue],
            _: &[opentelemetry::trace::Link],
        ) -> opentelemetry_sdk::trace::SamplingResult {
            unreachable!("nobody asks")
        }
    }
    let receiver = receiver();
    let builder = || builder(&receiver, Protocol::HttpProtobuf);
    let rate = Sampling::parent_based(Sampling::per_second(5.0));
    for builder in [builder().sampler(Own), builder().sampling(rate)] {
        let telemetry = builder.build().unwrap();
        let before = telemetry.explain();
        let error = telemetry
            .control()
            .sampling_ratio(0.5)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no ratio"), "{error}");
        assert_eq!(telemetry.explain(), before);
    }
}

/// A configuration file with a console filter, a ratio and whatever else.
fn file(endpoint: &str, filter: &str, ratio: f64, more: &str) -> String {
    let exporter =
        |signal: &str| format!("{{otlp_http: {{endpoint: \"{endpoint}/v1/{signal}\"}}}}");
    let (traces, logs) = (exporter("traces"), exporter("logs"));
    format!(
        "file_format: \"1.1\"
tracer_provider:
  processors: [{{batch: {{exporter: {traces}}}}}]
  sampler: {{parent_based: {{root: {{trace_id_ratio_based: {{ratio: {ratio}}}}}}}}}
logger_provider:
  processors: [{{batch: {{exporter: {logs}}}}}]
distribution:
  trisignal:
    console: {{format: json, filter: \"{filter}\"}}
{more}"
    )
}

#[test]
fn a_configuration_file_that_changes_is_read_again() {
    let receiver = receiver();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("telemetry.yaml");
    let write = |filter: &str, ratio: f64, more: &str| {
        let next = directory.path().join("next");
        // As a deployment does it: another file takes its place.
        std::fs::write(&next, file(&receiver.http_endpoint(), filter, ratio, more)).unwrap();
        std::fs::rename(&next, &path).unwrap();
    };
    write("info", 1.0, "");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    let telemetry = trisignal::builder("checkout")
        .environment(std::collections::HashMap::<String, String>::new())
        .config_file(&path)
        .console_writer(move |line| {
            written
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        })
        .build()
        .unwrap();
    assert!(
        telemetry.warnings().is_empty(),
        "{:?}",
        telemetry.warnings()
    );
    let dispatch = subscriber(&telemetry);
    let work = |name: &'static str| {
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info_span!("request", otel.name = name)
                .in_scope(|| tracing::debug!("at debug"));
        });
    };
    let shows = |line: &str| {
        telemetry
            .explain()
            .lines()
            .any(|found| found.starts_with(line))
    };
    work("first");

    write("debug", 0.0, "");
    // The sampler is the last to change.
    eventually("the new file in force", || {
        shows("traces.sampler = parentbased_traceidratio 0 ")
    });
    assert!(shows("console.filter = debug"), "{}", telemetry.explain());
    work("second");

    // What needs a restart waits for it, and the rest is in force.
    write("info", 1.0, "    outbox_bytes: 1048576\n");
    eventually("the third file in force", || {
        shows("traces.sampler = parentbased_traceidratio 1 ")
    });
    assert!(shows("console.filter = info"), "{}", telemetry.explain());
    assert!(shows("outbox = 32 MiB"), "{}", telemetry.explain());
    work("third");

    // What code has set holds until the file says something else.
    assert_eq!(telemetry.control().console_filter("warn").unwrap(), "info");
    write("info", 0.5, "");
    eventually("the fourth file in force", || {
        shows("traces.sampler = parentbased_traceidratio 0.5")
    });
    assert!(
        shows("console.filter = warn (run time)"),
        "{}",
        telemetry.explain()
    );

    let report = telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &receiver);
    assert_eq!(receiver.spans().names(), ["first", "third"]);
    let debug = lines
        .lock()
        .unwrap()
        .iter()
        .filter(|line| line.contains("at debug"))
        .count();
    assert_eq!(debug, 1);
}
