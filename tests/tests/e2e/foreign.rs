//! A service under another SDK, Python's own, between two of ours: one trace, and one correlation ID.

mod configuration;
pub(crate) mod python;
mod rust;

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use trisignal::Telemetry;
use trisignal_receiver::{Receiver, Span, SpanKind, Store};
use trisignal_tests::{DEADLINE, Process, Response, get, until};

/// Set in the process of a test, to the Python that it uses.
const CHILD: &str = "TRISIGNAL_TEST_FOREIGN";
const PYTHON: &str = "python";
/// Characters that some parser of baggage might take for its own, and that have to arrive as they are.
const ORDER: &str = "+order/4711=a@shop:7.x_y-z+1+";
/// Percent, comma, equals sign and a letter beyond ASCII, as a customer has to encode them.
const TENANT_HEADER: &str = "tenant=50%25%2C=caf%C3%A9";
const TENANT: &str = "50%,=café";

#[test]
fn a_foreign_sdk_in_the_middle_keeps_the_trace_and_the_correlation_id() {
    let test = "a_foreign_sdk_in_the_middle_keeps_the_trace_and_the_correlation_id";
    in_a_process_of_its_own(test, |chain| {
        let first = format!("http://{}/first?{}", chain.rust, chain.relay);
        let answer = chain.ask(
            &first,
            &[("x-correlation-id", ORDER), ("baggage", TENANT_HEADER)],
        );
        assert_eq!(answer.header("x-correlation-id"), Some(ORDER));
        let relayed = answer.json();
        let spans = chain.end(5);

        let route = |name| (rust::SERVICE, name, SpanKind::Server, Some(ORDER));
        assert_chain(
            &spans,
            &[
                route("GET /first"),
                (rust::SERVICE, "GET", SpanKind::Client, Some(ORDER)),
                (PYTHON, "GET /relay", SpanKind::Server, Some(ORDER)),
                (PYTHON, "GET", SpanKind::Client, Some(ORDER)),
                route("GET /last"),
            ],
        );
        chain.assert_end(&relayed, &spans[4], ORDER);
        assert_eq!(relayed["body"][rust::TENANT], TENANT, "{relayed}");
    });
}

#[test]
fn a_trace_that_a_foreign_sdk_begins_goes_on_and_is_the_correlation_id() {
    let test = "a_trace_that_a_foreign_sdk_begins_goes_on_and_is_the_correlation_id";
    in_a_process_of_its_own(test, |chain| {
        let relayed = chain.ask(&chain.relay, &[]).json();
        let spans = chain.end(3);

        // Nobody gave an ID, so it is that of the trace, which only our side shows.
        let trace = spans[0].trace_id.as_str();
        assert_chain(
            &spans,
            &[
                (PYTHON, "GET /relay", SpanKind::Server, None),
                (PYTHON, "GET", SpanKind::Client, None),
                (rust::SERVICE, "GET /last", SpanKind::Server, Some(trace)),
            ],
        );
        chain.assert_end(&relayed, &spans[2], trace);
        assert_eq!(relayed["sent"].get("baggage"), None, "{relayed}");
    });
}

/// What runs: one Rust service at both ends, and the Python one that calls `/last` of it.
struct Chain {
    receiver: Receiver,
    telemetry: Telemetry,
    rust: String,
    python: Option<Process>,
    relay: String,
    _dir: TempDir,
}

impl Chain {
    fn start(python: &Path) -> Self {
        let receiver = Receiver::start_blocking().unwrap();
        let telemetry = rust::install(&receiver);
        let rust = rust::serve().to_string();
        let dir = TempDir::new().unwrap();
        // Isolated (-I) and without the environment: nothing of the machine, a proxy say, has a part in it.
        let mut command = Command::new(python);
        command
            .arg("-I")
            .arg(python::file("relay.py"))
            .arg(format!("http://{rust}/last"))
            .env_clear()
            .env("OTEL_SERVICE_NAME", PYTHON)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint())
            .env("OTEL_BSP_SCHEDULE_DELAY", "50");
        let mut process =
            Process::spawn(PYTHON, &mut command, &dir.path().join("python.log")).unwrap();
        let port = until("the Python service listens", || {
            let log = process.log();
            assert!(process.runs(), "it ended at once:\n{log}");
            let (line, _) = log.split_once("listening on ")?.1.split_once('\n')?;
            Some(line.to_owned())
        });
        Self {
            receiver,
            telemetry,
            rust,
            python: Some(process),
            relay: format!("http://127.0.0.1:{port}/relay"),
            _dir: dir,
        }
    }

    /// Asks as a customer without any SDK would.
    fn ask(&self, url: &str, headers: &[(&str, &str)]) -> Response {
        let answer = get(url, headers).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// Ends both sides once `count` spans and the last log line came, and gives all spans, parents first.
    fn end(&mut self, count: usize) -> Vec<Arc<Span>> {
        let enough = |store: &Store| {
            let logs = store.logs().body(rust::LAST_WORDS);
            (store.spans().count() >= count && !logs.is_empty()).then_some(())
        };
        self.receiver.wait_for_blocking(DEADLINE, enough).unwrap();
        // What either side still holds comes now: one span too many is seen, not missed.
        let python = self.python.take().unwrap();
        assert!(python.terminate().success());
        let report = self.telemetry.shutdown_blocking(Duration::from_secs(30));
        assert!(report.complete && report.lost() == 0, "{report}");
        let spans = self.receiver.spans().all();
        let root = spans.iter().position(|span| span.is_root()).unwrap();
        let mut ordered = vec![Arc::clone(&spans[root])];
        while let Some(next) = self
            .receiver
            .spans()
            .child_of(&ordered[ordered.len() - 1])
            .first()
        {
            ordered.push(next);
        }
        let all = self.receiver.trace(&ordered[0].trace_id);
        assert_eq!(
            ordered.len(),
            spans.len(),
            "not one chain:\n{all}\n{spans:?}"
        );
        ordered
    }

    /// That the last service was found by `id` in every way: its answer, its log, and no header that says it.
    fn assert_end(&self, relayed: &Value, span: &Span, id: &str) {
        assert_eq!(relayed["correlation"], id, "{relayed}");
        assert_eq!(relayed["body"]["asked_with_header"], false, "{relayed}");
        let log = self.receiver.logs().body(rust::LAST_WORDS).one().unwrap();
        assert_eq!(
            (log.correlation_id(), &log.trace_id, &log.span_id),
            (Some(id), &span.trace_id, &span.span_id)
        );
    }
}

/// That the spans are these, from the first to the last: service, name, kind and correlation ID. That each is the
/// parent of the next, in one trace, is what put them in their order.
fn assert_chain(spans: &[Arc<Span>], expected: &[(&str, &str, SpanKind, Option<&str>)]) {
    let found: Vec<_> = spans
        .iter()
        .map(|span| {
            (
                &*span.service,
                &*span.name,
                span.kind,
                span.correlation_id(),
            )
        })
        .collect();
    assert_eq!(found, expected);
}

/// Runs `body` in a process in which nothing else is: telemetry is installed in the whole of it.
fn in_a_process_of_its_own(test: &str, body: impl FnOnce(&mut Chain)) {
    if let Some(python) = env::var_os(CHILD) {
        return body(&mut Chain::start(Path::new(&python)));
    }
    let Some(python) = python::interpreter(test) else {
        return;
    };
    let name = format!("foreign::{test}");
    let child = Command::new(env::current_exe().unwrap())
        .args([&*name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, python)
        .output()
        .unwrap();
    let [stdout, stderr] = [&child.stdout, &child.stderr].map(|it| String::from_utf8_lossy(it));
    // A name that matches no test would pass as well.
    let passed = child.status.success() && stdout.contains("1 passed");
    assert!(passed, "{}\n{stdout}\n{stderr}", child.status);
}
