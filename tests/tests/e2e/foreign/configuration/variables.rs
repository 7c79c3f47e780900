//! The sets of variables that both SDKs run, and where they differ.

/// Variables, on top of those that send all three signals to the receiver. `${HTTP}` and `${GRPC}` are where it is.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Facts that differ, each with the rule that decides.
    pub(super) differs: &'static [(&'static str, &'static str)],
}

/// What every set begins with.
pub(super) const ALL: &[(&str, &str)] = &[
    ("OTEL_TRACES_EXPORTER", "otlp"),
    ("OTEL_METRICS_EXPORTER", "otlp"),
    ("OTEL_LOGS_EXPORTER", "otlp"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "${HTTP}"),
    ("OTEL_SERVICE_NAME", "shop"),
];

const NEWEST: &str =
    "Limits: what is added beyond the limit is dropped; Python drops what was there first.";
const OWN: &str = "Schema: attributes of events and links have limits of their own, 128 where nothing is said; Python takes the general one.";

pub(super) const SETS: &[Set] = &[
    Set {
        name: "nothing else",
        variables: &[],
        differs: &[],
    },
    Set {
        name: "resource",
        variables: &[(
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,a=b%20c,d=e,both=1,both=2,empty=",
        )],
        differs: &[],
    },
    Set {
        name: "an empty name is none, and the attributes have one",
        variables: &[
            ("OTEL_SERVICE_NAME", ""),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of-attributes"),
        ],
        differs: &[],
    },
    Set {
        name: "gRPC",
        variables: &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "${GRPC}"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-one=1,x-two=b%20c"),
        ],
        differs: &[],
    },
    Set {
        name: "each signal its own",
        variables: &[
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "${HTTP}/v1/traces?a=b",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-all=1,x-both=all"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-both=traces"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "${GRPC}"),
        ],
        differs: &[],
    },
    Set {
        name: "compression",
        variables: &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
        differs: &[],
    },
    Set {
        name: "one signal only",
        variables: &[
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_LOGS_EXPORTER", "none"),
        ],
        differs: &[],
    },
    Set {
        name: "disabled",
        variables: &[("OTEL_SDK_DISABLED", "true")],
        differs: &[],
    },
    Set {
        name: "only true is true",
        variables: &[("OTEL_SDK_DISABLED", "1")],
        differs: &[],
    },
    Set {
        name: "nothing is sampled",
        variables: &[("OTEL_TRACES_SAMPLER", "always_off")],
        differs: &[],
    },
    Set {
        name: "everything is sampled",
        variables: &[("OTEL_TRACES_SAMPLER", "always_on")],
        differs: &[],
    },
    Set {
        name: "no share, not even of sampled parents",
        variables: &[
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.0"),
        ],
        differs: &[],
    },
    Set {
        name: "no share of roots",
        variables: &[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ],
        differs: &[],
    },
    Set {
        name: "as the parent says, and no roots",
        variables: &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")],
        differs: &[],
    },
    Set {
        name: "a sampler that nobody knows, and a share that is none",
        variables: &[
            ("OTEL_TRACES_SAMPLER", "unheard_of"),
            ("OTEL_TRACES_SAMPLER_ARG", "much"),
        ],
        differs: &[],
    },
    Set {
        name: "limits of spans",
        variables: &[
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3"),
            ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4"),
            ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
            ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
            ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2"),
            ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1"),
        ],
        differs: &[
            ("event.text", NEWEST),
            ("root.events", NEWEST),
            ("root.attributes", NEWEST),
            (
                "link.attributes",
                "Limits: what is dropped is counted; Python counts it on links as 0.",
            ),
        ],
    },
    Set {
        name: "limits of attributes",
        variables: &[
            ("OTEL_ATTRIBUTE_COUNT_LIMIT", "2"),
            ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5"),
        ],
        differs: &[
            ("event.attributes", OWN),
            ("event.text", OWN),
            ("link.attributes", OWN),
            ("log.attributes", NEWEST),
            ("root.attributes", NEWEST),
        ],
    },
    Set {
        name: "differences, and exponential buckets",
        variables: &[
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "base2_exponential_bucket_histogram",
            ),
        ],
        differs: &[],
    },
    Set {
        name: "low memory",
        variables: &[(
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "lowmemory",
        )],
        differs: &[],
    },
    Set {
        name: "numbers of batches and intervals",
        variables: &[
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "30000"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ],
        differs: &[],
    },
];
