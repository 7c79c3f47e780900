//! The demo's services as processes of their own, as a user would run them.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::files::root;
use crate::http::{Response, post};
use crate::jaeger::TracedSpan;
use crate::process::Process;
use crate::programs::{nats_server, say_not_run};
use crate::stack::{Stack, free_port};
use crate::wait::until;

/// How the services send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`
    Grpc,
    /// `OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`
    Http,
}

/// The services of the demo, sending to a stack; with a NATS server of their own where there is one to run.
#[derive(Debug)]
pub struct Checkout {
    gateway: Process,
    orders: Process,
    /// The queue's server and the worker behind it.
    fulfilment: Option<(Process, Process)>,
    url: String,
    pages: BTreeMap<&'static str, String>,
}

/// How metrics get to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metrics {
    /// Through the Collector.
    Pushed,
    /// From the services themselves, and nothing through the Collector.
    Scraped,
}

impl Checkout {
    /// Builds the demo if need be, starts all services and waits until they listen.
    ///
    /// # Panics
    ///
    /// When the demo does not build or a service does not start.
    #[must_use]
    pub fn start(stack: &Stack, protocol: Protocol) -> Self {
        Self::start_with(stack, protocol, Metrics::Pushed)
    }

    /// As [`start`](Self::start), with metrics that Prometheus scrapes from the services themselves. The stack's Prometheus
    /// is told where they are.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_scraped(stack: &Stack, protocol: Protocol) -> Self {
        Self::start_with(stack, protocol, Metrics::Scraped)
    }

    /// The page of metrics of a service that was started to be scraped.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a test harness fails by panic")]
    pub fn metrics_at(&self, role: &str) -> &str {
        self.pages.get(role).expect("the services are scraped")
    }

    fn start_with(stack: &Stack, protocol: Protocol, metrics: Metrics) -> Self {
        let mut pages = BTreeMap::new();
        let mut serve = |stack, protocol, role: &'static str, more: &[&str]| {
            let page = (metrics == Metrics::Scraped).then(free_port);
            if let Some(port) = page {
                pages.insert(role, format!("127.0.0.1:{port}"));
            }
            serve(stack, protocol, role, more, page)
        };
        let nats = nats(stack);
        let (fulfilment, queue) = match nats {
            Some((server, url)) => {
                let (worker, _) = serve(stack, protocol, "fulfilment", &["--queue", &url]);
                (Some((server, worker)), vec!["--queue".to_owned(), url])
            }
            None => (None, Vec::new()),
        };
        let listen = ["--listen", "127.0.0.1:0"];
        let queue: Vec<_> = queue.iter().map(String::as_str).collect();
        let (mut orders, orders_at) =
            serve(stack, protocol, "orders", &[&listen, &queue[..]].concat());
        let peer = format!("http://{orders_at}");
        let more = [&listen[..], &["--orders", &peer]].concat();
        let (gateway, gateway_at) = serve(stack, protocol, "gateway", &more);
        assert!(orders.runs());
        Self {
            gateway,
            orders,
            fulfilment,
            url: format!("http://{gateway_at}/checkout"),
            pages: stack.scrape(pages),
        }
    }

    /// The name under which orders are fulfilled: a service of its own where there is a queue.
    #[must_use]
    pub fn fulfilled_by(&self) -> &'static str {
        if self.fulfilment.is_some() {
            "fulfilment"
        } else {
            "orders"
        }
    }

    /// Orders through the gateway. A quantity of 0 makes `orders` fail.
    ///
    /// # Errors
    ///
    /// When the gateway does not answer.
    pub fn order(&self, quantity: u32, headers: &[(&str, &str)]) -> io::Result<Response> {
        post(
            &self.url,
            headers,
            &format!("{{\"item\":\"book\",\"quantity\":{quantity}}}"),
        )
    }

    /// Whether these are the spans of an order through gateway and orders, with one root and no gap below it.
    #[must_use]
    pub fn is_whole(spans: &[TracedSpan]) -> bool {
        let has = |id: &str| spans.iter().any(|span| span.span_id == id);
        let (roots, others): (Vec<_>, Vec<_>) = spans
            .iter()
            .partition(|span| span.parent_span_id.is_empty());
        roots.len() == 1
            && others.iter().all(|span| has(&span.parent_span_id))
            && ["gateway", "orders"]
                .iter()
                .all(|name| spans.iter().any(|span| span.service == *name))
    }

    /// Ends all of them by SIGTERM, so that they flush, and gives what `gateway` wrote to stdout and stderr.
    ///
    /// # Panics
    ///
    /// When one does not end with success.
    #[must_use]
    pub fn end(self) -> String {
        let gateway_log = self.gateway.log_path();
        let mut services = vec![("gateway", self.gateway), ("orders", self.orders)];
        let (server, worker) = self.fulfilment.unzip();
        services.extend(worker.map(|worker| ("fulfilment", worker)));
        for (name, process) in services {
            let status = process.terminate();
            assert!(status.success(), "{name} ended with {status}");
        }
        drop(server);
        std::fs::read_to_string(gateway_log).unwrap_or_default()
    }
}

/// A NATS server on a free port, with its URL.
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
fn nats(stack: &Stack) -> Option<(Process, String)> {
    let Some(program) = nats_server() else {
        let set = |name: &str| std::env::var(name).unwrap_or_default();
        let is_needed = set("TRISIGNAL_E2E") == "required" && !set("CI").is_empty();
        assert!(!is_needed, "there is no nats-server on the PATH");
        say_not_run("the queue", "there is no nats-server on the PATH");
        return None;
    };
    let address = format!("127.0.0.1:{}", free_port());
    let (host, port) = address.split_once(':').expect("written so above");
    let mut command = Command::new(program);
    command.args(["--addr", host, "--port", port]);
    let log = stack.dir().join("nats.log");
    let mut process = Process::spawn("nats", &mut command, &log).expect("nats-server can be run");
    until("nats-server listens", || {
        assert!(process.runs(), "nats-server ended:\n{}", process.log());
        TcpStream::connect(&address).ok()
    });
    Some((process, format!("nats://{address}")))
}

/// Starts one service on a free port and gives the address that it says it listens on.
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
fn serve(
    stack: &Stack,
    protocol: Protocol,
    role: &str,
    more: &[&str],
    page: Option<u16>,
) -> (Process, String) {
    let (name, endpoint) = match protocol {
        Protocol::Grpc => ("grpc", stack.grpc_endpoint()),
        Protocol::Http => ("http/protobuf", stack.http_endpoint()),
    };
    let log = stack.dir().join(format!("{role}.log"));
    let mut command = Command::new(program());
    remove_settings(&mut command);
    command
        .args(["serve", role])
        .args(more)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        // Several collections in the life of a test.
        .env("OTEL_METRIC_EXPORT_INTERVAL", "2000");
    if let Some(port) = page {
        command
            .env("OTEL_METRICS_EXPORTER", "prometheus")
            .env("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string());
    }
    let mut process = Process::spawn(role, &mut command, &log).expect("the demo can be run");
    let address = until(&format!("{role} listens"), || {
        assert!(process.runs(), "{role} ended at once:\n{}", process.log());
        let log = process.log();
        let (_, after) = log.split_once("listening on ")?;
        // The whole line has to be there, or the port could be half of one.
        let (line, _) = after.split_once('\n')?;
        line.split_whitespace().next().map(str::to_owned)
    });
    (process, address)
}

/// What the machine's user has set for services is not for these.
fn remove_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| name.starts_with("OTEL_") || name == "RUST_LOG";
        if name.to_str().is_some_and(is_setting) {
            command.env_remove(name);
        }
    }
}

/// The demo's program, built once for all tests of this run, the way `cargo run -p checkout` builds it.
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        // The variables of this test's package would have build scripts that read them run again.
        for (name, _) in std::env::vars_os() {
            let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if name
                .to_str()
                .is_some_and(|name| of_package.iter().any(|start| name.starts_with(start)))
            {
                command.env_remove(name);
            }
        }
        let output = command
            .args([
                "build",
                "--package=checkout",
                "--message-format=json-render-diagnostics",
            ])
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "the demo does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == "checkout")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program that it built")
    })
}
