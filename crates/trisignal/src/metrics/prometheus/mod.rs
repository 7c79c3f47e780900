//! Metrics for Prometheus to scrape: collected when they are asked for, and written as text by the rules of
//! OpenTelemetry's specification ("Prometheus and OpenMetrics compatibility").
//!
//! [`scrape`] collects, [`family`] puts metrics of one name together, [`write`] writes them with the names of [`names`]
//! and the labels of [`labels`], in the format that [`accept`] has found. [`service`] and [`listener`] show the page.

mod accept;
mod buckets;
mod family;
mod labels;
mod listener;
mod names;
mod scrape;
mod service;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use listener::{Bound, Listener};
pub(crate) use scrape::{PullReader, Scraper};
pub use service::{MetricsBody, MetricsFuture, MetricsService};
