//! The top of the document, the resource and the propagators.

use super::common::{ATTRIBUTE_LIMITS, NOTHING, PATTERNS, SEVERITY};
use super::instrumentation::INSTRUMENTATION;
use super::logs::LOGGER_PROVIDER;
use super::metrics::METER_PROVIDER;
use super::traces::TRACER_PROVIDER;
use super::trisignal::TRISIGNAL;
use super::{BOOL, Key, NAME, Shape, TEXT, Type, list};

pub(in super::super::super) static ROOT: Type = Type::open(
    "OpenTelemetryConfiguration",
    &[
        Key::new(
            "file_format",
            NAME,
            "The version of the schema, such as `\"1.1\"`. Another major version is an error, a newer minor one a warning.",
        )
        .required(),
        Key::new(
            "disabled",
            BOOL,
            "`true` turns off recording and exporting for all signals. Propagators still work.",
        ),
        Key::new(
            "log_level",
            SEVERITY,
            "What telemetry says about itself on the console. Default `info`.",
        ),
        Key::new(
            "attribute_limits",
            Shape::Mapping(&ATTRIBUTE_LIMITS),
            "Limits of attributes, where `tracer_provider.limits` and `logger_provider.limits` don't say otherwise.",
        ),
        Key::new(
            "logger_provider",
            Shape::Mapping(&LOGGER_PROVIDER),
            "Logs. Without it none are exported; the console is not affected.",
        ),
        Key::new(
            "meter_provider",
            Shape::Mapping(&METER_PROVIDER),
            "Metrics. Without it none are recorded.",
        ),
        Key::new(
            "propagator",
            Shape::Mapping(&PROPAGATOR),
            "Which headers carry the context in and out. Without it none do.",
        ),
        Key::new(
            "tracer_provider",
            Shape::Mapping(&TRACER_PROVIDER),
            "Spans. Without it none are recorded.",
        ),
        Key::new(
            "resource",
            Shape::Mapping(&RESOURCE),
            "Who sends.",
        ),
        Key::new(
            "instrumentation/development",
            Shape::Mapping(&INSTRUMENTATION),
            "Instrumentations.",
        ),
        Key::new(
            "distribution",
            Shape::Mapping(&DISTRIBUTION),
            "Settings that the schema has no place for.",
        ),
    ],
);

static DISTRIBUTION: Type = Type::vendors(
    "Distribution",
    1,
    &[Key::new(
        "trisignal",
        Shape::Mapping(&TRISIGNAL),
        "The settings of this crate. Those of other distributions are left alone.",
    )],
);

static RESOURCE: Type = Type::record(
    "Resource",
    &[
        Key::new(
            "attributes",
            list(&Shape::Mapping(&ATTRIBUTE)),
            "Attributes of the resource. They win over `attributes_list`, and both over what is detected; what code says wins over all.",
        ),
        Key::new(
            "detection/development",
            Shape::Mapping(&DETECTION),
            "What is found out about the process and its machine. Without it nothing is.",
        ),
        Key::new(
            "schema_url",
            TEXT,
            "The URL of the schema of the resource's attributes.",
        ),
        Key::new(
            "attributes_list",
            TEXT,
            "Attributes as `OTEL_RESOURCE_ATTRIBUTES` has them: `k=v,k=v`, percent-encoded.",
        ),
    ],
);

static ATTRIBUTE: Type = Type::record(
    "AttributeNameValue",
    &[
        Key::new("name", NAME, "The key of the attribute.").required(),
        Key::new(
            "value",
            Shape::Attribute,
            "Its value, of the given type. Without one the entry is ignored.",
        )
        .required(),
        Key::new(
            "type",
            Shape::OneOf(&[
                "string",
                "bool",
                "int",
                "double",
                "string_array",
                "bool_array",
                "int_array",
                "double_array",
            ]),
            "The type of the value. Default `string`: a number then stands for its text.",
        ),
    ],
);

static DETECTION: Type = Type::record(
    "ExperimentalResourceDetection",
    &[
        Key::new(
            "attributes",
            Shape::Mapping(&PATTERNS),
            "Which of the detected attributes are taken. Default all.",
        ),
        Key::new(
            "detectors",
            list(&Shape::Mapping(&DETECTOR)),
            "What is looked at. Default nothing.",
        ),
    ],
);

static DETECTOR: Type = Type::choice(
    "ExperimentalResourceDetector",
    "resource detector",
    &[
        Key::unused(
            "container",
            Shape::Mapping(&CONTAINER_DETECTOR),
            "containers are not detected",
        ),
        Key::new(
            "host",
            Shape::Mapping(&HOST_DETECTOR),
            "Name and architecture of the machine, its operating system: `host.*`, `os.*`.",
        ),
        Key::new(
            "process",
            Shape::Mapping(&PROCESS_DETECTOR),
            "`process.pid`, and name and path of the executable.",
        ),
        Key::new(
            "service",
            Shape::Mapping(&SERVICE_DETECTOR),
            "`service.instance.id`, new with each start, and `service.name` from `OTEL_SERVICE_NAME`.",
        ),
    ],
);

static CONTAINER_DETECTOR: Type =
    Type::record("ExperimentalContainerResourceDetector", &NOTHING).nullable();
static HOST_DETECTOR: Type = Type::record("ExperimentalHostResourceDetector", &NOTHING).nullable();
static PROCESS_DETECTOR: Type =
    Type::record("ExperimentalProcessResourceDetector", &NOTHING).nullable();
static SERVICE_DETECTOR: Type =
    Type::record("ExperimentalServiceResourceDetector", &NOTHING).nullable();

static PROPAGATOR: Type = Type::record(
    "Propagator",
    &[
        Key::new(
            "composite",
            list(&Shape::Mapping(&TEXT_MAP)),
            "The formats, each once.",
        ),
        Key::new(
            "composite_list",
            TEXT,
            "More of them, as `OTEL_PROPAGATORS` has them.",
        ),
    ],
);

static TEXT_MAP: Type = Type::choice(
    "TextMapPropagator",
    "propagator",
    &[
        Key::new(
            "tracecontext",
            Shape::Mapping(&TRACE_CONTEXT),
            "W3C Trace Context.",
        ),
        Key::new("baggage", Shape::Mapping(&BAGGAGE), "W3C Baggage."),
        Key::new("b3", Shape::Mapping(&B3), "B3 in one header."),
        Key::new(
            "b3multi",
            Shape::Mapping(&B3_MULTI),
            "B3 in several headers.",
        ),
        Key::new(
            "xray",
            Shape::Mapping(&XRAY),
            "AWS X-Ray; the schema knows it as one of other people.",
        ),
    ],
);

static TRACE_CONTEXT: Type = Type::record("TraceContextPropagator", &NOTHING).nullable();
static BAGGAGE: Type = Type::record("BaggagePropagator", &NOTHING).nullable();
static B3: Type = Type::record("B3Propagator", &NOTHING).nullable();
static B3_MULTI: Type = Type::record("B3MultiPropagator", &NOTHING).nullable();
static XRAY: Type = Type::record("XrayPropagator", &NOTHING).nullable();
