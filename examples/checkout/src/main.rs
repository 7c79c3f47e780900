//! The demo of Trisignal: three services, one story.
//!
//! Run with `cargo run -p checkout`, or `cargo run -p checkout -- --once` to have it end by itself. A customer's order
//! goes by HTTP to `gateway` (axum), by gRPC to `orders` (tonic, SQLite), and by a queue to `fulfilment`: over NATS
//! where a server answers, as a process of its own; otherwise in a channel inside of `orders`, which it says. A few orders are sent, of
//! which one fails, and what an OTLP receiver in this process got of it is shown: traces across the services,
//! their logs, their metrics, all with one correlation ID.
//!
//! With `OTEL_EXPORTER_OTLP_ENDPOINT` set it sends there instead, and prints links into Jaeger. With
//! `OTEL_CONFIG_FILE=examples/checkout/trisignal.yaml` one file configures all of its services.

mod args;
mod database;
mod demo;
mod fulfilment;
mod gateway;
mod orders;
mod proto;
mod queue;
mod server;
mod services;
mod story;

use std::process::ExitCode;

use crate::args::Command;

/// What goes wrong in a demo is shown, not handled.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", args::USAGE);
            Ok(true)
        }
        Ok(Command::Demo { once }) => demo::run(once).await,
        Ok(Command::Gateway { serve, orders }) => gateway::run(serve, orders).await,
        Ok(Command::Orders { serve, queue }) => orders::run(serve, queue).await,
        Ok(Command::Fulfilment { queue, with_parent }) => {
            fulfilment::run(&queue, with_parent).await
        }
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
