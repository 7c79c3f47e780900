//! The metrics that nobody has to ask for: of the process, of its runtime, and of the pipeline itself.

use std::fmt;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider};

use super::{process, runtime};

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
}

impl OwnMetrics {
    /// All groups, which is the default.
    pub const ALL: [Self; 2] = [Self::Process, Self::Runtime];

    /// The group as `OTEL_RUST_OWN_METRICS` names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Runtime => "runtime",
        }
    }
}

impl fmt::Display for OwnMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Registers the instruments of `groups`. The runtime is the one that this thread is in, if it is in one.
pub(crate) fn register(groups: &[OwnMetrics], provider: &impl MeterProvider) {
    let meter = meter(provider);
    for group in groups {
        match group {
            OwnMetrics::Process => process::register(&meter),
            OwnMetrics::Runtime => {
                if let Ok(handle) = tokio::runtime::Handle::try_current() {
                    runtime::register(&meter, "main", &handle);
                }
            }
        }
    }
}

/// The meter of what telemetry measures by itself.
pub(crate) fn meter(provider: &impl MeterProvider) -> Meter {
    let scope = InstrumentationScope::builder("trisignal").with_version(env!("CARGO_PKG_VERSION"));
    provider.meter_with_scope(scope.build())
}
