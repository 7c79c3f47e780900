//! The SDK's provider of meters with its readers: one that pushes, one that waits to be asked, or both.

use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

use super::cardinality::OverflowWatch;
use super::exemplar::Store;
use super::guard::GuardedMeterProvider;
use super::health::HealthService;
use super::own;
use super::prometheus::{Bound, Listener, PullReader, Scraper};
use super::views::Views;
use crate::config::Config;
use crate::error::Error;
use crate::guard::OnPanic;
use crate::pipeline::Shared;
use crate::pipeline::encode::MetricEncoder;
use crate::pipeline::processors::PipelineMetricExporter;

/// Everything that metrics need.
pub(crate) struct Meters {
    pub(crate) provider: SdkMeterProvider,
    pub(crate) guarded: GuardedMeterProvider,
    pub(crate) pages: Option<Pages>,
}

/// What shows metrics to Prometheus.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    scraper: Scraper,
    listener: Option<Arc<Listener>>,
}

impl Meters {
    /// Starts what `config` says; `page` is the address that its listener has.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn build(
        config: &Config,
        shared: &Arc<Shared>,
        on_panic: OnPanic,
        page: Option<Bound>,
    ) -> Result<Self, Error> {
        let streams = &config.metric_streams;
        let views = Views::new(
            streams.views.clone(),
            streams.cardinality_limit,
            streams.kind_limits.clone(),
            streams.exponential,
        )
        .with_meters(streams.meters.clone());
        let exemplars = Arc::new(Store::new(streams.exemplars));
        let overflows = Arc::new(OverflowWatch::default());
        let builder = SdkMeterProvider::builder().with_resource(config.resource.clone());
        let mut builder = views.install(builder);
        if config.pushes_metrics() {
            let encoder = MetricEncoder::new(config.temporality.for_sdk(), Arc::clone(&exemplars));
            let exporter =
                PipelineMetricExporter::new(Arc::clone(shared), encoder, Arc::clone(&overflows));
            let reader = PeriodicReader::builder(exporter).with_interval(config.metric_interval);
            builder = builder.with_reader(reader.build());
        }
        let mut pages = None;
        if streams.prometheus.is_on() {
            let reader = PullReader::default();
            let state = Arc::clone(shared);
            let timed = move || {
                if let Some(durations) = state.durations.get() {
                    durations.pulled();
                }
            };
            let scraper = Scraper::new(reader.clone(), Arc::clone(&exemplars), overflows, timed);
            let listener = page
                .map(|page| {
                    page.serve(
                        scraper.clone(),
                        HealthService::new(Some(Arc::clone(shared))),
                    )
                })
                .transpose()?;
            builder = builder.with_reader(reader);
            pages = Some(Pages {
                scraper,
                listener: listener.map(Arc::new),
            });
        }
        let provider = builder.build();
        let guarded =
            GuardedMeterProvider::new(provider.clone(), on_panic).with_exemplars(exemplars, views);
        own::register(config, &guarded, shared);
        Ok(Self {
            provider,
            guarded,
            pages,
        })
    }
}

impl Pages {
    pub(crate) fn scraper(&self) -> Scraper {
        self.scraper.clone()
    }

    /// Where the listener is.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(|listener| listener.address())
    }

    /// Shows no more pages on the listener.
    pub(crate) fn close(&self) {
        if let Some(listener) = &self.listener {
            listener.close();
        }
    }
}
