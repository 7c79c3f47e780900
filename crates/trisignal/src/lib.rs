//! Logs, metrics and traces under one OTLP pipeline with propagated correlation IDs, in one call.
//!
//! A service adds this crate and a few lines. Everything else is plain `tracing`: `#[instrument]`, `info!`.
//!
//! ```no_run
//! # #[cfg(all(feature = "axum", feature = "reqwest"))]
//! # mod example {
//! use std::time::Duration;
//! use axum::{Router, routing::post};
//!
//! static PLACED: trisignal::Counter = trisignal::Counter::new("orders.placed", "{order}");
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = trisignal::init("checkout")?;
//!     let client = trisignal::http::client(reqwest::Client::new());
//!     let pay = move || async move {
//!         PLACED.add(1);
//!         client.post("http://orders/").send().await.map(|_| ()).map_err(|error| error.to_string())
//!     };
//!     let app = Router::new().route("/pay", post(pay)).layer(trisignal::http::ServerLayer::axum());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).with_graceful_shutdown(telemetry.signal()).await?;
//!     println!("{}", telemetry.shutdown(Duration::from_secs(5)).await);
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # What it does
//!
//! - Spans, events (also those of the `log` crate) and metrics go to an OTLP backend, by default to
//!   `http://localhost:4318`; the standard `OTEL_*` variables say otherwise. Events go to standard output as well: as
//!   text on a terminal, as JSON lines elsewhere.
//! - Every request has one trace and one [correlation ID](correlation), across services, on every span and log record.
//! - Nothing is lost silently. A backend that is away is waited for; what has to be dropped is counted by reason. A
//!   flush and a shutdown answer with a [`Report`], [`Telemetry::health`] says how things stand.
//! - The service never suffers: nothing blocks a request, memory is bounded, a panic in a callback is contained, and the
//!   pipeline runs on threads of its own.
//!
//! # Filters
//!
//! Three filters know nothing of each other, all with the directives of `RUST_LOG`:
//!
//! | filter | variable | default |
//! |---|---|---|
//! | events on the console | `RUST_LOG` | `info` |
//! | exported events | `OTEL_RUST_LOGS_FILTER` | `info` |
//! | exported spans | `OTEL_RUST_TRACES_FILTER` | `info` |
//!
//! # Features
//!
//! Features add API, they never change behaviour. None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | `http::ServerLayer::axum`, which names spans by axum's routes |
//! | `reqwest` | `http::client`, a client that feels like `reqwest`'s own |
//! | `nats`, `lapin` | [`messaging`] with the headers of these clients |
//! | `rotation` | `Builder::console_file`: console lines in files that are begun anew |
//! | `tracing-opentelemetry` | `Builder::tracing_opentelemetry`: spans by that crate, for code that uses its extension trait |

#[cfg(all(doctest, feature = "axum", feature = "reqwest"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

mod bridge;
mod builder;
mod clock;
mod config;
mod console;
mod control;
#[cfg(test)]
mod cpu_time;
mod diagnostics;
mod error;
mod filter;
mod guard;
mod install;
mod life;
mod limits;
mod metrics;
mod otlp;
mod otlp_json;
mod patterns;
mod pipeline;
mod providers;
mod redact;
mod report;
mod resource;
mod sampling;
mod scopes;
mod shutdown_signal;
mod telemetry;
mod transport;

use std::borrow::Cow;

pub use trisignal_instrumentation::{context, correlation, grpc, http, messaging, propagation};

pub use self::bridge::SpanExt;
pub use self::bridge::suppress::Suppression;
pub use self::builder::{Builder, Limits};
pub use self::config::{
    Batch, ByteSize, Compression, Configuration, Entity, Environment, Exporter, FileProblem,
    HistogramAggregation, ItemLimits, Otlp, ProcessEnvironment, Protocol, Temporality, Warning,
};
pub use self::console::ConsoleFormat;
#[cfg(feature = "rotation")]
pub use self::console::Rotation;
pub use self::control::Control;
pub use self::error::{Error, ErrorKind};
pub use self::metrics::{
    BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, ExemplarFilter, Gauge, Histogram,
    MetricsBody, MetricsFuture, MetricsService, UpDownCounter, View,
};
pub use self::metrics::{HealthService, OwnMetrics};
pub use self::pipeline::ledger::{DropReason, Dropped, SignalAccount};
pub use self::pipeline::signal::Signal;
pub use self::redact::Redaction;
pub use self::report::{DestinationAccount, FlushReport, Health, Report, ShutdownReport};
pub use self::sampling::{Sampling, SamplingRule};
pub use self::telemetry::Telemetry;

/// Entrances for the fuzzer, which `cargo fuzz` compiles in and nobody else.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::config::fuzzing::{file, variables};
}

/// The OpenTelemetry types that are part of this API, in the versions that it was built with.
///
/// They are 0.x types: what is here may change its version with a minor version of this crate, and only here.
pub mod otel {
    pub use opentelemetry::metrics::Meter;
    pub use opentelemetry::trace::SpanKind;
    pub use opentelemetry::{Context, KeyValue, Value};
    pub use opentelemetry_sdk::logs::LogProcessor;
    pub use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample, SpanProcessor};
}

/// Sets up logs, metrics and traces for the whole process.
///
/// `service_name` is a default that the operator may override by `OTEL_SERVICE_NAME`. Where telemetry goes is the
/// operator's as well. It works without a backend: the service starts, one line says that nothing answers, and
/// what is recorded meanwhile is kept within bounds.
///
/// # Errors
///
/// When a certificate, the configuration file or the port for Prometheus can't be used, when the system gives no thread, or
/// when telemetry, another `tracing` subscriber or another `log` logger is installed already. Nothing is installed then.
/// A variable with a bad value is not an error: it is a [`Warning`] and the default, unless it names a file.
pub fn init(service_name: impl Into<Cow<'static, str>>) -> Result<Telemetry, Error> {
    builder(service_name).install()
}

/// Sets up telemetry with what only code can say: layers, processors, a sampler, resource attributes.
///
/// ```
/// use std::collections::HashMap;
/// use std::time::Duration;
///
/// // For a test: nothing of the process is read or changed, and nothing is exported.
/// let variables = HashMap::from([("OTEL_SDK_DISABLED".to_owned(), "true".to_owned())]);
/// let telemetry = trisignal::builder("checkout").environment(variables).build()?;
/// assert!(telemetry.shutdown_blocking(Duration::from_secs(1)).complete);
/// # Ok::<(), trisignal::Error>(())
/// ```
pub fn builder(service_name: impl Into<Cow<'static, str>>) -> Builder {
    Builder::new(service_name.into())
}
