//! Setting up: resolve the configuration, build the pipeline, install it.

mod lines;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::logs::LogProcessor;
use opentelemetry_sdk::trace::{ShouldSample, SpanProcessor};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry};
use trisignal_instrumentation::correlation::BAGGAGE_KEY;
use trisignal_instrumentation::propagation::Format;

use crate::config::{
    self, ByteSize, Compression, Environment, Exporter, ProcessEnvironment, Protocol, Settings,
};
use crate::console::ConsoleWriter;
use crate::control::Watched;
use crate::error::Error;
use crate::install;
use crate::metrics::OwnMetrics;
use crate::metrics::exemplar::ExemplarFilter;
use crate::metrics::prometheus::Bound;
use crate::metrics::views::View;
use crate::pipeline::Pipeline;
use crate::pipeline::signal::Signal;
use crate::providers::{Hooks, Providers};
use crate::sampling::Sampling;
use crate::telemetry::Telemetry;

/// A layer of the user on the subscriber that [`Builder::install`] makes.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up telemetry with what only code can say; everything else is the operator's, by `OTEL_*` variables.
///
/// What is said here wins over the environment, except for the service name, which is a default.
///
/// ```no_run
/// use trisignal::otel::KeyValue;
///
/// let telemetry = trisignal::builder("checkout")
///     .service_version(env!("CARGO_PKG_VERSION"))
///     .resource([KeyValue::new("deployment.environment.name", "staging")])
///     .install()?;
/// # Ok::<(), trisignal::Error>(())
/// ```
#[must_use = "a builder does nothing until `install` or `build`"]
pub struct Builder {
    settings: Settings,
    environment: Box<dyn Environment>,
    hooks: Hooks,
    layers: Vec<BoxedLayer>,
    console_writer: ConsoleWriter,
    open_console: Option<OpenConsole>,
}

/// Opens what the console writes to, for the service of this name.
type OpenConsole = Box<dyn FnOnce(&str) -> Result<ConsoleWriter, Error>>;

/// Limits of the pipeline. What is `None` is as the environment says, or the default.
///
/// ```
/// use trisignal::{ByteSize, Limits};
///
/// let limits = Limits { outbox: Some(ByteSize::from_mib(8)), ..Limits::default() };
/// # let _ = trisignal::builder("checkout").limits(limits);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Items that wait to be encoded, for spans and for logs each; the oldest are dropped beyond it. Default 65,536.
    pub queue_items: Option<usize>,
    /// Bytes of these items, for spans and for logs each. Default 16 MiB.
    pub queue_bytes: Option<ByteSize>,
    /// Items in one batch. Default 512.
    pub batch_items: Option<usize>,
    /// How long an item waits for its batch to fill. Default 5 s for spans, 1 s for logs.
    pub schedule_delay: Option<Duration>,
    /// Encoded bytes of all signals that wait for the backend; the oldest batch is dropped beyond it. Default 32 MiB.
    pub outbox: Option<ByteSize>,
    /// How long an encoded batch is kept for a backend that does not take it. Default 1 hour.
    pub max_age: Option<Duration>,
    /// The ceiling of the first wait between two attempts; it doubles with each attempt, and the wait is drawn from
    /// zero to it. Default 500 ms.
    pub retry_initial: Option<Duration>,
    /// The highest ceiling. Default 30 s.
    pub retry_max: Option<Duration>,
}

impl Builder {
    pub(crate) fn new(service_name: Cow<'static, str>) -> Self {
        Self {
            settings: Settings {
                service_name,
                ..Settings::default()
            },
            environment: Box::new(ProcessEnvironment),
            hooks: Hooks::default(),
            layers: Vec::new(),
            console_writer: ConsoleWriter::stdout(),
            open_console: None,
        }
    }

    /// The resource attribute `service.version`.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.settings.service_version = Some(version.into());
        self
    }

    /// Adds resource attributes. They win over detected ones and over `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn resource(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.settings.resource.extend(attributes);
        self
    }

    /// A configuration file of OpenTelemetry, schema 1.1, instead of the one that `OTEL_CONFIG_FILE` names. It replaces all
    /// variables but those that it refers to; what else is said here wins over it. Default none.
    ///
    /// ```
    /// let builder = trisignal::builder("checkout").config_file("/etc/checkout/telemetry.yaml");
    /// # let _ = builder;
    /// ```
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.config_file = Some(path.into());
        self
    }

    /// Where a signal goes, instead of `OTEL_TRACES_EXPORTER` and its like; none at all turns the signal off. Default
    /// [`Exporter::Otlp`].
    ///
    /// ```
    /// use trisignal::{Exporter, Signal};
    ///
    /// let builder = trisignal::builder("checkout")
    ///     .exporters(Signal::Traces, [Exporter::Otlp, Exporter::Console])
    ///     .exporters(Signal::Metrics, []);
    /// # let _ = builder;
    /// ```
    pub fn exporters(
        mut self,
        signal: Signal,
        exporters: impl IntoIterator<Item = Exporter>,
    ) -> Self {
        let chosen = self.settings.exporters[signal.index()].insert(Vec::new());
        add_new(chosen, exporters);
        self
    }

    /// Where OTLP goes, for all signals: the base URL of an OTLP/HTTP receiver, to which `v1/traces` and its like are
    /// appended, or the URL of an OTLP/gRPC one. Default `http://localhost:4318`, for gRPC `http://localhost:4317`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// How OTLP travels. Default [`Protocol::HttpProtobuf`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.settings.protocol = Some(protocol);
        self
    }

    /// Adds a header (gRPC: metadata) to every request. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// How long one attempt to send a request may take; zero is "no limit". Default 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// How requests are compressed. Default [`Compression::Auto`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compression = Some(compression);
        self
    }

    /// A PEM file of the certificates to trust, instead of the system's.
    pub fn ca_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.ca_certificate = Some(file.into());
        self
    }

    /// PEM files of the certificate, with its chain, and the private key to show to the backend (mTLS).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.settings.client_certificate = Some(certificate.into());
        self.settings.client_key = Some(key.into());
        self
    }

    /// What telemetry says about itself on the console, instead of `OTEL_LOG_LEVEL`. Default: what the console's filter
    /// says for the target `trisignal`.
    pub fn log_level(mut self, level: LevelFilter) -> Self {
        self.settings.log_level = Some(level);
        self
    }

    /// The methods that HTTP spans and metrics show by name, in place of those of RFC 9110, `PATCH` and `QUERY`, and
    /// instead of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`. Their case counts. It is for all layers and clients of the
    /// process that are told nothing themselves, from the installation on.
    pub fn http_known_methods(
        mut self,
        methods: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let methods = methods.into_iter().map(Into::into);
        self.settings.http_known_methods = Some(methods.collect());
        self
    }

    /// Which spans are exported, in the syntax of `RUST_LOG`. Default `info`.
    pub fn traces_filter(mut self, directives: impl Into<String>) -> Self {
        self.settings.traces_filter = Some(directives.into());
        self
    }

    /// The formats of context in headers, instead of `OTEL_PROPAGATORS`. None at all turns propagation off. Default
    /// W3C Trace Context and Baggage.
    ///
    /// ```
    /// use trisignal::propagation::Format;
    ///
    /// let builder = trisignal::builder("checkout").propagators([Format::B3, Format::Baggage]);
    /// # let _ = builder;
    /// ```
    pub fn propagators(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        let chosen = self.settings.propagators.insert(Vec::new());
        add_new(chosen, formats);
        self
    }

    /// Adds keys of baggage members that every span and every log shows as attributes and fields. An attribute or
    /// field of that name wins. Metrics never have them: their number is the caller's to choose. Default none.
    ///
    /// Baggage comes from whoever calls: name only what may be written down.
    ///
    /// ```
    /// let builder = trisignal::builder("checkout").baggage_attributes(["tenant.id"]);
    /// # let _ = builder;
    /// ```
    pub fn baggage_attributes(mut self, keys: impl IntoIterator<Item = &'static str>) -> Self {
        // The correlation ID is shown anyway, once it is checked.
        let keys = keys.into_iter().filter(|key| *key != BAGGAGE_KEY);
        add_new(&mut self.settings.baggage_attributes, keys);
        self
    }

    /// How often metrics are exported. Default 60 s.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.settings.metric_interval = Some(interval);
        self
    }

    /// What is measured without being asked for, instead of `OTEL_RUST_OWN_METRICS`. None at all turns it off. Default
    /// [`OwnMetrics::ALL`].
    ///
    /// ```
    /// use trisignal::OwnMetrics;
    ///
    /// let builder = trisignal::builder("checkout").own_metrics([OwnMetrics::Process]);
    /// # let _ = builder;
    /// ```
    pub fn own_metrics(mut self, groups: impl IntoIterator<Item = OwnMetrics>) -> Self {
        let chosen = self.settings.own_metrics.insert(Vec::new());
        add_new(chosen, groups);
        self
    }

    /// Where the page for Prometheus is served, with [`Exporter::Prometheus`] among the exporters of metrics: a host name
    /// or an address, and a port, where 0 is any that is free; [`Telemetry::metrics_address`] tells it. Default
    /// `localhost`, 9464.
    ///
    /// The page shows the resource, and names and attributes of metrics, to everybody who can reach the address.
    ///
    /// ```
    /// use trisignal::{Exporter, Signal};
    ///
    /// let builder = trisignal::builder("checkout")
    ///     .exporters(Signal::Metrics, [Exporter::Otlp, Exporter::Prometheus])
    ///     .prometheus_address("localhost", 0);
    /// # let _ = builder;
    /// ```
    pub fn prometheus_address(mut self, host: impl Into<String>, port: u16) -> Self {
        self.settings.prometheus_address = Some((host.into(), port));
        self
    }

    /// Collects metrics for [`Telemetry::metrics_service`], besides what the exporters of metrics are.
    pub fn metrics_service(mut self) -> Self {
        self.settings.metrics_service = true;
        self
    }

    /// Which measurements are kept as examples that lead from a metric to a trace. Default
    /// [`ExemplarFilter::TraceBased`].
    pub fn exemplar_filter(mut self, filter: ExemplarFilter) -> Self {
        self.settings.exemplar_filter = Some(filter);
        self
    }

    /// Series of one instrument, at least 1. All beyond it are one, with the attribute `otel.metric.overflow`, and a log
    /// line names the instrument once. Default 2,000.
    pub fn cardinality_limit(mut self, limit: usize) -> Self {
        self.settings.cardinality_limit = Some(limit);
        self
    }

    /// Adds a view: what some instruments bring is dropped, renamed or cut down.
    pub fn view(mut self, view: View) -> Self {
        self.settings.views.push(view);
        self
    }

    /// Limits of the pipeline.
    pub fn limits(mut self, limits: Limits) -> Self {
        let settings = &mut self.settings;
        settings.queue_items = limits.queue_items;
        settings.queue_bytes = limits.queue_bytes;
        settings.batch_items = limits.batch_items;
        settings.schedule_delay = limits.schedule_delay;
        settings.outbox = limits.outbox;
        settings.max_age = limits.max_age;
        settings.retry_initial = limits.retry_initial;
        settings.retry_max = limits.retry_max;
        self
    }

    /// Which traces are recorded, instead of `OTEL_TRACES_SAMPLER` and its like. Default: those that the parent records,
    /// and all that begin here.
    ///
    /// ```
    /// use trisignal::{Sampling, SamplingRule};
    ///
    /// let health_checks = SamplingRule::new(Sampling::always_off()).attribute("url.path", "/health*");
    /// let builder = trisignal::builder("checkout").sampling(
    ///     Sampling::parent_based(Sampling::ratio(0.1)).rule(health_checks),
    /// );
    /// # let _ = builder;
    /// ```
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.settings.sampling = Some(sampling.into_config());
        self
    }

    /// Whether log records of traces that are not sampled are kept from export. Warnings and errors are always exported,
    /// as is what belongs to no trace; the console shows all. Default false.
    pub fn logs_trace_based(mut self, trace_based: bool) -> Self {
        self.settings.logs_trace_based = Some(trace_based);
        self
    }

    /// Decides which spans are recorded by code of your own, instead of `OTEL_TRACES_SAMPLER` and
    /// [`sampling`](Self::sampling). Where it panics, the span is sampled.
    pub fn sampler(mut self, sampler: impl ShouldSample + 'static) -> Self {
        self.settings.own_sampler = true;
        self.hooks.sampler = Some(Arc::new(sampler));
        self
    }

    /// Has `tracing-opentelemetry` make the spans, for code that uses its extension trait. All the rest is the same;
    /// spans cost several times as much.
    #[cfg(feature = "tracing-opentelemetry")]
    pub fn tracing_opentelemetry(mut self) -> Self {
        self.hooks.other_bridge = true;
        self
    }

    /// Adds a processor that sees each span before the pipeline does. Its panics are contained and counted.
    pub fn span_processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.hooks.span_processors.push(Box::new(processor));
        self
    }

    /// Adds a processor that sees, and may change, each log record before the pipeline does. Its panics are contained
    /// and counted.
    pub fn log_processor(mut self, processor: impl LogProcessor + 'static) -> Self {
        self.hooks.log_processors.push(Box::new(processor));
        self
    }

    /// Adds a layer to the subscriber that [`install`](Self::install) makes.
    pub fn layer(mut self, layer: impl Layer<Registry> + Send + Sync) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Where variables are read from, instead of the environment of the process.
    pub fn environment(mut self, environment: impl Environment + 'static) -> Self {
        self.environment = Box::new(environment);
        self
    }

    /// Builds and installs: from here on all `tracing` spans and events, all `log` records and all instruments of the
    /// process go through the pipeline.
    ///
    /// # Errors
    ///
    /// When a setting of the builder or a certificate can't be used, when the system gives no thread or not the address
    /// for Prometheus, or when telemetry, a subscriber or a logger is installed already. Nothing is installed then.
    pub fn install(mut self) -> Result<Telemetry, Error> {
        let layers = std::mem::take(&mut self.layers);
        let telemetry = self.build()?;
        install::everything(&telemetry, layers)?;
        telemetry.announce();
        Ok(telemetry)
    }

    /// Builds a pipeline that runs and is not installed: for tests, for libraries and for programs with a subscriber
    /// of their own, which put [`Telemetry::layer`] on it. Touches nothing global. Layers given to
    /// [`layer`](Self::layer) are not used.
    ///
    /// # Errors
    ///
    /// When a setting of the builder or a certificate can't be used, or when the system gives no thread or not the
    /// address for Prometheus.
    pub fn build(self) -> Result<Telemetry, Error> {
        let file = config::file::in_force(&self.settings, &*self.environment).map(Watched::new);
        let config = config::file::load(&self.settings, &*self.environment)?;
        let console_writer = match self.open_console {
            Some(open) => open(&config.service_name)?,
            None => self.console_writer,
        };
        if config.disabled || !config.records() {
            let telemetry = Telemetry::new(config, None, Providers::default(), console_writer);
            if let Some(file) = file {
                telemetry.follow_file(file, self.settings, self.environment)?;
            }
            return Ok(telemetry);
        }
        let prometheus = &config.metric_streams.prometheus;
        let page = prometheus
            .listens
            .then(|| Bound::new(&prometheus.host, prometheus.port))
            .transpose()?;
        let pipeline = Pipeline::start(&config, &console_writer)?;
        let providers = Providers::build(&config, pipeline.shared(), self.hooks, page)?;
        if let (true, Some(sampling)) = (config.traces.is_exported(), &providers.sampling) {
            sampling.follow(&config, &pipeline);
        }
        let telemetry = Telemetry::new(config, Some(pipeline), providers, console_writer);
        if let Some(file) = file {
            telemetry.follow_file(file, self.settings, self.environment)?;
        }
        Ok(telemetry)
    }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, items: impl IntoIterator<Item = T>) {
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
