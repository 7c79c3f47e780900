//! Setting up: resolve the configuration, build the pipeline, install it.

mod limits;
mod lines;
mod metrics;
mod otlp;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry_sdk::logs::LogProcessor;
use opentelemetry_sdk::trace::{ShouldSample, SpanProcessor};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, Registry};
use trisignal_instrumentation::correlation::BAGGAGE_KEY;
use trisignal_instrumentation::propagation::Format;

use crate::config::{self, Entity, Environment, Exporter, ProcessEnvironment, Settings};
use crate::console::ConsoleWriter;
use crate::control::Watched;
use crate::error::Error;
use crate::install;
use crate::metrics::prometheus::Bound;
use crate::pipeline::Pipeline;
use crate::pipeline::signal::Signal;
use crate::providers::{Hooks, Providers};
use crate::sampling::Sampling;
use crate::telemetry::Telemetry;

pub use self::limits::Limits;

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

    /// What the service is part of, such as a host or a deployment, instead of `OTEL_ENTITIES`. Their attributes are
    /// attributes of the resource, below those of [`resource`](Self::resource). Default none.
    pub fn entities(mut self, entities: impl IntoIterator<Item = Entity>) -> Self {
        self.settings.entities = Some(entities.into_iter().collect());
        self
    }

    /// Whether nothing is recorded or exported, instead of `OTEL_SDK_DISABLED`. Propagators still work, and so does the
    /// console. Default false.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.settings.disabled = Some(disabled);
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

    /// Up to which level events of `tracing` are events of the exported span that they are in as well, whatever the
    /// filters of console and logs say. Default [`LevelFilter::WARN`].
    pub fn span_events(mut self, level: LevelFilter) -> Self {
        self.settings.span_events = Some(level);
        self
    }

    /// Whether an entered span is OpenTelemetry's current context. Default true.
    ///
    /// Entering and leaving a span costs less without, as does each span. It is for services without code on
    /// OpenTelemetry's API: such code finds no current span and makes root spans. The layers of
    /// `trisignal-instrumentation`, log records and metrics find the span all the same, by
    /// [`context::current`](trisignal_instrumentation::context::current).
    pub fn context_activation(mut self, activate: bool) -> Self {
        self.settings.context_activation = Some(activate);
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
    ///
    /// It is on `tracing_subscriber`'s registry then. Without layers there is none: the subscriber that is installed keeps its
    /// spans itself, which is cheaper.
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
            .transpose()
            .map_err(|error| config.name_address(error))?;
        let pipeline = Pipeline::start(&config, &console_writer);
        let pipeline = pipeline.map_err(|error| config.name_setting(error))?;
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

/// What the builder was told.
#[cfg(test)]
impl Builder {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
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
