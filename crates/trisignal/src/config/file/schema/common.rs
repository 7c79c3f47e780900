//! Types that several signals share: exporters over OTLP, what they are made of, limits and patterns.

use super::{BOOL, COUNT, Key, NAME, SIZE, Shape, TEXT, TEXTS, Type, list};

pub(super) static NOTHING: [Key; 0] = [];

static HEADER: Type = Type::record(
    "NameStringValuePair",
    &[
        Key::new("name", NAME, "The name of the header.").required(),
        Key::new(
            "value",
            TEXT,
            "Its value, never shown. Without one the entry is ignored.",
        )
        .required(),
    ],
);

const CA: Key = Key::new(
    "ca_file",
    TEXT,
    "PEM file of the authorities that the backend's certificate is checked against, in place of the system's; an absolute path.",
);
const KEY: Key = Key::new(
    "key_file",
    TEXT,
    "PEM file of the private key of the client certificate; an absolute path. It needs `cert_file`.",
);
const CERT: Key = Key::new(
    "cert_file",
    TEXT,
    "PEM file of the certificate shown to the backend; an absolute path. It needs `key_file`.",
);

static HTTP_TLS: Type = Type::record("HttpTls", &[CA, KEY, CERT]).nullable();

static GRPC_TLS: Type = Type::record(
    "GrpcTls",
    &[
        CA,
        KEY,
        CERT,
        Key::new(
            "insecure",
            BOOL,
            "For an endpoint without a scheme: `true` is http, else https.",
        ),
    ],
)
.nullable();

static ONE_HEADER: Shape = Shape::Mapping(&HEADER);
const HEADERS: Key = Key::new(
    "headers",
    list(&ONE_HEADER),
    "Sent with each request. They win over those of `headers_list`.",
);
const HEADERS_LIST: Key = Key::new(
    "headers_list",
    TEXT,
    "Headers as `OTEL_EXPORTER_OTLP_HEADERS` has them: `k=v,k=v`, percent-encoded.",
);
const COMPRESSION: Key = Key::new(
    "compression",
    TEXT,
    "How bodies are compressed: `none`, `gzip`, `zstd`, or `auto`, the default, which is nothing towards this machine and gzip elsewhere.",
);
const TIMEOUT: Key = Key::new(
    "timeout",
    COUNT,
    "Milliseconds for one attempt; 0 is no limit. Default 10000.",
);
const ENCODING: Key = Key::new(
    "encoding",
    Shape::OneOf(&["protobuf", "json"]),
    "How bodies are encoded. Default `protobuf`.",
);
const HTTP_ENDPOINT: Key = Key::new(
    "endpoint",
    TEXT,
    "The URL, with the path of the signal. Default `http://localhost:4318/v1/traces`, `…/metrics` or `…/logs`.",
);
const GRPC_ENDPOINT: Key = Key::new(
    "endpoint",
    TEXT,
    "The URL. Default `http://localhost:4317`.",
);
const HTTP_TLS_KEY: Key = Key::new(
    "tls",
    Shape::Mapping(&HTTP_TLS),
    "Certificates. Default: those of the system, and no client certificate.",
);
const GRPC_TLS_KEY: Key = Key::new(
    "tls",
    Shape::Mapping(&GRPC_TLS),
    "Certificates. Default: those of the system, and no client certificate.",
);
pub(super) const TEMPORALITY: Key = Key::new(
    "temporality_preference",
    Shape::OneOf(&["cumulative", "delta", "low_memory"]),
    "Whether sums and histograms begin anew after each collection. Default `cumulative`.",
);
pub(super) const HISTOGRAM: Key = Key::new(
    "default_histogram_aggregation",
    Shape::OneOf(&[
        "explicit_bucket_histogram",
        "base2_exponential_bucket_histogram",
    ]),
    "The form of histograms that no view says otherwise about. Default `explicit_bucket_histogram`.",
);

pub(super) static OTLP_HTTP: Type = Type::record(
    "OtlpHttpExporter",
    &[
        HTTP_ENDPOINT,
        HTTP_TLS_KEY,
        HEADERS,
        HEADERS_LIST,
        COMPRESSION,
        TIMEOUT,
        ENCODING,
    ],
)
.nullable();

pub(super) static OTLP_GRPC: Type = Type::record(
    "OtlpGrpcExporter",
    &[
        GRPC_ENDPOINT,
        GRPC_TLS_KEY,
        HEADERS,
        HEADERS_LIST,
        COMPRESSION,
        TIMEOUT,
    ],
)
.nullable();

pub(super) static OTLP_HTTP_METRICS: Type = Type::record(
    "OtlpHttpMetricExporter",
    &[
        HTTP_ENDPOINT,
        HTTP_TLS_KEY,
        HEADERS,
        HEADERS_LIST,
        COMPRESSION,
        TIMEOUT,
        ENCODING,
        TEMPORALITY,
        HISTOGRAM,
    ],
)
.nullable();

pub(super) static OTLP_GRPC_METRICS: Type = Type::record(
    "OtlpGrpcMetricExporter",
    &[
        GRPC_ENDPOINT,
        GRPC_TLS_KEY,
        HEADERS,
        HEADERS_LIST,
        COMPRESSION,
        TIMEOUT,
        TEMPORALITY,
        HISTOGRAM,
    ],
)
.nullable();

pub(super) const OUTPUT_STREAM: Key = Key::new(
    "output_stream",
    TEXT,
    "Only `stdout`, which is the default.",
);

pub(super) static OTLP_FILE: Type =
    Type::record("ExperimentalOtlpFileExporter", &[OUTPUT_STREAM]).nullable();

pub(super) static CONSOLE: Type = Type::record("ConsoleExporter", &NOTHING).nullable();

/// The keys of a batch processor, whose exporter is the signal's.
pub(super) const fn batch_keys(exporter: &'static Type, delay: &'static str) -> [Key; 5] {
    [
        Key::new("schedule_delay", COUNT, delay),
        Key::new(
            "export_timeout",
            COUNT,
            "Milliseconds; a second upper limit to one attempt. 0, and nothing, is none: the exporter's `timeout` holds.",
        ),
        Key::new(
            "max_queue_size",
            SIZE,
            "Items waiting to be encoded. Default 65536, where the schema has 2048, which is a burst of 50 ms.",
        ),
        Key::new(
            "max_export_batch_size",
            SIZE,
            "Most items encoded together; not more than the queue holds. Default 2,048.",
        ),
        Key::new("exporter", Shape::Mapping(exporter), "Where they go.").required(),
    ]
}

pub(super) const VALUE_LENGTH: Key = Key::new(
    "attribute_value_length_limit",
    COUNT,
    "Characters of a text of an attribute; what is more is cut off. Default no limit.",
);
pub(super) const ATTRIBUTE_COUNT: Key = Key::new(
    "attribute_count_limit",
    COUNT,
    "Attributes that are kept. Default 128.",
);

pub(super) static ATTRIBUTE_LIMITS: Type =
    Type::record("AttributeLimits", &[VALUE_LENGTH, ATTRIBUTE_COUNT]);

pub(super) static PATTERNS: Type = Type::record(
    "IncludeExclude",
    &[
        Key::new(
            "included",
            TEXTS,
            "What is taken; `?` is any one character, `*` any number of them. Default all.",
        ),
        Key::new(
            "excluded",
            TEXTS,
            "What is left out of that, in the same form.",
        ),
    ],
);

pub(super) const SCOPE_NAME: Key = Key::new(
    "name",
    NAME,
    "The name; `?` is any one character, `*` any number of them.",
)
.required();
pub(super) const ENABLED: Key = Key::new(
    "enabled",
    Shape::Bool { nullable: false },
    "Whether anything of it is recorded. Default true.",
);

/// The levels of a log, each with three steps between it and the next, in the order of their numbers from 1.
pub(in super::super) static SEVERITIES: [&str; 24] = [
    "trace", "trace2", "trace3", "trace4", "debug", "debug2", "debug3", "debug4", "info", "info2",
    "info3", "info4", "warn", "warn2", "warn3", "warn4", "error", "error2", "error3", "error4",
    "fatal", "fatal2", "fatal3", "fatal4",
];
pub(super) const SEVERITY: Shape = Shape::OneOf(&SEVERITIES);
