//! Metrics: instruments that live in a `static`, and the walls around what is recorded and exported.
//!
//! And what shows them: exemplars, views, the page for Prometheus. What is not here: aggregation and collection, which
//! are `opentelemetry_sdk`'s; threads only keep what they measure for a while ([`cells`]).

pub(crate) mod cardinality;
mod cells;
pub(crate) mod count;
pub(crate) mod exemplar;
pub(crate) mod guard;
mod health;
mod instruments;
pub(crate) mod keys;
pub(crate) mod own;
mod pending;
mod process;
pub(crate) mod prometheus;
pub(crate) mod provider;
mod registry;
pub(crate) mod runtime;
pub(crate) mod selfmetrics;
pub(crate) mod views;

pub use exemplar::ExemplarFilter;
pub use health::HealthService;
pub use instruments::{
    BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter,
};
pub use own::OwnMetrics;
pub use prometheus::{MetricsBody, MetricsFuture, MetricsService};
pub(crate) use registry::{DRAIN, install_meter};
pub use views::View;
