//! What became of the items of a signal: the public side of the ledger.

use std::fmt;

/// Why items did not reach the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue between the producers and the encoder was full; the oldest items made room.
    QueueFull,
    /// The outbox was full; the oldest batch made room.
    OutboxFull,
    /// The items waited longer than the age limit for a backend to take them.
    Expired,
    /// The backend refused the items for good (HTTP 400, gRPC `INVALID_ARGUMENT`, ...).
    Rejected,
    /// The backend took the request and refused some of its items (OTLP partial success).
    Partial,
    /// A single item was larger than a request may be.
    TooLarge,
    /// Code that handles the item panicked.
    Panic,
    /// The item could not be encoded.
    Encode,
    /// The pipeline had been shut down, or was shut down before the item could be delivered.
    Shutdown,
}

impl DropReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::QueueFull,
        Self::OutboxFull,
        Self::Expired,
        Self::Rejected,
        Self::Partial,
        Self::TooLarge,
        Self::Panic,
        Self::Encode,
        Self::Shutdown,
    ];

    /// The reason as one word of `[a-z_]`, as in reports and metric attributes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::OutboxFull => "outbox_full",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Partial => "partial",
            Self::TooLarge => "too_large",
            Self::Panic => "panic",
            Self::Encode => "encode",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many items were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// The items dropped for `reason`.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// The items dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, reason: DropReason, items: u64) {
        self.0[reason as usize] += items;
    }

    /// What is here and not in `other`, which is a part of it.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut rest = *self;
        for (count, part) in rest.0.iter_mut().zip(other.0) {
            *count = count.saturating_sub(part);
        }
        rest
    }

    /// All of both.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut sum = *self;
        for (count, more) in sum.0.iter_mut().zip(other.0) {
            *count += more;
        }
        sum
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .into_iter()
            .map(|reason| (reason, self.get(reason)))
            .filter(|(_, count)| *count > 0)
    }
}

/// The account of one signal. Counts are items: spans, log records, metric data points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalAccount {
    /// Items handed to the pipeline since it was built.
    pub produced: u64,
    /// Items that the backend acknowledged.
    pub delivered: u64,
    /// Items that the pipeline still has.
    pub held: u64,
    /// Items that are lost, by reason.
    pub dropped: Dropped,
}

impl SignalAccount {
    /// Whether every produced item was delivered: nothing held, nothing dropped.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.held == 0 && self.dropped.total() == 0
    }

    /// Whether `produced = delivered + held + dropped`. It always does; tests say so.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.produced == self.delivered + self.held + self.dropped.total()
    }

    pub(super) fn drop_held(&mut self, reason: DropReason, items: u64) {
        let items = items.min(self.held);
        self.held -= items;
        self.dropped.add(reason, items);
    }
}

impl fmt::Display for SignalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            produced,
            delivered,
            held,
            dropped,
        } = self;
        write!(
            f,
            "{produced} produced, {delivered} delivered, {held} held, {} dropped",
            dropped.total()
        )?;
        for (index, (reason, count)) in dropped.iter().enumerate() {
            let open = if index == 0 { " (" } else { ", " };
            write!(f, "{open}{reason} {count}")?;
        }
        if dropped.total() > 0 {
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_index_their_own_count() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
