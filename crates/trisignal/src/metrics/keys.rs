//! The attributes that a view keeps, and what chooses them where the SDK can't.
//!
//! The SDK knows lists of keys. Patterns, and what is left out, are chosen here: around the instruments, before the SDK sees
//! a measurement. Exemplars see all of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::metrics::{
    AsyncInstrument, BoundCounter, BoundGauge, BoundHistogram, BoundSyncInstrument,
    BoundUpDownCounter, Counter, Gauge, Histogram, SyncInstrument, UpDownCounter,
};
use opentelemetry::{Key, KeyValue};

use crate::patterns::Patterns;

/// Which attributes make a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Keys {
    /// Those of a list; the SDK chooses them.
    Only(Arc<HashSet<Key>>),
    Like(Arc<Patterns>),
}

impl Keys {
    pub(crate) fn have(&self, key: &Key) -> bool {
        match self {
            Self::Only(keys) => keys.contains(key),
            Self::Like(patterns) => patterns.take(key.as_str()),
        }
    }
}

/// Chooses attributes for all views of an instrument: what none of them keeps.
#[derive(Clone, Debug)]
pub(crate) struct Sieve(Arc<[Keys]>);

impl Sieve {
    /// `None` where the SDK chooses by itself, or nobody does: `views` are those of one instrument.
    pub(crate) fn of<'a>(views: impl IntoIterator<Item = Option<&'a Keys>>) -> Option<Self> {
        // One that keeps all of them leaves nothing to choose.
        let keys: Option<Vec<Keys>> = views.into_iter().map(Option::<&Keys>::cloned).collect();
        let keys = keys?;
        let has_patterns = keys.iter().any(|keys| matches!(keys, Keys::Like(_)));
        has_patterns.then(|| Self(keys.into()))
    }

    fn sift<'a>(&self, attributes: &'a [KeyValue]) -> Cow<'a, [KeyValue]> {
        let is_kept = |attribute: &&KeyValue| self.0.iter().any(|keys| keys.have(&attribute.key));
        if attributes.iter().all(|attribute| is_kept(&attribute)) {
            return Cow::Borrowed(attributes);
        }
        Cow::Owned(attributes.iter().filter(is_kept).cloned().collect())
    }
}

/// An instrument that gets chosen attributes only.
pub(crate) struct Sifted<I> {
    inner: I,
    sieve: Sieve,
}

/// An instrument that can be given a sieve.
pub(crate) trait Sift: Sized {
    fn sift(self, sieve: Option<Sieve>) -> Self;
}

/// The same with its attributes.
struct SiftedBound<B>(B);

macro_rules! sifted {
    ($($instrument:ident . $record:ident of $($value:ty)+ as $bound:ident;)*) => {
        $($(impl SyncInstrument<$value> for Sifted<$instrument<$value>> {
            fn measure(&self, value: $value, attributes: &[KeyValue]) {
                self.inner.$record(value, &self.sieve.sift(attributes));
            }

            fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<$value> + Send + Sync> {
                Box::new(SiftedBound(self.inner.bind(&self.sieve.sift(attributes))))
            }
        }

        impl BoundSyncInstrument<$value> for SiftedBound<$bound<$value>> {
            fn measure(&self, value: $value) {
                self.0.$record(value);
            }
        }

        impl Sift for $instrument<$value> {
            fn sift(self, sieve: Option<Sieve>) -> Self {
                match sieve {
                    Some(sieve) => Self::new(Arc::new(Sifted { inner: self, sieve })),
                    None => self,
                }
            }
        })+)*
    };
}

sifted! {
    Counter.add of u64 f64 as BoundCounter;
    UpDownCounter.add of i64 f64 as BoundUpDownCounter;
    Gauge.record of u64 i64 f64 as BoundGauge;
    Histogram.record of u64 f64 as BoundHistogram;
}

/// What a callback observes, with chosen attributes only.
pub(crate) struct SiftedObserver<'a, M> {
    pub(crate) inner: &'a dyn AsyncInstrument<M>,
    pub(crate) sieve: &'a Sieve,
}

impl<M> AsyncInstrument<M> for SiftedObserver<'_, M> {
    fn observe(&self, measurement: M, attributes: &[KeyValue]) {
        self.inner
            .observe(measurement, &self.sieve.sift(attributes));
    }
}
