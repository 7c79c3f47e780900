//! Settings and environment become a [`Config`]: code, else environment, else default, for each value.

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::identity::identity;
use super::parse::{delay, filter_directives};
use super::reader::Reader;
use super::redact::value_for_people;
use super::redaction::redactor;
use super::suppression::suppression;
use super::variables::{self as table, Signal, Variable};
use super::{
    BatchConfig, ByteSize, Config, ConfigError, ConsoleConfig, Environment, Origin, RetryConfig,
    Settings, contradictions, file, metrics, otlp, sampling, show, unsupported,
};

/// Per queue. Some 30,000 small spans, which is the bound that is met before that of items.
const QUEUE_BYTES: ByteSize = ByteSize::from_mib(16);
/// Encoded batches that the backend has not acknowledged.
const OUTBOX: ByteSize = ByteSize::from_mib(32);
/// Longer outages are for a spool on disk.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
const RETRY_INITIAL: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What is in force.
///
/// # Errors
///
/// When code asked for something impossible. An operator's mistakes are never errors here: they are in
/// [`Config::warnings`]. (A certificate file that can't be used is one, when the pipeline starts: it would be unsafe to
/// go on without.)
pub(crate) fn resolve(settings: &Settings, env: &dyn Environment) -> Result<Config, ConfigError> {
    resolve_from(settings, &mut Reader::new(env))
}

/// [`resolve`], whatever the reader reads.
pub(super) fn resolve_from(
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<Config, ConfigError> {
    settings.validate()?;
    let disabled = reader.pick(
        "disabled",
        settings.disabled,
        &table::SDK_DISABLED,
        show::display,
    );
    let identity = identity(settings, reader);
    let traces = otlp::signal(Signal::Traces, settings, reader)?;
    let metrics = otlp::signal(Signal::Metrics, settings, reader)?;
    let logs = otlp::signal(Signal::Logs, settings, reader)?;
    let mut config = Config {
        disabled,
        service_name: identity.service_name.clone(),
        resource: identity.resource.clone(),
        metric_streams: metrics::metrics(settings, &metrics, reader),
        traces,
        metrics,
        logs,
        console: console(settings, reader),
        logs_filter: filter(
            "logs.filter",
            &settings.logs_filter,
            &table::LOGS_FILTER,
            reader,
        ),
        traces_filter: filter(
            "traces.filter",
            &settings.traces_filter,
            &table::TRACES_FILTER,
            reader,
        ),
        tracers: file::scopes(Signal::Traces, reader),
        loggers: file::scopes(Signal::Logs, reader),
        sampler: sampling::resolve(settings, reader),
        logs_trace_based: reader.pick(
            "logs.trace_based",
            settings.logs_trace_based,
            &table::LOGS_TRACE_BASED,
            show::display,
        ),
        span_events: reader.pick(
            "traces.span_events",
            settings.span_events,
            &table::SPAN_EVENTS,
            show::display,
        ),
        context_activation: reader.pick(
            "traces.context_activation",
            settings.context_activation,
            &table::CONTEXT_ACTIVATION,
            show::switch,
        ),
        limits: super::limits::limits(settings, reader),
        span_batch: span_batch(settings, reader),
        log_batch: log_batch(settings, reader),
        metric_interval: reader.pick(
            "metrics.interval",
            settings.metric_interval.map(delay),
            &table::METRIC_EXPORT_INTERVAL,
            show::duration,
        ),
        temporality: reader.pick(
            "metrics.temporality",
            settings.temporality,
            &table::TEMPORALITY,
            show::display,
        ),
        own_metrics: reader.pick(
            "metrics.own",
            settings.own_metrics.clone(),
            &table::OWN_METRICS,
            show::own_metrics,
        ),
        propagators: reader.pick(
            "propagators",
            settings.propagators.clone(),
            &table::PROPAGATORS,
            show::propagators,
        ),
        baggage_attributes: baggage_attributes(settings, reader),
        http_known_methods: http_known_methods(settings, reader),
        http_headers: file::captured_headers(reader),
        suppression: suppression(settings, reader),
        redaction: redactor(settings, reader),
        outbox: constant(
            "outbox",
            settings.outbox,
            ByteSize::from_bytes,
            OUTBOX,
            show::display,
            reader,
        ),
        max_age: constant(
            "max_age",
            settings.max_age.map(delay),
            milliseconds,
            MAX_AGE,
            show::duration,
            reader,
        ),
        retry: retry(settings, reader),
        warnings: Vec::new(),
        effective: Vec::new(),
    };
    identity.note(&config.redaction, reader);
    unsupported::warn(reader);
    contradictions::warn(&config, reader);
    config.warnings = std::mem::take(&mut reader.warnings);
    config.effective = std::mem::take(&mut reader.effective);
    Ok(config)
}

fn baggage_attributes(settings: &Settings, reader: &mut Reader<'_>) -> Vec<&'static str> {
    let keys = settings.baggage_attributes.clone();
    if keys.is_empty()
        && let Some((keys, origin)) = reader.file.and_then(file::baggage_attributes)
    {
        reader.note("baggage.attributes", show::list(&keys), origin);
        return keys;
    }
    let origin = if keys.is_empty() {
        Origin::Default
    } else {
        Origin::Code
    };
    reader.note("baggage.attributes", show::list(&keys), origin);
    keys
}

fn console(settings: &Settings, reader: &mut Reader<'_>) -> ConsoleConfig {
    let format = reader.pick(
        "console.format",
        settings.console_format,
        &table::CONSOLE,
        show::console,
    );
    let mut filter = filter(
        "console.filter",
        &settings.console_filter,
        &table::RUST_LOG,
        reader,
    );
    if let Some(level) = log_level(settings, reader) {
        // The last directive for a target is the one that counts.
        let level = level.to_string();
        filter = format!("{filter},trisignal={level}");
    }
    let (color, origin) = match settings.console_color {
        Some(color) => (color, Origin::Code),
        None => match reader.read(&table::NO_COLOR) {
            Some((_, origin)) => (false, origin),
            None => (true, Origin::Default),
        },
    };
    reader.note("console.color", color.to_string(), origin);
    ConsoleConfig {
        format,
        filter,
        color,
    }
}

/// What telemetry says about itself, where it is not left to the console's filter.
fn log_level(settings: &Settings, reader: &mut Reader<'_>) -> Option<LevelFilter> {
    let found = match settings.log_level {
        Some(level) => Some((level, Origin::Code)),
        None => reader.read(&table::LOG_LEVEL),
    };
    let (level, origin) = found.unzip();
    let shown = level.map_or_else(|| "as console.filter".to_owned(), |level| level.to_string());
    reader.note("log_level", shown, origin.unwrap_or(Origin::Default));
    level
}

/// `None` leaves it to the instrumentation's own list.
fn http_known_methods(settings: &Settings, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let found = match settings.http_known_methods.clone() {
        Some(methods) => Some((methods, Origin::Code)),
        None => reader.read(&table::HTTP_KNOWN_METHODS),
    };
    let (methods, origin) = found.unzip();
    let shown = methods.as_ref().map_or_else(
        || table::HTTP_KNOWN_METHODS.default.to_owned(),
        |methods| methods.join(","),
    );
    reader.note(
        "http.known_methods",
        value_for_people(&shown),
        origin.unwrap_or(Origin::Default),
    );
    methods
}

fn filter(
    key: &str,
    code: &Option<String>,
    variable: &Variable<String>,
    reader: &mut Reader<'_>,
) -> String {
    // `Settings::validate` has refused what can't be read; what is left is only tidied.
    let code = code
        .as_deref()
        .and_then(|directives| filter_directives(directives).ok());
    reader.pick(key, code, variable, show::filter)
}

fn span_batch(settings: &Settings, reader: &mut Reader<'_>) -> BatchConfig {
    let variables = (
        &table::BSP_SCHEDULE_DELAY,
        &table::BSP_MAX_QUEUE_SIZE,
        &table::BSP_MAX_EXPORT_BATCH_SIZE,
    );
    batch(Signal::Traces, settings, variables, reader)
}

fn log_batch(settings: &Settings, reader: &mut Reader<'_>) -> BatchConfig {
    let variables = (
        &table::BLRP_SCHEDULE_DELAY,
        &table::BLRP_MAX_QUEUE_SIZE,
        &table::BLRP_MAX_EXPORT_BATCH_SIZE,
    );
    batch(Signal::Logs, settings, variables, reader)
}

fn batch(
    signal: Signal,
    settings: &Settings,
    (delay_of, queue_of, batch_of): (&Variable<Duration>, &Variable<usize>, &Variable<usize>),
    reader: &mut Reader<'_>,
) -> BatchConfig {
    let code = settings.batch_for(signal);
    let signal = signal.name();
    let key = |what: &str| format!("{signal}.{what}");
    let delay = reader.pick(
        &key("schedule_delay"),
        code.schedule_delay.map(delay),
        delay_of,
        show::duration,
    );
    let max_queue_items = reader.pick(
        &key("queue_items"),
        code.queue_items,
        queue_of,
        show::display,
    );
    let max_queue_bytes = constant(
        &key("queue_bytes"),
        code.queue_bytes,
        ByteSize::from_bytes,
        QUEUE_BYTES,
        show::display,
        reader,
    );
    let wanted = reader.pick(
        &key("batch_items"),
        code.batch_items,
        batch_of,
        show::display,
    );
    let max_batch_items = wanted.min(max_queue_items);
    if max_batch_items < wanted {
        // The queue rules: the batch in force is the smaller number, and so is what the explanation says.
        cut_batch(max_batch_items, reader);
    }
    BatchConfig {
        delay,
        max_queue_items,
        max_queue_bytes,
        max_batch_items,
    }
}

/// Corrects the last noted value, and warns when an operator asked for it.
fn cut_batch(in_force: usize, reader: &mut Reader<'_>) {
    let Some(noted) = reader.effective.last_mut() else {
        return;
    };
    let asked = std::mem::replace(&mut noted.value, in_force.to_string());
    if matches!(noted.origin, Origin::Environment(_) | Origin::File { .. }) {
        let instead = format!("{in_force} is used");
        let place = noted.origin.to_string();
        reader.warn(super::Warning::new(
            place,
            Some(asked),
            "is more than the queue holds",
            instead,
        ));
    }
}

fn retry(settings: &Settings, reader: &mut Reader<'_>) -> RetryConfig {
    let (initial, max) = (
        settings.retry_initial.map(delay),
        settings.retry_max.map(delay),
    );
    // Whoever sets one of the two moves the default of the other out of the way.
    let known_max = max.or_else(|| {
        let (number, _) = reader.number_of_file("retry.max")?;
        Some(milliseconds(number))
    });
    let initial_default = known_max.map_or(RETRY_INITIAL, |max| RETRY_INITIAL.min(max));
    let initial = constant(
        "retry.initial",
        initial,
        milliseconds,
        initial_default,
        show::duration,
        reader,
    );
    let max = constant(
        "retry.max",
        max,
        milliseconds,
        RETRY_MAX.max(initial),
        show::duration,
        reader,
    );
    RetryConfig {
        initial,
        // One of them may be code's and the other a file's.
        max: max.max(initial),
    }
}

fn milliseconds(number: u64) -> Duration {
    delay(Duration::from_millis(number))
}

/// A value that has no variable. In a file it is a whole number.
fn constant<T>(
    key: &str,
    code: Option<T>,
    from: fn(u64) -> T,
    default: T,
    shown: fn(&T) -> String,
    reader: &mut Reader<'_>,
) -> T {
    let (value, origin) = match code {
        Some(value) => (value, Origin::Code),
        None => match reader.number_of_file(key) {
            Some((number, origin)) => (from(number), origin),
            None => (default, Origin::Default),
        },
    };
    reader.note(key, shown(&value), origin);
    value
}
