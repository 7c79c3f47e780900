//! The demo of Trisignal: two services, one trace.
//!
//! Run with `cargo run -p checkout`, or `cargo run -p checkout -- --once` to have it end by itself. It starts `gateway`
//! and `orders`, each a process with telemetry of its own, sends a few orders, of which one fails, and shows
//! what an OTLP receiver in this process got of it: the traces across both services, their logs, their metrics.
//!
//! With `OTEL_EXPORTER_OTLP_ENDPOINT` set it sends there instead, and prints links into Jaeger.

mod args;
mod demo;
mod gateway;
mod orders;
mod server;
mod story;

use std::process::ExitCode;

use crate::args::Command;

/// What goes wrong in a demo is shown, not handled.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Demo { once }) => demo::run(once).await,
        Ok(Command::Gateway { serve, orders }) => gateway::run(serve, orders).await,
        Ok(Command::Orders { serve }) => orders::run(serve).await,
        Err(problem) => {
            eprintln!("{problem}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("checkout: {error}");
            ExitCode::FAILURE
        }
    }
}
