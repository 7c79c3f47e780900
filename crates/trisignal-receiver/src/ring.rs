//! A ring of records, bounded in items and in bytes.

use std::collections::VecDeque;

/// What a record costs beside its payload: the struct, its allocations, its place in the ring.
const OVERHEAD: usize = 512;

#[derive(Debug)]
pub(crate) struct Ring<T> {
    entries: VecDeque<Entry<T>>,
    max_items: usize,
    max_bytes: usize,
    items: usize,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Entry<T> {
    record: T,
    items: usize,
    bytes: usize,
}

impl<T: Clone> Ring<T> {
    pub(crate) fn new(max_items: usize, max_bytes: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            max_items,
            max_bytes,
            items: 0,
            bytes: 0,
            dropped: 0,
        }
    }

    /// Adds a record that counts as `items` items, and drops the oldest ones until the bounds hold again.
    ///
    /// A record larger than the whole ring is dropped itself.
    pub(crate) fn push(&mut self, record: T, items: usize, payload: usize) {
        let bytes = payload.saturating_add(OVERHEAD);
        self.items += items;
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push_back(Entry {
            record,
            items,
            bytes,
        });
        while self.items > self.max_items || self.bytes > self.max_bytes {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.items -= oldest.items;
            self.bytes -= oldest.bytes;
            self.dropped += oldest.items as u64;
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.entries
            .iter()
            .map(|entry| entry.record.clone())
            .collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max_items, self.max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_drop_the_oldest_and_count_items() {
        let cases = [
            // (max items, max bytes, pushes of (items, payload), kept, dropped)
            (
                3,
                usize::MAX,
                vec![(1, 0), (1, 0), (1, 0), (1, 0)],
                vec![1, 2, 3],
                1,
            ),
            (10, usize::MAX, vec![(4, 0), (4, 0), (4, 0)], vec![1, 2], 4),
            (
                10,
                2 * OVERHEAD + 100,
                vec![(1, 50), (1, 50), (1, 1)],
                vec![1, 2],
                1,
            ),
            (10, OVERHEAD + 10, vec![(1, 5), (1, 11)], vec![], 2),
            (0, usize::MAX, vec![(1, 0)], vec![], 1),
        ];
        for (max_items, max_bytes, pushes, kept, dropped) in cases {
            let mut ring = Ring::new(max_items, max_bytes);
            for (index, (items, payload)) in pushes.into_iter().enumerate() {
                ring.push(index, items, payload);
            }
            assert_eq!(ring.to_vec(), kept);
            assert_eq!(ring.dropped(), dropped);
        }
    }
}
