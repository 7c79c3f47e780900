//! Measurements of histograms.
//!
//! The SDK takes no buckets that somebody else has counted. So a thread keeps the measurements themselves, in a ring for each
//! series, and they are told to the SDK's instrument, bound to the attributes of the ring: when the ring is full, when metrics are
//! collected, and when the instrument is gone. What a thread leaves behind is collected with the rest. So every view, every kind
//! of buckets and every limit is the SDK's own, and so is the result.
//!
//! The first measurement of each series after a collection goes the long way: there a series begins, or overflows.
//! Which of those in sampled spans become exemplars is chosen here, where the span is known.

mod chooser;
mod keeper;
mod ring;

pub(in crate::metrics) use keeper::Keeper;
pub(super) use keeper::begin_collection;

#[cfg(test)]
mod tests;
