//! Logs: `logger_provider`.

use super::common::{
    ATTRIBUTE_COUNT, CONSOLE, NOTHING, OTLP_FILE, OTLP_GRPC, OTLP_HTTP, SCOPE_NAME, SEVERITY,
    VALUE_LENGTH, batch_keys,
};
use super::{BOOL, Key, Shape, Type, list};

pub(super) static LOGGER_PROVIDER: Type = Type::record(
    "LoggerProvider",
    &[
        Key::new(
            "processors",
            list(&Shape::Mapping(&PROCESSOR)),
            "Where log records go, each on a way of its own.",
        )
        .required(),
        Key::new(
            "limits",
            Shape::Mapping(&LIMITS),
            "Limits of log records; they win over `attribute_limits`.",
        ),
        Key::new(
            "logger_configurator/development",
            Shape::Mapping(&CONFIGURATOR),
            "Which log records are exported, by their target; all of them also have the name `trisignal`. The console is not affected.",
        ),
    ],
);

static PROCESSOR: Type = Type::choice(
    "LogRecordProcessor",
    "log record processor",
    &[
        Key::new(
            "batch",
            Shape::Mapping(&BATCH),
            "Records travel in batches.",
        ),
        Key::new(
            "simple",
            Shape::Mapping(&SIMPLE),
            "Each record is encoded at once, and travels as soon as it can.",
        ),
        Key::unused(
            "event_to_span_event_bridge/development",
            Shape::Mapping(&EVENT_BRIDGE),
            "warnings and errors inside of a span are events of that span anyway",
        ),
    ],
);

static EVENT_BRIDGE: Type = Type::record(
    "ExperimentalEventToSpanEventBridgeLogRecordProcessor",
    &NOTHING,
)
.nullable();

static BATCH_KEYS: [Key; 5] = batch_keys(
    &EXPORTER,
    "Milliseconds that a record waits at most before it is encoded. Default 1000.",
);
static BATCH: Type = Type::record("BatchLogRecordProcessor", &BATCH_KEYS);

static SIMPLE: Type = Type::record(
    "SimpleLogRecordProcessor",
    &[Key::new("exporter", Shape::Mapping(&EXPORTER), "Where they go.").required()],
);

static EXPORTER: Type = Type::choice(
    "LogRecordExporter",
    "log record exporter",
    &[
        Key::new("otlp_http", Shape::Mapping(&OTLP_HTTP), "OTLP over HTTP."),
        Key::new("otlp_grpc", Shape::Mapping(&OTLP_GRPC), "OTLP over gRPC."),
        Key::new(
            "otlp_file/development",
            Shape::Mapping(&OTLP_FILE),
            "OTLP as lines of JSON on standard output.",
        ),
        Key::new(
            "console",
            Shape::Mapping(&CONSOLE),
            "Standard output, for people.",
        ),
    ],
);

static LIMITS: Type = Type::record("LogRecordLimits", &[VALUE_LENGTH, ATTRIBUTE_COUNT]);

static CONFIGURATOR: Type = Type::record(
    "ExperimentalLoggerConfigurator",
    &[
        Key::new(
            "default_config",
            Shape::Mapping(&LOGGER_CONFIG),
            "Of all others. Default on.",
        ),
        Key::new(
            "loggers",
            list(&Shape::Mapping(&LOGGER_MATCHER)),
            "The first that matches decides.",
        ),
    ],
);

static LOGGER_MATCHER: Type = Type::record(
    "ExperimentalLoggerMatcherAndConfig",
    &[
        SCOPE_NAME,
        Key::new(
            "config",
            Shape::Mapping(&LOGGER_CONFIG),
            "What holds for it.",
        )
        .required(),
    ],
);

static LOGGER_CONFIG: Type = Type::record(
    "ExperimentalLoggerConfig",
    &[
        Key::new(
            "enabled",
            BOOL,
            "Whether anything of it is recorded. Default true.",
        ),
        Key::new(
            "minimum_severity",
            SEVERITY,
            "The least severity. Default all.",
        ),
        Key::new(
            "trace_based",
            BOOL,
            "As `distribution.trisignal.logs.trace_based`, which wins; only in `default_config`, and elsewhere a warning.",
        ),
    ],
);
