//! Encoded items: what the outbox keeps and the sender sends.

use std::time::Instant;

use super::pieces::Pieces;
use super::signal::Signal;

/// The largest request that the pipeline makes, before compression: 1 MiB.
pub(crate) const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// About how many bytes of items are encoded together: with room for the resource and the frame of the request, and
/// estimates of items are rough as well.
pub(crate) const BATCH_BYTES: usize = MAX_REQUEST_BYTES * 3 / 4;

/// How many bytes of items that are encoded already, with their scopes, are sent together: with room for the resource.
pub(crate) const ENCODED_BYTES: usize = MAX_REQUEST_BYTES - 64 * 1024;

/// An encoded OTLP export request and the number of items in it.
///
/// A request message of OTLP has one field, the repeated list of resources, so the concatenation of two
/// encoded requests is the request with both lists: batches are joined without decoding them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) signal: Signal,
    pub(crate) body: Pieces,
    pub(crate) items: u64,
    /// When the batch was encoded, for the age limit.
    pub(crate) created: Instant,
}

impl Batch {
    pub(crate) fn new(signal: Signal, body: impl Into<Pieces>, items: u64) -> Self {
        Self {
            signal,
            body: body.into(),
            items,
            created: Instant::now(),
        }
    }

    /// One request with the items of all `batches`, as old as the oldest of them; `None` when there are none.
    pub(crate) fn concat(batches: &[Self]) -> Option<Self> {
        let (first, rest) = batches.split_first()?;
        if rest.is_empty() {
            return Some(first.clone());
        }
        let pieces = batches.iter().flat_map(|batch| batch.body.iter());
        Some(Self {
            signal: first.signal,
            body: pieces.cloned().collect(),
            items: batches.iter().map(|batch| batch.items).sum(),
            created: batches
                .iter()
                .map(|batch| batch.created)
                .min()
                .unwrap_or(first.created),
        })
    }
}
