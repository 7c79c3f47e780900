//! Exemplars: measurements that lead from a metric to the trace in which they were made.
//!
//! The SDK has a place for them and leaves it empty. So they are taken where instruments are used, into a reservoir of
//! fixed size for each series, and put into the exports by name and attributes of the series.
//!
//! - [`filter`] says which measurements are offered at all: by default those inside of a sampled span.
//! - [`reservoir`] keeps few of many, each with the same chance: one for each bucket of a histogram, else one.
//! - [`store`] has the reservoirs by instrument and attributes, as views leave them.
//! - [`capture`] is around the instruments; [`otlp`] and the page for Prometheus show what was kept.

pub(crate) mod capture;
pub(crate) mod filter;
pub(crate) mod otlp;
mod reservoir;
mod store;
#[cfg(test)]
mod tests;

pub use filter::ExemplarFilter;
pub(crate) use reservoir::{Exemplar, Number};
pub(crate) use store::{Shape, Store, Stream};
