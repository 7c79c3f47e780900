//! Logs: `logger_provider`.

use super::common::{
    ATTRIBUTE_COUNT, CONSOLE, NOTHING, OTLP_FILE, OTLP_GRPC, OTLP_HTTP, SEVERITY, VALUE_LENGTH,
    batch_keys,
};
use super::{BOOL, Key, NAME, Shape, Type, list};

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
        Key::unused(
            "logger_configurator/development",
            Shape::Mapping(&CONFIGURATOR),
            "`distribution.trisignal.logs.filter` says which log records are exported",
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
        Key::new("default_config", Shape::Mapping(&LOGGER_CONFIG), ""),
        Key::new("loggers", list(&Shape::Mapping(&LOGGER_MATCHER)), ""),
    ],
);

static LOGGER_MATCHER: Type = Type::record(
    "ExperimentalLoggerMatcherAndConfig",
    &[
        Key::new("name", NAME, "").required(),
        Key::new("config", Shape::Mapping(&LOGGER_CONFIG), "").required(),
    ],
);

static LOGGER_CONFIG: Type = Type::record(
    "ExperimentalLoggerConfig",
    &[
        Key::new("enabled", BOOL, ""),
        Key::new("minimum_severity", SEVERITY, ""),
        Key::new("trace_based", BOOL, ""),
    ],
);
