//! The services of the demo, as processes of this program.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Result;

/// Where a NATS server is looked for.
const NATS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4222);
/// How long it may take to answer.
const NATS_PATIENCE: Duration = Duration::from_millis(500);

/// An order that was sent, and what to look for in telemetry.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The ID that the gateway answered.
    pub(crate) correlation_id: String,
    /// The HTTP status of the answer.
    pub(crate) status: u16,
}

impl Sent {
    /// Whether the order was taken, and so goes on to fulfilment.
    pub(crate) fn is_placed(&self) -> bool {
        self.status == 200
    }
}

/// The services that run.
pub(crate) struct Services {
    children: Vec<Child>,
    url: String,
    /// The name under which orders are fulfilled.
    pub(crate) fulfilled_by: &'static str,
}

impl Services {
    /// Starts them, with these variables besides those of this process.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Result<Self> {
        let mut children = Vec::new();
        let mut orders = vec!["orders", "--listen", "127.0.0.1:0"];
        let nats = format!("nats://{NATS}");
        let has_nats = matches!(
            tokio::time::timeout(NATS_PATIENCE, TcpStream::connect(NATS)).await,
            Ok(Ok(_))
        );
        let fulfilled_by = if has_nats {
            println!("Orders go to fulfilment by way of {nats}.");
            children.push(start(&["fulfilment", "--queue", &nats], variables).await?.0);
            orders.extend(["--queue", &nats]);
            "fulfilment"
        } else {
            println!(
                "No NATS server at {NATS}: orders are fulfilled in a channel inside of the service orders."
            );
            "orders"
        };
        let (child, address) = start(&orders, variables).await?;
        children.push(child);
        let orders = format!("http://{address}");
        let gateway = ["gateway", "--listen", "127.0.0.1:0", "--orders", &orders];
        let (child, address) = start(&gateway, variables).await?;
        children.push(child);
        Ok(Self {
            children,
            url: format!("http://{address}/checkout"),
            fulfilled_by,
        })
    }

    /// Sends two orders that are taken and one that fails; one of them with an ID of the customer's.
    pub(crate) async fn send_orders(&self) -> Result<Vec<Sent>> {
        let client = reqwest::Client::new();
        let mut sent = Vec::new();
        for (quantity, correlation_id) in [(2, None), (1, Some("customer-4711")), (0, None)] {
            let order = json!({ "item": "book", "quantity": quantity });
            let mut request = client.post(&self.url).json(&order);
            if let Some(id) = correlation_id {
                request = request.header("x-correlation-id", id);
            }
            let answer = request.send().await?;
            let id = answer
                .headers()
                .get("x-correlation-id")
                .and_then(|id| id.to_str().ok());
            let correlation_id = id.unwrap_or_default().to_owned();
            sent.push(Sent {
                correlation_id,
                status: answer.status().as_u16(),
            });
        }
        Ok(sent)
    }

    /// Ends the services in an orderly way, the callers before those they call. Answers whether they lost no
    /// telemetry.
    pub(crate) async fn stop(mut self) -> Result<bool> {
        let mut whole = true;
        while let Some(mut child) = self.children.pop() {
            // Its standard input closes, which is its sign to end.
            drop(child.stdin.take());
            whole &= child.wait().await?.success();
        }
        Ok(whole)
    }
}

/// Starts this program as a service, and answers where it listens.
async fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(arguments)
        .arg("--with-parent")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stderr = child
        .stderr
        .take()
        .ok_or("the service has no standard error")?;
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
