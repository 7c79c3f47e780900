//! The metrics that nobody has to ask for: of the process, of its runtime, and of the pipeline itself.

use std::fmt;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider};

use super::{process, runtime, selfmetrics};
use crate::config::Config;
use crate::pipeline::Shared;

/// A group of metrics that telemetry makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnMetrics {
    /// `process.*`: CPU, memory, threads, descriptors, uptime, by the semantic conventions. What the operating system
    /// does not tell is left out; on Windows that is all of it.
    Process,
    /// `tokio.runtime.*`: the runtime in which telemetry was set up, and those given to
    /// [`Telemetry::observe_runtime`](crate::Telemetry::observe_runtime).
    Runtime,
    /// `otel.sdk.*`: the pipeline itself, by the ledger that [`Report`](crate::Report) and [`Health`](crate::Health) are
    /// from.
    Pipeline,
}

impl OwnMetrics {
    /// All groups, which is the default.
    pub const ALL: [Self; 3] = [Self::Process, Self::Runtime, Self::Pipeline];

    /// The group as `OTEL_RUST_OWN_METRICS` names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Runtime => "runtime",
            Self::Pipeline => "pipeline",
        }
    }
}

impl fmt::Display for OwnMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Registers the instruments of the groups that are wanted. The runtime is the one that this thread is in, if it is in
/// one.
pub(crate) fn register(config: &Config, provider: &impl MeterProvider, shared: &Arc<Shared>) {
    let meter = meter(provider);
    let wanted = |group| config.own_metrics.contains(&group);
    // It times collections, so it comes first.
    if wanted(OwnMetrics::Pipeline) {
        selfmetrics::register(&meter, config, shared);
    }
    if wanted(OwnMetrics::Process) {
        process::register(&meter);
    }
    if wanted(OwnMetrics::Runtime)
        && let Ok(handle) = tokio::runtime::Handle::try_current()
    {
        runtime::register(&meter, "main", &handle);
    }
}

/// The meter of what telemetry measures by itself.
pub(crate) fn meter(provider: &impl MeterProvider) -> Meter {
    let scope = InstrumentationScope::builder("trisignal").with_version(env!("CARGO_PKG_VERSION"));
    provider.meter_with_scope(scope.build())
}
