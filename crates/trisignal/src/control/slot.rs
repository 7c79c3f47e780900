//! One filter of the telemetry, in all the layers that have it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::filter::{Filter, FilterCell};

/// The directives in force, and the filters that follow them.
pub(super) struct Slot(Mutex<Inner>);

struct Inner {
    directives: String,
    filter: Filter,
    /// Of layers, which may be gone.
    cells: Vec<Weak<FilterCell>>,
}

impl Slot {
    /// `directives` have been checked by whoever resolved the configuration.
    pub(super) fn new(directives: &str) -> Self {
        Self(Mutex::new(Inner {
            directives: directives.to_owned(),
            filter: Filter::parse(directives).unwrap_or_else(|_| Filter::info()),
            cells: Vec::new(),
        }))
    }

    /// A filter with a state of its own, whose directives change with the slot's.
    pub(super) fn follow(&self) -> Filter {
        let mut inner = self.lock();
        let filter = inner.filter.clone();
        inner.cells.retain(|cell| cell.strong_count() > 0);
        inner.cells.push(Arc::downgrade(filter.cell()));
        filter
    }

    /// Other directives for all who follow. Answers those until now.
    pub(super) fn set(&self, directives: &str, filter: &Filter) -> String {
        let mut inner = self.lock();
        inner.filter = filter.clone();
        for cell in inner.cells.iter().filter_map(Weak::upgrade) {
            filter.adopt(&cell);
        }
        std::mem::replace(&mut inner.directives, directives.to_owned())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
