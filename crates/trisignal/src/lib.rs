//! Logs, metrics and traces under one OTLP pipeline with propagated correlation IDs, in one call.

mod bridge;
mod builder;
mod config;
mod console;
mod diagnostics;
mod error;
mod filter;
mod guard;
mod install;
mod metrics;
mod pipeline;
mod report;
mod resource;
mod shutdown_signal;
mod telemetry;
mod transport;

use std::borrow::Cow;

pub use self::builder::{Builder, Limits};
pub use self::config::{ByteSize, Compression, Environment, ProcessEnvironment, Protocol, Warning};
pub use self::console::ConsoleFormat;
pub use self::error::{Error, ErrorKind};
pub use self::metrics::{Counter, Gauge, Histogram, UpDownCounter};
pub use self::pipeline::ledger::{DropReason, Dropped, SignalAccount};
pub use self::pipeline::signal::Signal;
pub use self::report::{FlushReport, Health, Report, ShutdownReport};
pub use self::telemetry::Telemetry;

/// The OpenTelemetry types that are part of this API.
pub mod otel {
    pub use opentelemetry::{Context, KeyValue, Value};
    pub use opentelemetry::metrics::Meter;
}

/// Sets up all telemetry of the process.
pub fn init(service_name: impl Into<Cow<'static, str>>) -> Result<Telemetry, Error> {
    builder(service_name).install()
}

/// Sets up telemetry with what only code can say.
pub fn builder(service_name: impl Into<Cow<'static, str>>) -> Builder {
    Builder::new(service_name.into())
}
