//! Starts the services, sends orders, shows what came of them.

use std::time::Duration;

use trisignal_receiver::Receiver;

use crate::services::{Sent, Services};
use crate::{Result, story};

/// The time between two rounds of orders.
const PAUSE: Duration = Duration::from_secs(5);
/// The variable that says where telemetry goes, instead of into this process.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where the Jaeger of `docker compose` and of `cargo xtask stack` shows traces.
const JAEGER: &str = "http://localhost:16686/trace";

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
    println!(
        "An OTLP receiver listens in this process, at {}.",
        receiver.http_endpoint()
    );
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
    let whole = story::arrives(&receiver, &sent, services.fulfilled_by).await;
    if once {
        // What they still hold comes when they end.
        let ended = services.stop().await?;
        story::show(&receiver, &sent);
        return Ok(ended && whole);
    }
    story::show(&receiver, &sent);
    until_interrupted(&services).await?;
    Ok(services.stop().await? && whole)
}

/// With a backend elsewhere, in which to look.
async fn to_a_backend(endpoint: &str, once: bool) -> Result<bool> {
    println!("Telemetry goes to {endpoint}.");
    let services = Services::start(&[]).await?;
    let sent = services.send_orders().await?;
    for Sent {
        correlation_id,
        status,
    } in &sent
    {
        println!("HTTP status {status}, correlation ID {correlation_id}");
        // Where nobody gave the request an ID, it has that of its trace.
        if correlation_id.len() == 32 {
            println!("  {JAEGER}/{correlation_id}");
        }
    }
    if !once {
        until_interrupted(&services).await?;
    }
    services.stop().await
}

/// Goes on with orders until Ctrl-C.
async fn until_interrupted(services: &Services) -> Result<()> {
    println!("\nMore orders follow every {PAUSE:?}. End with Ctrl-C.");
    loop {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            () = tokio::time::sleep(PAUSE) => drop(services.send_orders().await?),
        }
    }
}
