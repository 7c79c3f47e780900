//! The demo's two services as processes of their own, as a user would run them.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::files::root;
use crate::http::{Response, post};
use crate::jaeger::TracedSpan;
use crate::process::Process;
use crate::stack::Stack;
use crate::wait::until;

/// How the services send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`
    Grpc,
    /// `OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`
    Http,
}

/// `gateway` and `orders`, sending to a stack.
#[derive(Debug)]
pub struct Checkout {
    gateway: Process,
    orders: Process,
    url: String,
}

impl Checkout {
    /// Builds the demo if need be, starts both services and waits until they listen.
    ///
    /// # Panics
    ///
    /// When the demo does not build or a service does not start.
    #[must_use]
    pub fn start(stack: &Stack, protocol: Protocol) -> Self {
        let (mut orders, orders_at) = serve(stack, protocol, "orders", &[]);
        let peer = format!("http://{orders_at}");
        let (gateway, gateway_at) = serve(stack, protocol, "gateway", &["--orders", &peer]);
        assert!(orders.runs());
        Self {
            gateway,
            orders,
            url: format!("http://{gateway_at}/checkout"),
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

    /// Whether these are the spans of an order through both services, with one root and no gap below it.
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

    /// Ends both by SIGTERM, so that they flush, and gives what they wrote to stdout and stderr.
    ///
    /// # Panics
    ///
    /// When one does not end with success.
    #[must_use]
    pub fn end(self) -> (String, String) {
        let (gateway_log, orders_log) = (self.gateway.log_path(), self.orders.log_path());
        for (name, process) in [("gateway", self.gateway), ("orders", self.orders)] {
            let status = process.terminate();
            assert!(status.success(), "{name} ended with {status}");
        }
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        (read(gateway_log), read(orders_log))
    }
}

/// Starts one service on a free port and gives the address that it says it listens on.
#[allow(clippy::expect_used, reason = "a test harness fails by panic")]
fn serve(stack: &Stack, protocol: Protocol, role: &str, more: &[&str]) -> (Process, String) {
    let (name, endpoint) = match protocol {
        Protocol::Grpc => ("grpc", stack.grpc_endpoint()),
        Protocol::Http => ("http/protobuf", stack.http_endpoint()),
    };
    let log = stack.dir().join(format!("{role}.log"));
    let mut command = Command::new(program());
    command
        .args(["serve", role, "--listen", "127.0.0.1:0"])
        .args(more)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
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
