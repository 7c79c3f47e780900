//! What exchanges that are alike have in common: the name of their spans, the attributes that are
//! measured with them, and the instruments that are bound to these.
//!
//! To make these costs more than most of what is done for an exchange, and a service has few families,
//! one for each of its routes perhaps. So threads remember some, in tables of fixed size in which a
//! newer one takes the place of an older one. Nobody notices but by the time it takes.

mod part;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, BoundUpDownCounter};

use self::part::{Known, hash};
pub(crate) use self::part::{Part, Parts};
use super::measures::{Active, Instruments};

/// Families that a thread remembers. A power of two.
const PLACES: usize = 64;

/// Different ends of its exchanges that a family remembers.
const ENDS: usize = 4;

thread_local! {
    static FAMILIES: RefCell<[Option<Arc<Family>>; PLACES]> =
        const { RefCell::new([const { None }; PLACES]) };
}

/// Exchanges that are alike.
#[derive(Debug)]
pub(crate) struct Family {
    instruments: Arc<Instruments>,
    known: Box<[Known]>,
    name: String,
    attributes: Box<[KeyValue]>,
    active: Handle<BoundUpDownCounter<i64>>,
    ends: [OnceLock<End>; ENDS],
}

/// How exchanges of a family end.
#[derive(Debug)]
struct End {
    /// What it adds to the attributes of the family.
    added: Box<[Known]>,
    /// All of them.
    attributes: Box<[KeyValue]>,
    duration: Handle<BoundHistogram<f64>>,
}

/// An instrument that is bound, where it can be and where that is worth it.
#[derive(Debug)]
struct Handle<B> {
    bound: OnceLock<B>,
    was_wanted: AtomicBool,
}

impl Family {
    /// The family of what is measured with `instruments` and these attributes: each time the same ones in
    /// the same order, each of them or not. The name of its spans goes by them.
    #[inline]
    pub(crate) fn of(
        instruments: &Arc<Instruments>,
        parts: Parts<'_>,
        name: impl Fn() -> String,
    ) -> Arc<Self> {
        let make = || Arc::new(Self::new(instruments, parts, name()));
        let Some(hash) = hash(instruments.id, parts) else {
            return make();
        };
        // The upper bits are the well mixed ones.
        let first = (hash >> 32) as usize % PLACES;
        let other = first ^ 1;
        let remembered = FAMILIES.try_with(|families| {
            let mut families = families.try_borrow_mut().ok()?;
            for place in [first, other] {
                let family = families[place].as_ref();
                if let Some(family) = family.filter(|family| family.is(instruments, parts)) {
                    return Some((Arc::clone(family), None));
                }
            }
            let made = make();
            let newer = families[first].replace(Arc::clone(&made));
            Some((made, std::mem::replace(&mut families[other], newer)))
        });
        // Not there any more while the thread ends. What made room is dropped out here: instruments may
        // go with it, which are foreign code.
        let (family, _forgotten) = remembered.ok().flatten().unwrap_or_else(|| (make(), None));
        family
    }

    fn new(instruments: &Arc<Instruments>, parts: Parts<'_>, name: String) -> Self {
        let known = Known::all(parts);
        Self {
            instruments: Arc::clone(instruments),
            name,
            attributes: Known::attributes(&known, parts).collect(),
            known,
            active: Handle::new(),
            ends: [const { OnceLock::new() }; ENDS],
        }
    }

    /// The name of the spans.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts one that begins.
    #[inline]
    pub(super) fn begin(&self) {
        if let Some(active) = &self.instruments.active {
            let bind = || active.counter.bind(self.counted_by(active));
            self.count(1, self.active.get(&self.instruments, bind));
        }
    }

    /// Counts one that is over.
    pub(super) fn finish(&self) {
        self.count(-1, self.active.bound.get());
    }

    /// Measures the duration of one with such an end, which adds to its attributes, and has `others` measure
    /// what has the same ones.
    #[inline]
    pub(super) fn measure(
        &self,
        duration: Duration,
        added: Parts<'_>,
        others: impl FnOnce(&[KeyValue]),
    ) {
        let make = || End::new(self, added);
        let mut remembered = self.ends.iter().map(|end| end.get_or_init(make));
        let unlike_all;
        let end = match remembered.find(|end| Known::are(&end.added, added)) {
            Some(end) => end,
            None => {
                unlike_all = make();
                &unlike_all
            }
        };
        let seconds = duration.as_secs_f64();
        let histogram = &self.instruments.duration;
        let bind = || histogram.bind(&end.attributes);
        match end.duration.get(&self.instruments, bind) {
            Some(bound) => bound.record(seconds),
            None => histogram.record(seconds, &end.attributes),
        }
        others(&end.attributes);
    }

    fn count(&self, step: i64, bound: Option<&BoundUpDownCounter<i64>>) {
        match (bound, &self.instruments.active) {
            (Some(bound), _) => bound.add(step),
            (None, Some(active)) => active.counter.add(step, self.counted_by(active)),
            (None, None) => {}
        }
    }

    fn counted_by(&self, active: &Active) -> &[KeyValue] {
        let attributes = self.attributes.get(..active.attributes);
        attributes.unwrap_or(&self.attributes)
    }

    #[inline]
    fn is(&self, instruments: &Arc<Instruments>, parts: Parts<'_>) -> bool {
        Arc::ptr_eq(&self.instruments, instruments) && Known::are(&self.known, parts)
    }
}

impl End {
    fn new(family: &Family, added: Parts<'_>) -> Self {
        let known = Known::all(added);
        let own = family.attributes.iter().cloned();
        Self {
            attributes: own.chain(Known::attributes(&known, added)).collect(),
            added: known,
            duration: Handle::new(),
        }
    }
}

impl<B> Handle<B> {
    const fn new() -> Self {
        Self {
            bound: OnceLock::new(),
            was_wanted: AtomicBool::new(false),
        }
    }

    /// It is bound when it is wanted for the second time: much is wanted only once.
    fn get(&self, instruments: &Instruments, bind: impl FnOnce() -> B) -> Option<&B> {
        if let Some(bound) = self.bound.get() {
            return Some(bound);
        }
        let is_worth_it = instruments.can_bind && self.was_wanted.swap(true, Ordering::Relaxed);
        is_worth_it.then(|| self.bound.get_or_init(bind))
    }
}

#[cfg(test)]
mod tests;
