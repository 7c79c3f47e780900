//! Starts the services, sends orders, shows what came of them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use trisignal_receiver::Receiver;

use crate::{Result, story};

/// The time between two rounds of orders.
const PAUSE: Duration = Duration::from_secs(5);
/// The variable that says where telemetry goes, instead of into this process.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where the Jaeger of `docker compose` and of `cargo xtask stack` shows traces.
const JAEGER: &str = "http://localhost:16686/trace";

/// An order that was sent, and what to look for in telemetry.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The ID that the gateway answered.
    pub correlation_id: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// Runs the demo. Answers whether all telemetry arrived as it should.
pub(crate) async fn run(once: bool) -> Result<bool> {
    match std::env::var(ENDPOINT) {
        Ok(endpoint) if !endpoint.is_empty() => to_a_backend(&endpoint, once).await,
        _ => to_this_process(once).await,
    }
}

/// With a receiver in this process, whose content is shown.
async fn to_this_process(once: bool) -> Result<bool> {
    let receiver = Receiver::start().await?;
    println!("An OTLP receiver listens in this process, at {}.", receiver.http_endpoint());
    let endpoint = receiver.http_endpoint();
    let services = Services::start(&[
        (ENDPOINT, &endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        // Shown soon, and only once: what the services would print is shown from what arrives.
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "200"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("OTEL_RUST_CONSOLE", "off"),
    ])
    .await?;
    let sent = services.send_orders().await?;
    let whole = story::arrives(&receiver, &sent).await;
    story::show(&receiver, &sent);
    if !once {
        services.until_interrupted().await?;
    }
    Ok(services.stop().await? && whole)
}

/// With a backend elsewhere, in which to look.
async fn to_a_backend(endpoint: &str, once: bool) -> Result<bool> {
    println!("Telemetry goes to {endpoint}.");
    let services = Services::start(&[]).await?;
    let sent = services.send_orders().await?;
    for order in &sent {
        let Sent { correlation_id, status } = order;
        println!("HTTP status {status}, correlation ID {correlation_id}");
        // Where nobody gave the request an ID, it has that of its trace.
        if correlation_id.len() == 32 {
            println!("  {JAEGER}/{correlation_id}");
        }
    }
    if !once {
        services.until_interrupted().await?;
    }
    services.stop().await
}

/// The two services, as processes.
struct Services {
    gateway: Child,
    orders: Child,
    url: String,
}

impl Services {
    async fn start(variables: &[(&str, &str)]) -> Result<Self> {
        let (orders, orders_address) = start(&["orders"], variables).await?;
        let orders_url = format!("http://{orders_address}");
        let (gateway, address) = start(&["gateway", "--orders", &orders_url], variables).await?;
        Ok(Self { gateway, orders, url: format!("http://{address}/checkout") })
    }

    /// Two orders that are taken and one that fails; one of them with an ID of the customer's.
    async fn send_orders(&self) -> Result<Vec<Sent>> {
        let client = reqwest::Client::new();
        let mut sent = Vec::new();
        for (quantity, correlation_id) in [(2, None), (1, Some("customer-4711")), (0, None)] {
            let order = json!({ "item": "book", "quantity": quantity });
            let mut request = client.post(&self.url).json(&order);
            if let Some(id) = correlation_id {
                request = request.header("x-correlation-id", id);
            }
            let answer = request.send().await?;
            let id = answer.headers().get("x-correlation-id").and_then(|id| id.to_str().ok());
            let correlation_id = id.unwrap_or_default().to_owned();
            sent.push(Sent { correlation_id, status: answer.status().as_u16() });
        }
        Ok(sent)
    }

    /// Goes on with orders until Ctrl-C.
    async fn until_interrupted(&self) -> Result<()> {
        println!("\nMore orders follow every {PAUSE:?}. End with Ctrl-C.");
        loop {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
                () = tokio::time::sleep(PAUSE) => drop(self.send_orders().await?),
            }
        }
    }

    /// Ends the services in an orderly way. Answers whether they lost no telemetry.
    async fn stop(mut self) -> Result<bool> {
        // Their standard input closes, which is their sign to end.
        drop((self.gateway.stdin.take(), self.orders.stdin.take()));
        let gateway = self.gateway.wait().await?;
        let orders = self.orders.wait().await?;
        Ok(gateway.success() && orders.success())
    }
}

/// Starts this program as a service on a free port, and answers its address.
async fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(arguments)
        .args(["--listen", "127.0.0.1:0", "--with-parent"])
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stderr = child.stderr.take().ok_or("the service has no standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix("listening on ") {
            let address = address.to_owned();
            // What else it has to say goes where ours goes.
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    eprintln!("{line}");
                }
            });
            return Ok((child, address));
        }
        eprintln!("{line}");
    }
    Err("the service ended before it listened".into())
}
