//! Instruments that offer what they measure to reservoirs, besides measuring it.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, SyncInstrument, UpDownCounter};

use super::reservoir::Number;
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
        let Some(place) = self.store.filter().admits() else {
            return;
        };
        for stream in &*self.streams {
            let series = self.store.series(stream, attributes);
            self.store.offer(stream, &series, value, place, attributes);
        }
    }
}

/// An instrument with reservoirs.
pub(crate) struct Captured<I> {
    pub(crate) inner: I,
    pub(crate) capture: Capture,
}

macro_rules! captured {
    ($($instrument:ident . $record:ident of $($value:ty)+;)*) => {
        $($(impl SyncInstrument<$value> for Captured<$instrument<$value>> {
            fn measure(&self, value: $value, attributes: &[KeyValue]) {
                self.inner.$record(value, attributes);
                self.capture.offer(Number::from(value), attributes);
            }
        })+)*
    };
}

captured! {
    Counter.add of u64 f64;
    UpDownCounter.add of i64 f64;
    Gauge.record of u64 i64 f64;
    Histogram.record of u64 f64;
}
