//! Metrics: instruments that live in a `static`, and the walls around what is recorded and exported.
//!
//! What is not here: aggregation, views and collection, which are `opentelemetry_sdk`'s.

mod cells;
pub(crate) mod count;
pub(crate) mod guard;
mod instruments;
pub(crate) mod own;
mod pending;
mod process;
mod registry;
pub(crate) mod runtime;

pub use instruments::{BoundCounter, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter};
pub use own::OwnMetrics;
pub(crate) use registry::install_meter;
