//! What one instrument was told before telemetry was installed: bounded, aggregated where that loses nothing.

use opentelemetry::KeyValue;

/// Sets of attributes kept for one instrument. They are searched one by one, so the number is small.
pub(super) const SETS: usize = 256;

/// How measurements of one kind are kept.
pub(super) struct Kept<V: 'static> {
    /// Most entries.
    pub most: usize,
    /// Makes one entry of two with the same attributes; where it is absent each measurement is an entry.
    pub merge: Option<fn(V, V) -> V>,
    /// Entries beyond `most` are merged into one, as the SDK does beyond its own limit. Else they are lost.
    pub overflow_as_one: bool,
}

/// The measurements of one instrument.
pub(super) struct Pending<V> {
    entries: Vec<(Vec<KeyValue>, V)>,
    overflow: Option<V>,
    /// Measurements that found no place.
    pub lost: u64,
}

impl<V> Default for Pending<V> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            overflow: None,
            lost: 0,
        }
    }
}

impl<V: Copy> Pending<V> {
    pub(super) fn keep(&mut self, kept: &Kept<V>, value: V, attributes: &[KeyValue]) {
        let mut attributes = attributes.to_vec();
        // The order of attributes makes no difference to what they mean.
        attributes.sort_by(|one, other| one.key.cmp(&other.key));
        if let Some(merge) = kept.merge
            && let Some((_, entry)) = self.entries.iter_mut().find(|(of, _)| *of == attributes)
        {
            *entry = merge(*entry, value);
            return;
        }
        match kept.merge {
            _ if self.entries.len() < kept.most => self.entries.push((attributes, value)),
            Some(merge) if kept.overflow_as_one => {
                self.overflow = Some(self.overflow.map_or(value, |sum| merge(sum, value)));
            }
            _ => self.lost = self.lost.saturating_add(1),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len() + usize::from(self.overflow.is_some())
    }

    /// Empties it, in the order in which entries came.
    pub(super) fn replay(&mut self, mut record: impl FnMut(V, &[KeyValue])) {
        for (attributes, value) in std::mem::take(&mut self.entries) {
            record(value, &attributes);
        }
        if let Some(value) = self.overflow.take() {
            record(value, &[KeyValue::new("otel.metric.overflow", true)]);
        }
    }
}
