//! How long collections and exports take: histograms of one bucket, so a count and a sum.

use std::cell::Cell;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

use super::component::Component;
use crate::pipeline::signal::Destination;
use crate::transport::ResponseStatus;

thread_local! {
    /// When the collection on this thread began.
    static COLLECTING_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The histograms, with the attributes of those who record.
#[derive(Debug)]
pub(crate) struct Durations {
    collection: Histogram<f64>,
    export: Histogram<f64>,
    reader: Vec<KeyValue>,
    page: Vec<KeyValue>,
    exporters: Vec<(Destination, Vec<KeyValue>)>,
}

/// How an export ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Why it failed, or did in part.
    pub(crate) error: Option<String>,
    /// What the backend answered at last.
    pub(crate) status: Option<ResponseStatus>,
}

impl Durations {
    pub(super) fn new(meter: &Meter, exporters: &[Component]) -> Self {
        let histogram = |name, description| {
            let builder = meter.f64_histogram(name).with_unit("s");
            builder
                .with_description(description)
                .with_boundaries(Vec::new())
                .build()
        };
        Self {
            collection: histogram(
                "otel.sdk.metric_reader.collection.duration",
                "The duration of the collect operation of the metric reader.",
            ),
            export: histogram(
                "otel.sdk.exporter.operation.duration",
                "The duration of exporting a batch of telemetry records.",
            ),
            reader: Component::named("periodic_metric_reader").attributes,
            page: Component::named("prometheus_http_text_metric_exporter").attributes,
            exporters: exporters
                .iter()
                .filter_map(|exporter| Some((exporter.destination?, exporter.attributes.clone())))
                .collect(),
        }
    }

    /// The collection that began on this thread is over. It was for an export.
    pub(crate) fn collected(&self) {
        self.collected_by(&self.reader);
    }

    /// The collection that began on this thread is over. It was for a page that Prometheus has asked for.
    pub(crate) fn pulled(&self) {
        self.collected_by(&self.page);
    }

    fn collected_by(&self, reader: &[KeyValue]) {
        if let Some(since) = COLLECTING_SINCE.take() {
            self.collection
                .record(since.elapsed().as_secs_f64(), reader);
        }
    }

    /// One request, with all its attempts and the waits between them, is over.
    pub(crate) fn exported(&self, destination: Destination, took: Duration, ending: &Ending) {
        let found = self.exporters.iter().find(|(of, _)| *of == destination);
        let mut attributes = found
            .map(|(_, attributes)| attributes.clone())
            .unwrap_or_default();
        if let Some(error) = &ending.error {
            attributes.push(KeyValue::new("error.type", error.clone()));
        }
        match ending.status {
            Some(ResponseStatus::Http(status)) => {
                attributes.push(KeyValue::new(
                    "http.response.status_code",
                    i64::from(status),
                ));
            }
            Some(ResponseStatus::Grpc(status)) => {
                attributes.push(KeyValue::new("rpc.response.status_code", status));
            }
            None => {}
        }
        self.export.record(took.as_secs_f64(), &attributes);
    }
}

/// The collection of this thread begins. The SDK runs callbacks first, in the order in which they were registered.
pub(super) fn collection_begins() {
    COLLECTING_SINCE.set(Some(Instant::now()));
}
