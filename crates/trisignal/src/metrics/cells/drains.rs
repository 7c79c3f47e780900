//! Everything that threads keep for the instruments of a provider.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{sums, values};

/// An instrument for which threads keep something.
pub(super) trait Drain: Send + Sync {
    /// Hands over what threads have kept.
    fn drain(&self);
}

/// All of a provider.
#[derive(Debug, Default)]
pub(in crate::metrics) struct Drains(Mutex<Vec<Weak<dyn Drain>>>);

impl Drains {
    /// Hands over everything that threads have kept: before metrics are collected.
    pub(in crate::metrics) fn drain(&self) {
        values::begin_collection();
        sums::begin_collection();
        let all = self.lock().clone();
        all.iter()
            .filter_map(Weak::upgrade)
            .for_each(|instrument| instrument.drain());
        self.lock()
            .retain(|instrument| instrument.strong_count() > 0);
    }

    pub(super) fn enter<T: Drain + 'static>(&self, instrument: &Arc<T>) {
        let mut all = self.lock();
        // Now and then, should nobody ever collect.
        if all.len().is_power_of_two() {
            all.retain(|instrument| instrument.strong_count() > 0);
        }
        all.push(Arc::downgrade(instrument) as Weak<dyn Drain>);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<dyn Drain>>> {
        // A list of handles is whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for dyn Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drain")
    }
}
