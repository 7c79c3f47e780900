//! Instruments that offer what they measure to reservoirs, besides measuring it.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundSyncInstrument, BoundUpDownCounter, Counter, Gauge,
    SyncInstrument, UpDownCounter,
};

use super::reservoir::{Choice, Number, Offer};
use super::store::{Store, Stream};

/// Where the measurements of one instrument are offered: a stream for each view that applies to it.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    store: Arc<Store>,
    streams: Arc<[Arc<Stream>]>,
}

impl Capture {
    pub(crate) fn new(store: Arc<Store>, streams: Vec<Arc<Stream>>) -> Self {
        Self {
            store,
            streams: streams.into(),
        }
    }

    /// Offers a measurement, if it is one for which the filter is open.
    pub(crate) fn offer(&self, value: Number, attributes: &[KeyValue]) {
        self.take(value, attributes, Choice::Reservoir);
    }

    /// Whether the filter is open for what the calling thread measures now.
    pub(crate) fn is_open(&self) -> bool {
        self.store.filter().is_open()
    }

    /// Shows a measurement that was chosen among those for which the filter is open, in the place of the one before.
    #[cold]
    pub(crate) fn show(&self, value: Number, attributes: &[KeyValue]) {
        self.take(value, attributes, Choice::Made);
    }

    fn take(&self, value: Number, attributes: &[KeyValue], choice: Choice) {
        let Some(place) = self.store.filter().admits() else {
            return;
        };
        for stream in &*self.streams {
            let series = self.store.series(stream, attributes);
            let offer = Offer {
                value,
                place,
                choice,
            };
            self.store.offer(stream, &series, offer, attributes);
        }
    }
}

/// An instrument with reservoirs.
pub(crate) struct Captured<I> {
    pub(crate) inner: I,
    pub(crate) capture: Capture,
}

/// The same with its attributes.
struct CapturedBound<B> {
    inner: B,
    capture: Capture,
    attributes: Box<[KeyValue]>,
}

macro_rules! captured {
    ($($instrument:ident . $record:ident of $($value:ty)+ as $bound:ident;)*) => {
        $($(impl SyncInstrument<$value> for Captured<$instrument<$value>> {
            fn measure(&self, value: $value, attributes: &[KeyValue]) {
                self.inner.$record(value, attributes);
                self.capture.offer(Number::from(value), attributes);
            }

            fn bind(&self, attributes: &[KeyValue]) -> Box<dyn BoundSyncInstrument<$value> + Send + Sync> {
                Box::new(CapturedBound {
                    inner: self.inner.bind(attributes),
                    capture: self.capture.clone(),
                    attributes: attributes.into(),
                })
            }
        }

        impl BoundSyncInstrument<$value> for CapturedBound<$bound<$value>> {
            fn measure(&self, value: $value) {
                self.inner.$record(value);
                self.capture.offer(Number::from(value), &self.attributes);
            }
        })+)*
    };
}

captured! {
    Counter.add of u64 f64 as BoundCounter;
    UpDownCounter.add of i64 f64 as BoundUpDownCounter;
    Gauge.record of u64 i64 f64 as BoundGauge;
}
