//! How much waits and how much is kept: limits of the pipeline, of batches and of items.

use std::time::Duration;

use super::Builder;
use crate::config::{Batch, ByteSize, ItemLimits};

/// Limits of the pipeline. What is `None` is as the environment says, or the default.
///
/// ```
/// use trisignal::{ByteSize, Limits};
///
/// let limits = Limits { outbox: Some(ByteSize::from_mib(8)), ..Limits::default() };
/// # let _ = trisignal::builder("checkout").limits(limits);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Items that wait to be encoded, for spans and for logs each; the oldest are dropped beyond it. Default 65,536.
    pub queue_items: Option<usize>,
    /// Bytes of these items, for spans and for logs each. Default 16 MiB.
    pub queue_bytes: Option<ByteSize>,
    /// Items in one batch. Default 512.
    pub batch_items: Option<usize>,
    /// How long an item waits for its batch to fill. Default 5 s for spans, 1 s for logs.
    pub schedule_delay: Option<Duration>,
    /// Encoded bytes of all signals that wait for the backend; the oldest batch is dropped beyond it. Default 32 MiB.
    pub outbox: Option<ByteSize>,
    /// How long an encoded batch is kept for a backend that does not take it. Default 1 hour.
    pub max_age: Option<Duration>,
    /// The ceiling of the first wait between two attempts; it doubles with each attempt, and the wait is drawn from
    /// zero to it. Default 500 ms.
    pub retry_initial: Option<Duration>,
    /// The highest ceiling. Default 30 s.
    pub retry_max: Option<Duration>,
}

impl Builder {
    /// Limits of the pipeline, for spans and logs alike.
    pub fn limits(mut self, limits: Limits) -> Self {
        let settings = &mut self.settings;
        settings.batch = Batch {
            schedule_delay: limits.schedule_delay,
            export_timeout: None,
            queue_items: limits.queue_items,
            queue_bytes: limits.queue_bytes,
            batch_items: limits.batch_items,
        };
        settings.outbox = limits.outbox;
        settings.max_age = limits.max_age;
        settings.retry_initial = limits.retry_initial;
        settings.retry_max = limits.retry_max;
        self
    }

    /// How spans are collected, where it is not as [`limits`](Self::limits) say; instead of `OTEL_BSP_SCHEDULE_DELAY` and its
    /// like.
    pub fn span_batch(mut self, batch: Batch) -> Self {
        self.settings.span_batch = batch;
        self
    }

    /// How log records are collected, where it is not as [`limits`](Self::limits) say; instead of
    /// `OTEL_BLRP_SCHEDULE_DELAY` and its like.
    pub fn log_batch(mut self, batch: Batch) -> Self {
        self.settings.log_batch = batch;
        self
    }

    /// How much of a span or a log record is kept, instead of `OTEL_ATTRIBUTE_COUNT_LIMIT` and its like.
    pub fn item_limits(mut self, limits: ItemLimits) -> Self {
        self.settings.item_limits = limits;
        self
    }
}
