//! Metrics: instruments that live in a `static`, and the walls around what is recorded and exported.
//!
//! What is not here: aggregation, views and collection, which are `opentelemetry_sdk`'s.

mod cells;
pub(crate) mod count;
pub(crate) mod guard;
mod instruments;
mod pending;
mod registry;

pub use instruments::{BoundCounter, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter};
pub(crate) use registry::install_meter;
