//! Spans: `tracer_provider` with its samplers.

use super::common::{
    ATTRIBUTE_COUNT, CONSOLE, ENABLED, NOTHING, OTLP_FILE, OTLP_GRPC, OTLP_HTTP, SCOPE_NAME,
    VALUE_LENGTH, batch_keys,
};
use super::{COUNT, Key, NAME, RATIO, Shape, TEXTS, Type, list};

pub(super) static TRACER_PROVIDER: Type = Type::record(
    "TracerProvider",
    &[
        Key::new(
            "processors",
            list(&Shape::Mapping(&PROCESSOR)),
            "Where spans go, each on a way of its own.",
        )
        .required(),
        Key::new(
            "limits",
            Shape::Mapping(&LIMITS),
            "Limits of spans; they win over `attribute_limits`.",
        ),
        Key::new(
            "sampler",
            Shape::Mapping(&SAMPLER),
            "Which spans are recorded. Default `parent_based` with the root `always_on`.",
        ),
        Key::new(
            "id_generator",
            Shape::Mapping(&ID_GENERATOR),
            "How IDs are made. Default, and all there is, `random`.",
        ),
        Key::new(
            "tracer_configurator/development",
            Shape::Mapping(&CONFIGURATOR),
            "Which spans of `tracing` are recorded, by their target; all of them also have the name `trisignal`. Tracers of the OpenTelemetry API stay on.",
        ),
    ],
);

static PROCESSOR: Type = Type::choice(
    "SpanProcessor",
    "span processor",
    &[
        Key::new("batch", Shape::Mapping(&BATCH), "Spans travel in batches."),
        Key::new(
            "simple",
            Shape::Mapping(&SIMPLE),
            "Each span is encoded at once, and travels as soon as it can.",
        ),
    ],
);

static BATCH_KEYS: [Key; 5] = batch_keys(
    &EXPORTER,
    "Milliseconds that a span waits at most before it is encoded. Default 5000.",
);
static BATCH: Type = Type::record("BatchSpanProcessor", &BATCH_KEYS);

static SIMPLE: Type = Type::record(
    "SimpleSpanProcessor",
    &[Key::new("exporter", Shape::Mapping(&EXPORTER), "Where they go.").required()],
);

static EXPORTER: Type = Type::choice(
    "SpanExporter",
    "span exporter",
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

static LIMITS: Type = Type::record(
    "SpanLimits",
    &[
        VALUE_LENGTH,
        ATTRIBUTE_COUNT,
        Key::new(
            "event_count_limit",
            COUNT,
            "Events kept on a span. Default 128.",
        ),
        Key::new(
            "link_count_limit",
            COUNT,
            "Links kept on a span. Default 128.",
        ),
        Key::new(
            "event_attribute_count_limit",
            COUNT,
            "Attributes kept on an event. Default 128.",
        ),
        Key::new(
            "link_attribute_count_limit",
            COUNT,
            "Attributes kept on a link. Default 128.",
        ),
    ],
);

static ID_GENERATOR: Type = Type::choice(
    "IdGenerator",
    "ID generator",
    &[Key::new("random", Shape::Mapping(&RANDOM), "Random IDs.")],
);
static RANDOM: Type = Type::record("RandomIdGenerator", &NOTHING).nullable();

static CONFIGURATOR: Type = Type::record(
    "ExperimentalTracerConfigurator",
    &[
        Key::new(
            "default_config",
            Shape::Mapping(&TRACER_CONFIG),
            "Of all others. Default on.",
        ),
        Key::new(
            "tracers",
            list(&Shape::Mapping(&TRACER_MATCHER)),
            "The first that matches decides.",
        ),
    ],
);
static TRACER_MATCHER: Type = Type::record(
    "ExperimentalTracerMatcherAndConfig",
    &[
        SCOPE_NAME,
        Key::new(
            "config",
            Shape::Mapping(&TRACER_CONFIG),
            "What holds for it.",
        )
        .required(),
    ],
);
static TRACER_CONFIG: Type = Type::record("ExperimentalTracerConfig", &[ENABLED]);

static SAMPLER: Type = Type::choice(
    "Sampler",
    "sampler",
    &[
        Key::new("always_off", Shape::Mapping(&ALWAYS_OFF), "No span."),
        Key::new("always_on", Shape::Mapping(&ALWAYS_ON), "Every span."),
        Key::new(
            "composite/development",
            Shape::Mapping(&COMPOSABLE),
            "A sampler by consistent probability, made of others.",
        ),
        Key::new(
            "jaeger_remote/development",
            Shape::Mapping(&JAEGER_REMOTE),
            "What a Jaeger backend says.",
        ),
        Key::new(
            "parent_based",
            Shape::Mapping(&PARENT_BASED),
            "As the parent was sampled, and `root` where there is none.",
        ),
        Key::new(
            "probability/development",
            Shape::Mapping(&PROBABILITY),
            "A share of all traces, by consistent probability.",
        ),
        Key::new(
            "trace_id_ratio_based",
            Shape::Mapping(&TRACE_ID_RATIO),
            "A share of all traces.",
        ),
    ],
);

const SHARE: Key = Key::new("ratio", RATIO, "From 0 to 1. Default 1.");

static ALWAYS_OFF: Type = Type::record("AlwaysOffSampler", &NOTHING).nullable();
static ALWAYS_ON: Type = Type::record("AlwaysOnSampler", &NOTHING).nullable();
static PROBABILITY: Type = Type::record("ExperimentalProbabilitySampler", &[SHARE]).nullable();
static TRACE_ID_RATIO: Type = Type::record("TraceIdRatioBasedSampler", &[SHARE]).nullable();

static PARENT_BASED: Type = Type::record(
    "ParentBasedSampler",
    &[
        Key::new(
            "root",
            Shape::Mapping(&SAMPLER),
            "For a trace that begins here. Default `always_on`.",
        ),
        Key::new(
            "remote_parent_sampled",
            Shape::Mapping(&SAMPLER),
            "For a sampled parent in another process. Default `always_on`.",
        ),
        Key::new(
            "remote_parent_not_sampled",
            Shape::Mapping(&SAMPLER),
            "For an unsampled parent in another process. Default `always_off`.",
        ),
        Key::new(
            "local_parent_sampled",
            Shape::Mapping(&SAMPLER),
            "For a sampled parent in this process. Default `always_on`.",
        ),
        Key::new(
            "local_parent_not_sampled",
            Shape::Mapping(&SAMPLER),
            "For an unsampled parent in this process. Default `always_off`.",
        ),
    ],
)
.nullable();

static JAEGER_REMOTE: Type = Type::record(
    "ExperimentalJaegerRemoteSampler",
    &[
        Key::new("endpoint", NAME, "The URL of the sampling service.").required(),
        Key::new(
            "interval",
            COUNT,
            "Milliseconds between two questions. Default 60000.",
        ),
        Key::new(
            "initial_sampler",
            Shape::Mapping(&SAMPLER),
            "Until there is an answer.",
        )
        .required(),
    ],
)
.nullable();

static COMPOSABLE: Type = Type::choice(
    "ExperimentalComposableSampler",
    "composable sampler",
    &[
        Key::new("always_off", Shape::Mapping(&COMPOSABLE_OFF), "No span."),
        Key::new("always_on", Shape::Mapping(&COMPOSABLE_ON), "Every span."),
        Key::new(
            "parent_threshold",
            Shape::Mapping(&PARENT_THRESHOLD),
            "With the probability of the parent, and `root` where there is none.",
        ),
        Key::new(
            "probability",
            Shape::Mapping(&COMPOSABLE_PROBABILITY),
            "A share of all traces.",
        ),
        Key::new(
            "rule_based",
            Shape::Mapping(&RULE_BASED),
            "By rules, of which the first that matches decides.",
        ),
    ],
);

static COMPOSABLE_OFF: Type =
    Type::record("ExperimentalComposableAlwaysOffSampler", &NOTHING).nullable();
static COMPOSABLE_ON: Type =
    Type::record("ExperimentalComposableAlwaysOnSampler", &NOTHING).nullable();
static COMPOSABLE_PROBABILITY: Type =
    Type::record("ExperimentalComposableProbabilitySampler", &[SHARE]).nullable();
static PARENT_THRESHOLD: Type = Type::record(
    "ExperimentalComposableParentThresholdSampler",
    &[Key::new(
        "root",
        Shape::Mapping(&COMPOSABLE),
        "For a trace that begins here.",
    )
    .required()],
);

static RULE_BASED: Type = Type::record(
    "ExperimentalComposableRuleBasedSampler",
    &[Key::new(
        "rules",
        list(&Shape::Mapping(&RULE)),
        "Without any, and where none matches, no span.",
    )],
)
.nullable();

static RULE: Type = Type::record(
    "ExperimentalComposableRuleBasedSamplerRule",
    &[
        Key::new(
            "attribute_values",
            Shape::Mapping(&RULE_VALUES),
            "An attribute has one of these values.",
        ),
        Key::new(
            "attribute_patterns",
            Shape::Mapping(&RULE_PATTERNS),
            "An attribute's value matches a pattern.",
        ),
        Key::new(
            "span_kinds",
            list(&Shape::OneOf(&[
                "internal", "server", "client", "producer", "consumer",
            ])),
            "The span is of one of these kinds.",
        ),
        Key::new(
            "parent",
            list(&Shape::OneOf(&["none", "remote", "local"])),
            "Its parent is one of these.",
        ),
        Key::new(
            "sampler",
            Shape::Mapping(&COMPOSABLE),
            "What decides when all of the above match.",
        )
        .required(),
    ],
);

static RULE_VALUES: Type = Type::record(
    "ExperimentalComposableRuleBasedSamplerRuleAttributeValues",
    &[
        Key::new("key", NAME, "The attribute.").required(),
        Key::new("values", TEXTS, "Values, as texts.").required(),
    ],
);

static RULE_PATTERNS: Type = Type::record(
    "ExperimentalComposableRuleBasedSamplerRuleAttributePatterns",
    &[
        Key::new("key", NAME, "The attribute.").required(),
        Key::new("included", TEXTS, "Patterns of values. Default all."),
        Key::new("excluded", TEXTS, "Patterns of values that are left out."),
    ],
);
