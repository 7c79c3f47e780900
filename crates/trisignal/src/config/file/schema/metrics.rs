//! Metrics: `meter_provider` with its readers and views.

use super::common::{
    ENABLED, HISTOGRAM, NOTHING, OTLP_GRPC_METRICS, OTLP_HTTP_METRICS, OUTPUT_STREAM, PATTERNS,
    SCOPE_NAME, TEMPORALITY,
};
use super::{BOOL, COUNT, Key, SIZE, Shape, TEXT, Type, list, whole};

pub(super) static METER_PROVIDER: Type = Type::record(
    "MeterProvider",
    &[
        Key::new(
            "readers",
            list(&Shape::Mapping(&READER)),
            "Who collects metrics.",
        )
        .required(),
        Key::new(
            "views",
            list(&Shape::Mapping(&VIEW)),
            "How metrics differ from what their instruments say.",
        ),
        Key::new(
            "exemplar_filter",
            Shape::OneOf(&["always_on", "always_off", "trace_based"]),
            "Which measurements may become exemplars. Default `trace_based`.",
        ),
        Key::new(
            "meter_configurator/development",
            Shape::Mapping(&CONFIGURATOR),
            "Which meters are on, by their names, whatever views say. That of static instruments is called like the service, that of telemetry's own `trisignal`.",
        ),
    ],
);

static CONFIGURATOR: Type = Type::record(
    "ExperimentalMeterConfigurator",
    &[
        Key::new(
            "default_config",
            Shape::Mapping(&METER_CONFIG),
            "Of all others. Default on.",
        ),
        Key::new(
            "meters",
            list(&Shape::Mapping(&METER_MATCHER)),
            "The first that matches decides.",
        ),
    ],
);
static METER_MATCHER: Type = Type::record(
    "ExperimentalMeterMatcherAndConfig",
    &[
        SCOPE_NAME,
        Key::new(
            "config",
            Shape::Mapping(&METER_CONFIG),
            "What holds for it.",
        )
        .required(),
    ],
);
static METER_CONFIG: Type = Type::record("ExperimentalMeterConfig", &[ENABLED]);

static READER: Type = Type::choice(
    "MetricReader",
    "metric reader",
    &[
        Key::new(
            "periodic",
            Shape::Mapping(&PERIODIC),
            "Collects and exports again and again.",
        ),
        Key::new(
            "pull",
            Shape::Mapping(&PULL),
            "Collects when it is asked to.",
        ),
    ],
);

static ONE_PRODUCER: Shape = Shape::Mapping(&PRODUCER);
const PRODUCERS: Key = Key::unused(
    "producers",
    list(&ONE_PRODUCER),
    "there are no metric producers here",
);
const CARDINALITY: Key = Key::new(
    "cardinality_limits",
    Shape::Mapping(&CARDINALITY_LIMITS),
    "Attribute sets of one metric; what is more is counted under one set.",
);

static PERIODIC: Type = Type::record(
    "PeriodicMetricReader",
    &[
        Key::new(
            "interval",
            COUNT,
            "Milliseconds between two collections. Default 60000.",
        ),
        Key::new(
            "timeout",
            COUNT,
            "Milliseconds; a second upper limit to one attempt. 0, and nothing, is none: the exporter's `timeout` holds.",
        ),
        Key::unused(
            "max_export_batch_size/development",
            whole(1, i64::MAX),
            "a request is split by its bytes",
        ),
        Key::new("exporter", Shape::Mapping(&PUSH), "Where they go.").required(),
        PRODUCERS,
        CARDINALITY,
    ],
);

static PULL: Type = Type::record(
    "PullMetricReader",
    &[
        Key::new(
            "exporter",
            Shape::Mapping(&PULLED),
            "How they are asked for.",
        )
        .required(),
        PRODUCERS,
        CARDINALITY,
    ],
);

static PRODUCER: Type = Type::choice(
    "MetricProducer",
    "metric producer",
    &[Key::new("opencensus", Shape::Mapping(&OPENCENSUS), "")],
);
static OPENCENSUS: Type = Type::record("OpenCensusMetricProducer", &NOTHING).nullable();

static PUSH: Type = Type::choice(
    "PushMetricExporter",
    "metric exporter",
    &[
        Key::new(
            "otlp_http",
            Shape::Mapping(&OTLP_HTTP_METRICS),
            "OTLP over HTTP.",
        ),
        Key::new(
            "otlp_grpc",
            Shape::Mapping(&OTLP_GRPC_METRICS),
            "OTLP over gRPC.",
        ),
        Key::new(
            "otlp_file/development",
            Shape::Mapping(&OTLP_FILE_METRICS),
            "OTLP as lines of JSON on standard output.",
        ),
        Key::new(
            "console",
            Shape::Mapping(&CONSOLE_METRICS),
            "Standard output, for people.",
        ),
    ],
);

static OTLP_FILE_METRICS: Type = Type::record(
    "ExperimentalOtlpFileMetricExporter",
    &[OUTPUT_STREAM, TEMPORALITY, HISTOGRAM],
)
.nullable();
static CONSOLE_METRICS: Type =
    Type::record("ConsoleMetricExporter", &[TEMPORALITY, HISTOGRAM]).nullable();

static PULLED: Type = Type::choice(
    "PullMetricExporter",
    "pull exporter",
    &[Key::new(
        "prometheus/development",
        Shape::Mapping(&PROMETHEUS),
        "A page for Prometheus.",
    )],
);

static PROMETHEUS: Type = Type::record(
    "ExperimentalPrometheusMetricExporter",
    &[
        Key::new(
            "host",
            TEXT,
            "The address to listen on. Default `localhost`.",
        ),
        Key::new(
            "port",
            whole(0, 65_535),
            "The port. Default 9464; 0 is one that is free.",
        ),
        Key::unused("scope_info_enabled", BOOL, "scopes are always shown"),
        Key::unused(
            "target_info_enabled/development",
            BOOL,
            "the resource is always shown",
        ),
        Key::unused(
            "resource_constant_labels",
            Shape::Mapping(&PATTERNS),
            "the resource is in `target_info`",
        ),
        Key::unused(
            "translation_strategy",
            Shape::OneOf(&[
                "underscore_escaping_with_suffixes",
                "underscore_escaping_without_suffixes/development",
                "no_utf8_escaping_with_suffixes/development",
                "no_translation/development",
            ]),
            "names are always escaped with underscores, and have suffixes",
        ),
    ],
)
.nullable();

static CARDINALITY_LIMITS: Type = Type::record(
    "CardinalityLimits",
    &[
        Key::new("default", SIZE, "For all kinds. Default 2000."),
        Key::new("counter", SIZE, "For counters. Default `default`."),
        Key::new("gauge", SIZE, "For gauges."),
        Key::new("histogram", SIZE, "For histograms."),
        Key::new("observable_counter", SIZE, "For observable counters."),
        Key::new("observable_gauge", SIZE, "For observable gauges."),
        Key::new(
            "observable_up_down_counter",
            SIZE,
            "For observable up-down counters.",
        ),
        Key::new("up_down_counter", SIZE, "For up-down counters."),
    ],
);

static VIEW: Type = Type::record(
    "View",
    &[
        Key::new(
            "selector",
            Shape::Mapping(&SELECTOR),
            "The instruments it is about: those that match all of it.",
        )
        .required(),
        Key::new("stream", Shape::Mapping(&STREAM), "The metric they make.").required(),
    ],
);

static SELECTOR: Type = Type::record(
    "ViewSelector",
    &[
        Key::new(
            "instrument_name",
            TEXT,
            "The name; `?` is any one character, `*` any number of them.",
        ),
        Key::new(
            "instrument_type",
            Shape::OneOf(&[
                "counter",
                "gauge",
                "histogram",
                "observable_counter",
                "observable_gauge",
                "observable_up_down_counter",
                "up_down_counter",
            ]),
            "The kind.",
        ),
        Key::new("unit", TEXT, "The unit."),
        Key::new("meter_name", TEXT, "The name of the meter."),
        Key::new("meter_version", TEXT, "The version of the meter."),
        Key::new("meter_schema_url", TEXT, "The schema URL of the meter."),
    ],
);

static STREAM: Type = Type::record(
    "ViewStream",
    &[
        Key::new(
            "name",
            TEXT,
            "The name of the metric. Default the instrument's.",
        ),
        Key::new(
            "description",
            TEXT,
            "Its description. Default the instrument's.",
        ),
        Key::new(
            "aggregation",
            Shape::Mapping(&AGGREGATION),
            "How measurements become a metric.",
        ),
        Key::new(
            "aggregation_cardinality_limit",
            SIZE,
            "Attribute sets of the metric. Default the reader's.",
        ),
        Key::new(
            "attribute_keys",
            Shape::Mapping(&PATTERNS),
            "Attributes that are kept. Default all. Where several views choose the same instrument and one of them has patterns or `excluded`, what any of them keeps is in the metrics of that one.",
        ),
    ],
);

static AGGREGATION: Type = Type::choice(
    "Aggregation",
    "aggregation",
    &[
        Key::new(
            "default",
            Shape::Mapping(&DEFAULT),
            "By the instrument's kind.",
        ),
        Key::new("drop", Shape::Mapping(&DROP), "No metric at all."),
        Key::new(
            "explicit_bucket_histogram",
            Shape::Mapping(&EXPLICIT),
            "A histogram with these buckets.",
        ),
        Key::new(
            "base2_exponential_bucket_histogram",
            Shape::Mapping(&EXPONENTIAL),
            "A histogram whose buckets follow the values.",
        ),
        Key::new("last_value", Shape::Mapping(&LAST_VALUE), "The last value."),
        Key::new("sum", Shape::Mapping(&SUM), "The sum."),
    ],
);

static DEFAULT: Type = Type::record("DefaultAggregation", &NOTHING).nullable();
static DROP: Type = Type::record("DropAggregation", &NOTHING).nullable();
static LAST_VALUE: Type = Type::record("LastValueAggregation", &NOTHING).nullable();
static SUM: Type = Type::record("SumAggregation", &NOTHING).nullable();

const MIN_MAX: Key = Key::new(
    "record_min_max",
    BOOL,
    "Whether the smallest and the largest value are kept. Default true.",
);

static EXPLICIT: Type = Type::record(
    "ExplicitBucketHistogramAggregation",
    &[
        Key::new(
            "boundaries",
            Shape::List {
                of: &ANY_NUMBER,
                min: 0,
            },
            "The upper bounds of the buckets, ascending. Default 0 to 10000 in 15 steps.",
        ),
        MIN_MAX,
    ],
)
.nullable();

static ANY_NUMBER: Shape = Shape::Number {
    nullable: false,
    min: f64::NEG_INFINITY,
    max: f64::INFINITY,
};

static EXPONENTIAL: Type = Type::record(
    "Base2ExponentialBucketHistogramAggregation",
    &[
        Key::new("max_scale", whole(-10, 20), "The finest scale. Default 20."),
        Key::new(
            "max_size",
            whole(2, i64::MAX),
            "Buckets for positive and for negative values each. Default 160.",
        ),
        MIN_MAX,
    ],
)
.nullable();
