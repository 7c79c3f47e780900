//! What the handle offers of metrics: meters, more to measure, and the page for Prometheus.

use std::net::SocketAddr;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::Telemetry;
use crate::metrics::prometheus::MetricsService;
use crate::metrics::provider::Pages;
use crate::metrics::{OwnMetrics, own, runtime};

impl Telemetry {
    /// A meter of this pipeline; one that does nothing when metrics are not exported.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> Meter {
        self.meter_of(InstrumentationScope::builder(name).build())
    }

    /// Measures a tokio runtime, as `tokio.runtime.*` with the attribute `tokio.runtime.name`. The one in which telemetry
    /// was set up is measured anyway, under the name `main`. Does nothing when metrics are not exported, or when
    /// [`OwnMetrics::Runtime`](crate::OwnMetrics::Runtime) is not wanted.
    ///
    /// ```
    /// # let telemetry = trisignal::builder("checkout").own_metrics([]).build()?;
    /// let jobs = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    /// telemetry.observe_runtime("jobs", jobs.handle());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe_runtime(&self, name: &str, runtime: &tokio::runtime::Handle) {
        let groups = &self.inner.config.own_metrics;
        if let Some((_, provider)) = &self.inner.providers.meter
            && groups.contains(&OwnMetrics::Runtime)
        {
            runtime::register(&own::meter(provider), name, runtime);
        }
    }

    /// Measures memory by what the allocator says, as `rust.memory.allocated`. `allocated` is asked at each collection
    /// for the bytes that the program has allocated and not freed; it should be quick. Does nothing when metrics are
    /// not exported.
    ///
    /// ```no_run
    /// # let telemetry = trisignal::init("checkout")?;
    /// # fn allocated_bytes() -> u64 { 0 }
    /// // With jemalloc: `epoch::advance().ok(); stats::allocated::read().unwrap_or(0) as u64` of tikv-jemalloc-ctl.
    /// telemetry.observe_allocator(allocated_bytes);
    /// # Ok::<(), trisignal::Error>(())
    /// ```
    pub fn observe_allocator(&self, allocated: impl Fn() -> u64 + Send + Sync + 'static) {
        if let Some((_, provider)) = &self.inner.providers.meter {
            runtime::register_allocator(&own::meter(provider), allocated);
        }
    }

    /// A tower service that answers with the metrics of this moment, to be mounted in a router: `route_service` in axum.
    ///
    /// It needs [`Builder::metrics_service`](crate::Builder::metrics_service), or
    /// [`Exporter::Prometheus`](crate::Exporter::Prometheus) among the exporters of metrics; without them, and where
    /// telemetry is disabled, it answers 404.
    ///
    /// ```
    /// use axum::Router;
    ///
    /// # let off = std::collections::HashMap::from([("OTEL_SDK_DISABLED".to_owned(), "true".to_owned())]);
    /// # let builder = trisignal::builder("checkout").environment(off);
    /// let telemetry = builder.metrics_service().build()?;
    /// let app: Router = Router::new().route_service("/metrics", telemetry.metrics_service());
    /// # Ok::<(), trisignal::Error>(())
    /// ```
    #[must_use]
    pub fn metrics_service(&self) -> MetricsService {
        let pages = self.inner.providers.pages.as_ref();
        MetricsService::new(pages.map(Pages::scraper))
    }

    /// Where the page for Prometheus is served at `/metrics`, with
    /// [`Exporter::Prometheus`](crate::Exporter::Prometheus); `None` without it.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.inner.providers.pages.as_ref()?.address()
    }

    /// A meter whose measurements are of `scope`.
    pub(crate) fn meter_of(&self, scope: InstrumentationScope) -> Meter {
        match &self.inner.providers.meter {
            Some((_, provider)) => provider.meter_with_scope(scope),
            // A provider without a reader records nothing.
            None => SdkMeterProvider::default().meter_with_scope(scope),
        }
    }
}
