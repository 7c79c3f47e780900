//! Our own settings: `distribution.trisignal`.

use super::{ANY_TEXTS, BOOL, Key, SIZE, Shape, TEXT, TEXTS, Type};

/// What this crate reads below `distribution`.
pub(in super::super) static TRISIGNAL: Type = Type::record(
    "Trisignal",
    &[
        Key::new("console", Shape::Mapping(&CONSOLE), "Standard output."),
        Key::new("traces", Shape::Mapping(&TRACES), "Exported spans."),
        Key::new("logs", Shape::Mapping(&LOGS), "Exported log records."),
        Key::new("metrics", Shape::Mapping(&METRICS), "Recorded metrics."),
        Key::new(
            "sampling",
            Shape::Mapping(&SAMPLING),
            "What the schema's samplers don't have.",
        ),
        Key::new(
            "suppression",
            Shape::Mapping(&SUPPRESSION),
            "What keeps call sites of events from flooding console lines and exported logs.",
        ),
        Key::new(
            "redaction",
            Shape::Mapping(&REDACTION),
            "What is hidden in console lines, log records and spans.",
        ),
        Key::new(
            "bearer_token_file",
            TEXT,
            "A file with a token, which OTLP sends as `authorization: Bearer …`. It is read for each request. Default none.",
        ),
        Key::new(
            "queue_bytes",
            SIZE,
            "Bytes of items that wait to be encoded, for spans and for logs each. Default 16777216.",
        ),
        Key::new(
            "outbox_bytes",
            SIZE,
            "Encoded bytes of all signals that wait for the backend. Default 33554432.",
        ),
        Key::new(
            "max_age",
            SIZE,
            "Milliseconds that an encoded batch is kept for a backend that does not take it. Default 3600000.",
        ),
        Key::new(
            "retry",
            Shape::Mapping(&RETRY),
            "Waiting between two attempts.",
        ),
        Key::new(
            "baggage_attributes",
            TEXTS,
            "Keys of baggage members that every span and every log shows. Default none.",
        ),
    ],
);

static CONSOLE: Type = Type::record(
    "TrisignalConsole",
    &[
        Key::new(
            "format",
            TEXT,
            "As `OTEL_RUST_CONSOLE` has it: `auto`, `pretty`, `json`, `ecs` or `off`. Default `auto`.",
        ),
        Key::new(
            "filter",
            TEXT,
            "What is shown, in the syntax of `RUST_LOG`. Default `info`.",
        ),
        Key::new(
            "color",
            BOOL,
            "`false` is a terminal without colours. Default true.",
        ),
    ],
);

static LOGS: Type = Type::record(
    "TrisignalLogs",
    &[
        Key::new(
            "filter",
            TEXT,
            "What is exported, in the syntax of `RUST_LOG`. Default `info`.",
        ),
        Key::new(
            "trace_based",
            BOOL,
            "`true` exports no records of traces that are not sampled, but for warnings and errors. Default false.",
        ),
    ],
);

static TRACES: Type = Type::record(
    "TrisignalTraces",
    &[
        Key::new(
            "filter",
            TEXT,
            "What is exported, in the syntax of `RUST_LOG`. Default `info`.",
        ),
        Key::new(
            "span_events",
            Shape::OneOf(&["off", "error", "warn", "info", "debug", "trace"]),
            "Up to which level events of `tracing` are events of their span as well. Default `warn`.",
        ),
        Key::new(
            "context_activation",
            BOOL,
            "`false` keeps entered spans from being OpenTelemetry's current context, as `OTEL_RUST_CONTEXT_ACTIVATION` says. Default true.",
        ),
    ],
);

static METRICS: Type = Type::record(
    "TrisignalMetrics",
    &[Key::new(
        "own",
        ANY_TEXTS,
        "Which metrics of the process are recorded, as `OTEL_RUST_OWN_METRICS` has them.",
    )],
);

static SAMPLING: Type = Type::record(
    "TrisignalSampling",
    &[
        Key::new(
            "rules",
            TEXT,
            "Rules that come before the sampler, in the syntax of `OTEL_RUST_SAMPLING_RULES`.",
        ),
        Key::new(
            "debug_baggage",
            TEXT,
            "Key of a baggage member whose value `1` or `true` has a trace recorded whatever the sampler says.",
        ),
    ],
);

static SUPPRESSION: Type = Type::record(
    "TrisignalSuppression",
    &[
        Key::new(
            "rate",
            SIZE,
            "Events of one call site in a second that pass. Default no limit.",
        ),
        Key::new(
            "duplicates",
            SIZE,
            "Milliseconds for which an equal event is not shown again. Default not at all.",
        ),
        Key::new(
            "errors",
            BOOL,
            "Whether events of the level ERROR are kept back as well. Default false.",
        ),
    ],
);

static REDACTION: Type = Type::record(
    "TrisignalRedaction",
    &[
        Key::new(
            "kinds",
            TEXTS,
            "What is looked for, as `OTEL_RUST_REDACTION` has it.",
        ),
        Key::new("keys", TEXTS, "More words in keys whose values are hidden."),
        Key::new(
            "query_parameters",
            TEXTS,
            "Names of parameters in URLs whose values are hidden, in place of the default ones.",
        ),
    ],
);

static RETRY: Type = Type::record(
    "TrisignalRetry",
    &[
        Key::new(
            "initial",
            SIZE,
            "Milliseconds; the ceiling of the first wait, which doubles with each attempt. Default 500.",
        ),
        Key::new(
            "max",
            SIZE,
            "Milliseconds; the highest ceiling. Default 30000.",
        ),
    ],
);
