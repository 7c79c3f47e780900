//! A configuration file that changes under load: samplers of any kind change with it, and nothing is lost.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use trisignal::otel::KeyValue;
use trisignal::{ConsoleFormat, Telemetry};
use trisignal_receiver::Receiver;

use super::common::{
    Over, PATIENCE, assert_all_delivered, eventually, receiver, record, subscriber,
};

struct Service {
    receiver: Receiver,
    folder: TempDir,
    telemetry: Telemetry,
}

impl Service {
    fn new(sampler: &str, ours: &str) -> Self {
        let (receiver, folder) = (receiver(), tempfile::tempdir().unwrap());
        write(&folder, &receiver, sampler, ours);
        let telemetry = trisignal::builder("checkout")
            .environment(HashMap::<String, String>::new())
            .config_file(path(&folder))
            .console(ConsoleFormat::Off)
            .build()
            .unwrap();
        let warnings = telemetry.warnings();
        assert!(warnings.is_empty(), "{warnings:?}");
        Self {
            receiver,
            folder,
            telemetry,
        }
    }

    /// Another file takes the place of the one that is there.
    fn change(&self, sampler: &str, ours: &str) {
        write(&self.folder, &self.receiver, sampler, ours);
    }

    fn shows(&self, line: &str) -> bool {
        let explained = self.telemetry.explain();
        explained.lines().any(|found| found.starts_with(line))
    }

    fn await_line(&self, line: &str) {
        eventually(line, || self.shows(line));
    }

    /// Traces with this route, and how many of them are exported.
    fn kept(&self, route: &'static str, traces: usize) -> usize {
        let _ = self.telemetry.flush_blocking(PATIENCE);
        let before = self.receiver.spans().name(route).count();
        record(&self.telemetry, || {
            for _ in 0..traces {
                drop(tracing::info_span!(
                    "request",
                    otel.name = route,
                    http.route = route
                ));
            }
        });
        let _ = self.telemetry.flush_blocking(PATIENCE);
        self.receiver.spans().name(route).count() - before
    }
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("telemetry.yaml")
}

fn write(folder: &TempDir, receiver: &Receiver, sampler: &str, ours: &str) {
    let endpoint = receiver.http_endpoint();
    let next = folder.path().join("next");
    let text = format!(
        "file_format: \"1.1\"
tracer_provider:
  processors: [{{batch: {{exporter: {{otlp_http: {{endpoint: \"{endpoint}/v1/traces\"}}}}}}}}]
  sampler: {sampler}
distribution: {{trisignal: {{console: {{filter: info}}, sampling: {{{ours}}}}}}}
"
    );
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, path(folder)).unwrap();
}

const ON: &str = "{parent_based: {root: {always_on: }}}";

#[test]
fn rules_rates_and_kinds_of_samplers_change_with_the_file() {
    let service = Service::new(ON, "");
    assert_eq!(service.kept("/health", 5), 5);

    // Rules that look at attributes, where nobody looked at any before.
    service.change(ON, "rules: drop http.route=/health");
    service.await_line("traces.sampling_rules = drop http.route=/health (");
    assert_eq!(
        (service.kept("/health", 5), service.kept("/pay", 5)),
        (0, 5)
    );
    assert!(service.shows("traces.sampler = parentbased_always_on ("));

    // Another rate of the same rule.
    service.change(ON, "rules: 3/s http.route=/health; drop");
    service.await_line("traces.sampling_rules = 3/s http.route=/health; drop (");
    let kept = service.kept("/health", 200);
    assert!((3..50).contains(&kept), "{kept}");
    assert_eq!(service.kept("/pay", 5), 0);

    // The rules of the schema, and none of ours any more.
    let rules = "{composite/development: {rule_based: {rules: [{attribute_values: {key: http.route, values: [/pay]}, sampler: {always_off: }}, {sampler: {always_on: }}]}}}";
    service.change(rules, "");
    service.await_line("traces.sampling_rules = drop parent=any http.route=/pay; ");
    assert_eq!(
        (service.kept("/health", 5), service.kept("/pay", 5)),
        (5, 0)
    );

    // What code sets holds on, and the file wins when it says something else.
    service.change("{trace_id_ratio_based: {ratio: 1}}", "");
    service.await_line("traces.sampler = traceidratio 1 (");
    assert_eq!(
        service.telemetry.control().sampling_ratio(0.0).unwrap(),
        1.0
    );
    assert!(service.shows("traces.sampler = traceidratio 0 (run time)"));
    assert_eq!(service.kept("/pay", 5), 0);
    service.change(ON, "debug_baggage: debug");
    service.await_line("traces.debug_baggage = debug (");
    assert_eq!(service.kept("/pay", 5), 5);
    assert_all_delivered(
        &service.telemetry.shutdown_blocking(PATIENCE),
        &service.receiver,
    );
}

#[test]
fn nothing_is_lost_while_the_file_changes() {
    let service = Service::new(ON, "");
    let over = AtomicBool::new(false);
    let made: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let dispatch = subscriber(&service.telemetry);
                    tracing::dispatcher::with_default(&dispatch, || {
                        let mut made = 0;
                        while !over.load(Ordering::Relaxed) {
                            drop(tracing::info_span!("paid", http.route = "/pay"));
                            drop(tracing::info_span!("asked", http.route = "/health"));
                            made += 1;
                            std::thread::sleep(std::time::Duration::from_micros(200));
                        }
                        made
                    })
                })
            })
            .collect();
        let end = Over(&over);
        for ratio in ["0", "1", "0.5"] {
            // Whatever changes, there is always a rule that keeps these.
            let rules = format!("rules: keep name=paid; {ratio} http.route=/health");
            service.change(ON, &rules);
            service.await_line(&format!("traces.sampling_rules = keep name=paid; {ratio} "));
        }
        drop(end);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let report = service.telemetry.shutdown_blocking(PATIENCE);
    assert_all_delivered(&report, &service.receiver);
    let paid = service.receiver.spans().name("paid").count();
    assert_eq!(paid as u64, made);
    let asked = service.receiver.spans().name("asked").count() as u64;
    assert!(0 < asked && asked < made, "{asked} of {made}");
}

#[test]
fn a_console_alone_has_its_file_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let text = |filter: &str| {
        format!(
            "file_format: \"1.1\"\ndistribution: {{trisignal: {{console: {{filter: {filter}}}}}}}\n"
        )
    };
    std::fs::write(path(&folder), text("info")).unwrap();
    let telemetry = trisignal::builder("checkout")
        .environment(HashMap::<String, String>::new())
        .config_file(path(&folder))
        .resource([KeyValue::new("a", 1)])
        .build()
        .unwrap();
    std::fs::write(path(&folder), text("debug")).unwrap();
    eventually("the new filter in force", || {
        telemetry.explain().contains("console.filter = debug (")
    });
}
