//! Instrumentations: `instrumentation/development`.

use super::{ANY_TEXTS, BOOL, COUNT, Key, Shape, TEXT, TEXTS, Type};

const OTHER_LANGUAGE: &str = "it is for another language";

macro_rules! other_languages {
    ($($name:literal),*) => { [
        Key::new("general", Shape::Mapping(&GENERAL), "For instrumentations in any language."),
        Key::unused(
            "rust",
            Shape::Mapping(&LANGUAGE),
            "`distribution.trisignal` has the settings of this crate",
        ),
        $(Key::unused($name, Shape::Mapping(&LANGUAGE), OTHER_LANGUAGE),)*
    ] };
}

pub(super) static INSTRUMENTATION: Type = Type::record(
    "ExperimentalInstrumentation",
    &other_languages![
        "cpp", "dotnet", "erlang", "go", "java", "js", "php", "python", "ruby", "swift"
    ],
);

static LANGUAGE: Type = Type::vendors("ExperimentalLanguageSpecificInstrumentation", 0, &[]);

const NEWEST: &str = "the conventions that this version knows are used";

static GENERAL: Type = Type::record(
    "ExperimentalGeneralInstrumentation",
    &[
        Key::new("http", Shape::Mapping(&HTTP), "HTTP."),
        Key::unused("code", Shape::Mapping(&CODE), NEWEST),
        Key::unused("db", Shape::Mapping(&DB), NEWEST),
        Key::unused("gen_ai", Shape::Mapping(&GEN_AI), NEWEST),
        Key::unused("messaging", Shape::Mapping(&MESSAGING), NEWEST),
        Key::unused("rpc", Shape::Mapping(&RPC), NEWEST),
        Key::unused(
            "sanitization",
            Shape::Mapping(&SANITIZATION),
            "the parameters that the conventions name are redacted",
        ),
        Key::unused("stability_opt_in_list", TEXT, NEWEST),
    ],
);

const SEMCONV: Key = Key::unused("semconv", Shape::Mapping(&SEMCONV_CONFIG), NEWEST);

static SEMCONV_CONFIG: Type = Type::record(
    "ExperimentalSemconvConfig",
    &[
        Key::new("version", COUNT, ""),
        Key::new("experimental", BOOL, ""),
        Key::new("dual_emit", BOOL, ""),
    ],
);

static HTTP: Type = Type::record(
    "ExperimentalHttpInstrumentation",
    &[
        SEMCONV,
        Key::new("client", Shape::Mapping(&HTTP_CLIENT), "Clients."),
        Key::new("server", Shape::Mapping(&HTTP_SERVER), "Servers."),
    ],
);

const HTTP_KEYS: [Key; 3] = [
    Key::new(
        "request_captured_headers",
        TEXTS,
        "Headers of requests that spans show, as `http.request.header.<name>`; what code says where it makes the client or the layer wins. Secrets among them are hidden as everywhere.",
    ),
    Key::new(
        "response_captured_headers",
        TEXTS,
        "The same of responses, as `http.response.header.<name>`.",
    ),
    Key::new(
        "known_methods",
        ANY_TEXTS,
        "The methods that are shown by name; all others are `_OTHER`. One list for servers and clients: the server's, where both have one.",
    ),
];
static HTTP_CLIENT: Type = Type::record("ExperimentalHttpClientInstrumentation", &HTTP_KEYS);
static HTTP_SERVER: Type = Type::record("ExperimentalHttpServerInstrumentation", &HTTP_KEYS);

static CODE: Type = Type::record("ExperimentalCodeInstrumentation", &[SEMCONV]);
static DB: Type = Type::record("ExperimentalDbInstrumentation", &[SEMCONV]);
static GEN_AI: Type = Type::record("ExperimentalGenAiInstrumentation", &[SEMCONV]);
static MESSAGING: Type = Type::record("ExperimentalMessagingInstrumentation", &[SEMCONV]);
static RPC: Type = Type::record("ExperimentalRpcInstrumentation", &[SEMCONV]);

static SANITIZATION: Type = Type::record(
    "ExperimentalSanitization",
    &[Key::new("url", Shape::Mapping(&URL), "")],
);
static URL: Type = Type::record(
    "ExperimentalUrlSanitization",
    &[Key::new("sensitive_query_parameters", ANY_TEXTS, "")],
);
