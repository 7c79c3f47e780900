//! The only file that touches what a process has one of: the `tracing` subscriber, the `log` logger, OpenTelemetry's
//! providers and propagator, and the meter of static instruments.
//!
//! Everything that can fail comes first; when something does, nothing is installed.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{InstrumentationScope, global};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use trisignal_instrumentation::{http, instruments, propagation};

use crate::builder::BoxedLayer;
use crate::error::{Error, ErrorKind};
use crate::metrics;
use crate::telemetry::Telemetry;

/// Whether telemetry was installed; it stays so, because globals can't be taken back.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Installs everything: a subscriber with the layers, the bridge from `log`, and what [`providers`] does.
pub(crate) fn everything(telemetry: &Telemetry, layers: Vec<BoxedLayer>) -> Result<(), Error> {
    let claim = Claim::new()?;
    if has_global_subscriber() {
        return Err(taken("a tracing subscriber"));
    }
    // An empty list is a layer whose level is OFF, for the whole subscriber.
    let dispatch = if layers.is_empty() {
        telemetry.subscriber()
    } else {
        Dispatch::new(Registry::default().with(layers).with(telemetry.layer()))
    };
    // A logger without a subscriber does nothing, so it may go first: a subscriber can't be taken back either.
    let logger = tracing_log::LogTracer::new();
    log::set_boxed_logger(Box::new(logger)).map_err(|_| taken("a logger of the log crate"))?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| taken("a tracing subscriber"))?;
    // The filters decide; what none of them wants is dropped by the subscriber's maximum level.
    log::set_max_level(log::LevelFilter::Trace);
    claim.keep();
    set_providers(telemetry);
    Ok(())
}

/// Installs OpenTelemetry's globals and the meter of static instruments.
pub(crate) fn providers(telemetry: &Telemetry) -> Result<(), Error> {
    Claim::new()?.keep();
    set_providers(telemetry);
    Ok(())
}

fn set_providers(telemetry: &Telemetry) {
    let inner = telemetry.inner();
    propagation::set_global(&inner.config.propagators);
    if let Some(methods) = &inner.config.http_known_methods {
        http::set_known_methods(methods);
    }
    http::set_captured_headers(&inner.config.http_headers);
    if let Some(provider) = &inner.providers.tracer {
        global::set_tracer_provider(SdkTracerProvider::clone(provider));
    }
    if let Some((_, provider)) = &inner.providers.meter {
        global::set_meter_provider(provider.clone());
        instruments::set_binding(&global::meter_provider());
    }
    // Also when metrics are off: what waits in static instruments for a meter is then let go.
    let scope = InstrumentationScope::builder(inner.config.service_name.clone()).build();
    let meter = match &inner.providers.meter {
        Some((_, provider)) => provider.meter_of_sums(scope),
        None => telemetry.meter_of(scope),
    };
    if let Ok(replayed) = metrics::install_meter(meter) {
        telemetry.measured_before(replayed.lost);
    }
}

/// Whether the process has a subscriber. tracing's own answer also counts those that were a scope's, at any time.
fn has_global_subscriber() -> bool {
    use tracing::dispatcher::{get_default, has_been_set};
    // A thread that is new is in no scope. One that can't be had leaves the question to the installation.
    let look = || get_default(|dispatch| !dispatch.is::<NoSubscriber>());
    let on_new_thread = || std::thread::Builder::new().spawn(look).ok()?.join().ok();
    has_been_set() && on_new_thread().unwrap_or(false)
}

fn taken(what: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyInstalled,
        format!("{what} is installed in this process already"),
    )
}

/// The right to install, given back unless it is kept.
struct Claim {
    kept: bool,
}

impl Claim {
    fn new() -> Result<Self, Error> {
        if INSTALLED.swap(true, Ordering::AcqRel) {
            return Err(taken("telemetry"));
        }
        Ok(Self { kept: false })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept {
            INSTALLED.store(false, Ordering::Release);
        }
    }
}
