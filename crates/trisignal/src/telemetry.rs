//! The handle of running telemetry.

mod metrics;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::sync::{oneshot, watch};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::bridge::layer::{self as bridge, BridgeOptions, lost_events};
use crate::bridge::suppress::Suppressor;
use crate::config::{self, Config, Configuration, Environment, Settings, Warning};
use crate::console::{ConsoleOptions, ConsoleWriter};
use crate::control::{self, Control, Source, Watched};
use crate::error::{Error, ErrorKind};
use crate::install;
use crate::life::Life;
use crate::metrics::HealthService;
use crate::pipeline::{Drained, Phase, Pipeline};
use crate::providers::Providers;
use crate::report::{FlushReport, Health, Report, ShutdownReport};
use crate::shutdown_signal;

/// How long dropping the handle may take.
const DROP_DEADLINE: Duration = Duration::from_secs(2);
/// What a blocking call waits beyond its deadline for the sender's thread to answer.
const GRACE: Duration = Duration::from_millis(100);

/// Running telemetry: three signals, one pipeline.
///
/// Made by [`init`](crate::init) or a [`Builder`](crate::Builder). Keep it until the program ends, and end it with
/// [`shutdown`](Self::shutdown): its report says what was delivered and what was not. Dropping the handle shuts
/// down as well, within two seconds, and says what was lost in a log line only.
///
/// Every method may be called from any thread, inside and outside of a runtime, also on a `current_thread` runtime
/// and after the runtime is gone.
pub struct Telemetry {
    inner: Arc<Inner>,
}

/// What the handle and its background tasks share.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) control: Control,
    pub(crate) pipeline: Option<Pipeline>,
    pub(crate) providers: Providers,
    pub(crate) console_writer: ConsoleWriter,
    pub(crate) suppressor: Option<Suppressor>,
    pub(crate) life: Mutex<Life>,
    signal: OnceLock<watch::Receiver<bool>>,
    /// Without a pipeline: ends the thread that looks at the configuration file, when it is gone.
    file: OnceLock<mpsc::Sender<()>>,
}

impl Telemetry {
    pub(crate) fn new(
        config: Config,
        pipeline: Option<Pipeline>,
        providers: Providers,
        console_writer: ConsoleWriter,
    ) -> Self {
        let control = Control::new(&config, providers.sampling.clone());
        let life = Mutex::default();
        let suppressor = Suppressor::new(config.suppression);
        let signal = OnceLock::new();
        Self {
            inner: Arc::new(Inner {
                config,
                control,
                pipeline,
                providers,
                console_writer,
                suppressor,
                life,
                signal,
                file: OnceLock::new(),
            }),
        }
    }

    /// Sends what was recorded so far, and waits until it is delivered or counted as dropped, at most `deadline`.
    ///
    /// A backend that is away is tried at once instead of after the current back-off. What is not delivered in time
    /// stays in the pipeline.
    pub async fn flush(&self, deadline: Duration) -> FlushReport {
        let begin = Instant::now();
        let (done, report) = oneshot::channel();
        self.start_flush(deadline, move |report| {
            // The caller may have stopped waiting.
            let _ = done.send(report);
        });
        report
            .await
            .unwrap_or_else(|_| self.inner.snapshot(begin.elapsed()))
    }

    /// [`flush`](Self::flush) for code that is not async. It blocks the thread for at most `deadline` and a tenth
    /// of a second.
    pub fn flush_blocking(&self, deadline: Duration) -> FlushReport {
        let begin = Instant::now();
        let (done, report) = mpsc::sync_channel(1);
        self.start_flush(deadline, move |report| {
            let _ = done.send(report);
        });
        let report = report.recv_timeout(deadline.saturating_add(GRACE));
        report.unwrap_or_else(|_| self.inner.snapshot(begin.elapsed()))
    }

    /// Sends what was recorded so far, at most until `deadline`, and ends the pipeline.
    ///
    /// What can't be delivered is dropped and in the report. A backend that refuses connections is given half a
    /// second, not the whole deadline. Spans and logs that come later are dropped and counted. A second call, also
    /// a concurrent one, answers the report of the first.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let begin = Instant::now();
        let (done, report) = oneshot::channel();
        self.inner.start_shutdown(
            deadline,
            Box::new(move |report| {
                let _ = done.send(report);
            }),
        );
        report
            .await
            .unwrap_or_else(|_| self.inner.snapshot(begin.elapsed()))
    }

    /// [`shutdown`](Self::shutdown) for code that is not async. It blocks the thread for at most `deadline` and a
    /// tenth of a second.
    pub fn shutdown_blocking(&self, deadline: Duration) -> ShutdownReport {
        let begin = Instant::now();
        let (done, report) = mpsc::sync_channel(1);
        self.inner.start_shutdown(
            deadline,
            Box::new(move |report| {
                let _ = done.send(report);
            }),
        );
        let report = report.recv_timeout(deadline.saturating_add(GRACE));
        report.unwrap_or_else(|_| self.inner.snapshot(begin.elapsed()))
    }

    /// What was produced, delivered and dropped up to now, and what is held.
    #[must_use]
    pub fn health(&self) -> Health {
        let Report {
            traces,
            metrics,
            logs,
            destinations,
            ..
        } = self.inner.snapshot(Duration::ZERO);
        let shared = self.inner.pipeline.as_ref().map(Pipeline::shared);
        Health {
            traces,
            metrics,
            logs,
            destinations,
            outbox_bytes: shared.map_or(0, |shared| shared.outbox.bytes() as u64),
            encoder_restarts: shared.map_or(0, |shared| shared.ledger.encoder_restarts()),
            callback_panics: shared.map_or(0, |shared| shared.ledger.callback_panics())
                + self.inner.config.redaction.panics(),
            console_errors: self.inner.console_writer.errors(),
            lost_events: lost_events(),
            suppressed_events: self.inner.suppressor.as_ref().map_or(0, Suppressor::total),
        }
    }

    /// [`health`](Self::health) as a page, to be mounted in a router of the service. The listener for Prometheus has it at
    /// `/health`.
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// # use axum::Router;
    /// # let telemetry = trisignal::builder("checkout").build().unwrap();
    /// let app: Router = Router::new().route_service("/health/telemetry", telemetry.health_service());
    /// # }
    /// ```
    #[must_use]
    pub fn health_service(&self) -> HealthService {
        let pipeline = self.inner.pipeline.as_ref();
        HealthService::new(pipeline.map(|pipeline| Arc::clone(pipeline.shared())))
    }

    /// Resolves when the process is asked to end: SIGTERM on Unix, Ctrl-C everywhere. For the graceful shutdown of
    /// a server.
    ///
    /// From the first call on, these signals no longer end the process by themselves.
    pub fn signal(&self) -> impl Future<Output = ()> + Send + use<> {
        let runtime = self
            .inner
            .pipeline
            .as_ref()
            .map(|pipeline| pipeline.runtime().clone());
        let received = self
            .inner
            .signal
            .get_or_init(|| shutdown_signal::listen(runtime))
            .clone();
        shutdown_signal::received(received)
    }

    /// The layer that feeds the pipeline and the console, to be put on a `tracing` subscriber of your own.
    ///
    /// It has its filters with it: don't put another filter around it. Not needed after
    /// [`install`](crate::Builder::install), which makes the subscriber itself.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        // Spans first: our layer looks for the context that the other bridge makes.
        let Inner {
            config, control, ..
        } = &*self.inner;
        Layer::and_then(
            self.inner
                .providers
                .other_layer(|| control.traces().scoped(&config.tracers)),
            bridge::layer(self.layer_options()),
        )
    }

    /// A subscriber of the process that has nothing but the layer.
    pub(crate) fn subscriber(&self) -> Dispatch {
        if self.inner.providers.other_bridge().is_some() {
            return Dispatch::new(Registry::default().with(self.layer()));
        }
        Dispatch::new(bridge::subscriber(self.layer_options()))
    }

    fn layer_options(&self) -> BridgeOptions {
        let Inner {
            config,
            control,
            providers,
            console_writer,
            ..
        } = &*self.inner;
        let console = ConsoleOptions {
            format: config.console.format,
            service: config.service_name.clone(),
            resource: config.resource.clone(),
            filter: control.console(),
            writer: console_writer.clone(),
            no_color: !config.console.color,
        };
        let shared = self.inner.pipeline.as_ref().map(Pipeline::shared);
        let logs = shared.and_then(|shared| providers.log_export(config, shared));
        let span_filter = providers.tracer.is_some();
        BridgeOptions {
            console: Some(console),
            logs: logs.map(|logs| (logs, control.logs().scoped(&config.loggers))),
            spans: shared.and_then(|shared| providers.span_export(config, shared)),
            span_filter: span_filter.then(|| control.traces().scoped(&config.tracers)),
            baggage: config.baggage_attributes.clone(),
            trace_based: config.logs_trace_based,
            redactor: config.redaction.clone(),
            suppressor: self.inner.suppressor.clone(),
            other: providers.other_bridge(),
        }
    }

    /// Makes a built pipeline the one of the process, without a `tracing` subscriber: the OpenTelemetry providers
    /// and propagators and the instruments of [`Counter`](crate::Counter) and its like. For programs that have a
    /// subscriber of their own with [`layer`](Self::layer) on it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyInstalled`](crate::ErrorKind::AlreadyInstalled) when telemetry is installed already.
    pub fn install_providers(&self) -> Result<(), Error> {
        install::providers(self)?;
        self.announce();
        Ok(())
    }

    /// What of the environment could not be used as it is. [`install`](crate::Builder::install) and
    /// [`install_providers`](Self::install_providers) also say each of them in a log line.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.inner.config.warnings
    }

    /// What can be changed while the service runs: filters and the sampling ratio.
    #[must_use]
    pub fn control(&self) -> Control {
        self.inner.control.clone()
    }

    /// Every setting in force and where it comes from, one on a line, without secrets.
    #[must_use]
    pub fn explain(&self) -> String {
        self.config().explain()
    }

    /// Every setting in force and where it comes from, as text and as JSON, without secrets.
    #[must_use]
    pub fn config(&self) -> Configuration {
        let effective = &self.inner.config.effective;
        Configuration::new(self.inner.control.in_force(effective))
    }

    /// The provider of tracers, for code on the OpenTelemetry API; `None` when traces are not exported.
    ///
    /// Its tracers stay on, whatever a `tracer_configurator` of the configuration file says: it is the SDK's own type, which
    /// has no place to turn one off.
    #[must_use]
    pub fn tracer_provider(&self) -> Option<&SdkTracerProvider> {
        self.inner.providers.tracer.as_ref()
    }

    /// Reads the configuration file again when it changes, until the shutdown begins or the telemetry is gone.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn follow_file(
        &self,
        file: Watched,
        settings: Settings,
        environment: Box<dyn Environment>,
    ) -> Result<(), Error> {
        let source = Source {
            file,
            load: Arc::new(move || config::file::load(&settings, &*environment)),
            config: self.inner.config.clone(),
        };
        let (end, ended) = mpsc::channel();
        control::watch(source, self.control(), ended).map_err(|error| {
            let text = "the thread that looks at the configuration file can't be started";
            Error::new(ErrorKind::System, text).with_source(error)
        })?;
        match &self.inner.pipeline {
            Some(pipeline) => {
                let mut phase = pipeline.shared().phase();
                pipeline.runtime().spawn(async move {
                    let _ = phase.wait_for(|phase| *phase != Phase::Running).await;
                    drop(end);
                });
            }
            None => drop(self.inner.file.set(end)),
        }
        Ok(())
    }

    /// Says how many measurements of static instruments before the installation found no place.
    pub(crate) fn measured_before(&self, lost: u64) {
        if lost > 0 {
            tracing::warn!(target: "trisignal", lost, "measurements before the start were lost");
        }
    }

    /// Says what of the configuration is not as the operator wants it, and what is in force.
    pub(crate) fn announce(&self) {
        for warning in self.warnings() {
            tracing::warn!(target: "trisignal", %warning, "a setting can't be used as it is");
        }
        if tracing::enabled!(target: "trisignal", tracing::Level::DEBUG) {
            let configuration = self.explain();
            tracing::debug!(target: "trisignal", configuration, "telemetry is set up");
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn start_flush(&self, deadline: Duration, done: impl FnOnce(Report) + Send + 'static) {
        let begin = Instant::now();
        let inner = Arc::clone(&self.inner);
        let Some(pipeline) = &self.inner.pipeline else {
            return done(inner.snapshot(begin.elapsed()));
        };
        let drain = pipeline.drain(inner.providers.flush());
        // Without a runtime any more, `done` is dropped, and the caller takes the state as it is.
        pipeline.runtime().spawn(async move {
            let Drained { accounts, complete } = drain.flush(deadline).await;
            done(Report::new(accounts, complete, begin.elapsed()));
        });
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if self.inner.has_ended() {
            return;
        }
        let report = self.shutdown_blocking(DROP_DEADLINE);
        if report.lost() > 0 {
            tracing::warn!(target: "trisignal", %report, "telemetry was lost");
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("service", &self.inner.config.service_name)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
