//! What is measured of an exchange.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::metrics::{Histogram, UpDownCounter};

use super::family::Family;

/// What exchanges of one kind are measured with.
pub(crate) struct Instruments {
    /// Tells these from all others.
    pub(super) id: u64,
    pub(super) duration: Histogram<f64>,
    pub(super) active: Option<Active>,
    /// Whether they measure when they are bound.
    pub(super) can_bind: bool,
}

/// Counts exchanges that are going on.
pub(super) struct Active {
    pub(super) counter: UpDownCounter<i64>,
    /// By the first attributes of their family, so many.
    pub(super) attributes: usize,
}

/// What is measured of one exchange. It is no active one any more when this is dropped, in whatever way
/// that comes about.
pub(crate) struct Measures(Arc<Family>);

impl Instruments {
    pub(crate) fn new(duration: Histogram<f64>, can_bind: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            duration,
            active: None,
            can_bind,
        }
    }

    /// Has active exchanges be counted by so many of the attributes that the duration has.
    pub(crate) fn counting(self, counter: UpDownCounter<i64>, attributes: usize) -> Self {
        let active = Some(Active {
            counter,
            attributes,
        });
        Self { active, ..self }
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Measures {
    /// Of an exchange of `family`, which is an active one from now on.
    #[inline]
    pub(crate) fn new(family: Arc<Family>) -> Self {
        family.begin();
        Self(family)
    }

    pub(crate) fn family(&self) -> &Family {
        &self.0
    }
}

impl Drop for Measures {
    fn drop(&mut self) {
        self.0.finish();
    }
}
