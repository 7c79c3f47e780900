//! Values that nobody can mean, made for every row of the table by what it takes: a warning that names the variable and says
//! what was expected, and the default in force.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::variables::Row;
use super::hostile::forms;
use super::{map, warnings};
use crate::config::{Config, Configuration, Settings, file};
use crate::cpu_time::CpuTime;

/// What is wrong for all of a kind, and what a warning about it names.
struct Wrong {
    values: Vec<&'static str>,
    expected: Vec<String>,
}

/// Numbers that are none, negative, broken, or larger than any.
const NO_NUMBERS: [&str; 7] = [
    "soon",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "18446744073709551616",
    "٣",
];
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----";

/// By what the table says that a value looks like. A new kind is to be classed here.
fn wrong(row: &Row) -> Wrong {
    let numbers = |what: &str| {
        let zero = row.kind.contains("not 0").then_some("0");
        Wrong {
            values: NO_NUMBERS.into_iter().chain(zero).collect(),
            expected: vec![what.to_owned()],
        }
    };
    let values = |values: &[&'static str], expected: &str| Wrong {
        values: values.to_vec(),
        expected: vec![expected.to_owned()],
    };
    match row.kind {
        _ if row.builder.is_empty() => values(&["http/dup"], ""),
        "true or false" => values(
            &["1", "yes", "-1", "truefalse", "18446744073709551616"],
            "neither `true` nor `false`",
        ),
        kind if kind.starts_with("milliseconds") => numbers(""),
        kind if kind.starts_with("number of") || kind == "number" => numbers(""),
        "number, or k=v,k=v for jaeger_remote" => values(
            &["soon", "-1", "1.1", "NaN", "inf", "1e400"],
            "a number from 0 to 1",
        ),
        "port, 0 is any free one" => {
            values(&["http", "-1", "65536", "1.5"], "a number from 0 to 65535")
        }
        "URL" => values(
            &[
                "nonsense",
                "ftp://host",
                "http://",
                "http://:1",
                "http://host:0",
                "http://host:65536",
                "http://[::1",
                "http://ho st",
            ],
            "",
        ),
        "k=v,k=v, percent-encoded" => {
            values(&["nonsense", "=v", "k=%zz", "k=%ff", "k=%2", "k"], "member")
        }
        kind if kind.starts_with("type{") => values(
            &[
                "nonsense", "{a=b}", "x{}", "1{a=b}", "x{a=%zz}", "x{=b}", "x{a=b",
            ],
            "entity",
        ),
        "PEM file" | "file with a token" => values(&[PEM], "the content of a file"),
        "filter directives" => values(&["x=loud", ",", "a=b=c"], "directive"),
        kind if kind.starts_with("rules") => values(
            &[
                "nonsense",
                ";",
                "drop \"",
                "2 name=x",
                "drop kind=x",
                "keep =",
                "-1/s",
            ],
            "rule",
        ),
        "key of a baggage member" => values(&["a b", "é", "\"", "a,b"], "key of a baggage member"),
        "list of words" | "list of names" | "list of methods, in their case" => {
            values(&[",", ", ,"], "name")
        }
        "YAML file" | "text" | "any text" | "host name or address" => values(&[], ""),
        // All others name what there is.
        kind => Wrong {
            values: vec![
                "nonsense",
                "-1",
                "18446744073709551616",
                "nonsense,nonsense",
            ],
            expected: alternatives(kind),
        },
    }
}

/// The names in `grpc, http/protobuf or http/json`, and in `list of otlp, console; or none`.
fn alternatives(kind: &str) -> Vec<String> {
    let kind = kind.trim_start_matches("list of ").replace(" or ", ", ");
    let names = kind.split([',', ';']).map(str::trim);
    let names: Vec<_> = names
        .filter(|name| !name.is_empty() && !name.contains([' ', '`']))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 1, "a kind that is not classed: {kind}");
    names
}

/// The variable, and what has to be said for it to be read.
fn variables<'a>(form: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let around = match form {
        "OTEL_TRACES_SAMPLER_ARG" => Some(("OTEL_TRACES_SAMPLER", "traceidratio")),
        _ => None,
    };
    // An identity that is not made up anew each time.
    let instance = ("OTEL_ENTITIES", "service{service.instance.id=1}");
    let instance = (form != instance.0).then_some(instance);
    [(form, value)]
        .into_iter()
        .chain(around)
        .chain(instance)
        .collect()
}

fn in_force(variables: &[(&str, &str)]) -> Config {
    file::load(&Settings::default(), &map(variables)).unwrap()
}

fn shown(config: &Config) -> BTreeMap<String, String> {
    let effective = config.effective.iter();
    effective
        .filter(|line| line.key != "resource.service.instance.id")
        .map(|line| (line.key.clone(), line.value.clone()))
        .collect()
}

/// What holds whatever the value is.
fn told(form: &str, value: &str) -> (Config, Vec<String>) {
    let begin = CpuTime::now();
    let config = in_force(&variables(form, value));
    // Nothing takes a time that grows faster than the text.
    assert!(begin.elapsed() < Duration::from_secs(20), "{form}");
    let told = warnings(&config);
    for warning in &told {
        assert!(warning.chars().count() < 600, "{form}: {warning}");
    }
    assert!(told.len() < 12, "{form}: {} warnings", told.len());
    let explained = Configuration::new(config.effective.clone());
    let shown = [told.concat(), explained.explain(), explained.explain_json()];
    for shown in shown {
        assert!(!shown.contains("hunter2"), "{form}: {shown}");
        assert!(shown.len() < 1 << 16, "{form}");
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(bad), "{form}: {shown:?}");
    }
    (config, told)
}

#[test]
fn a_value_of_a_wrong_kind_is_a_warning_and_the_default() {
    for (form, row) in forms() {
        let wrong = wrong(row);
        for value in wrong.values {
            let (config, told) = told(&form, value);
            let label = format!("{form}={value:?}: {told:?}");
            assert!(
                told.iter().all(|warning| warning.starts_with(&form)),
                "{label}"
            );
            let silent = form == "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN" && told.is_empty();
            assert_eq!(told.is_empty(), silent, "{label}");
            for expected in &wrong.expected {
                assert!(told.concat().contains(expected), "{expected}: {label}");
            }
            let default = in_force(&variables(&form, ""));
            assert_eq!(shown(&config), shown(&default), "{label}");
        }
    }
}

/// Whatever stands in a variable, and wherever a secret was put by mistake.
#[test]
fn no_text_does_harm_and_no_secret_is_shown() {
    let bearer = "authorization=Bearer hunter2hunter2hunter2";
    let far = format!(
        "{}https://user:hunter2@host/?token=hunter2",
        "x".repeat(120)
    );
    let values = [
        "https://user:hunter2@host:1/path?token=hunter2",
        "https://user:hunter2,x@host",
        "password=hunter2",
        bearer,
        PEM,
        &far,
        "\u{1b}[31m\u{7}\u{0}\r\nOTEL=x",
        "\u{202e}\u{feff}",
    ];
    for (form, row) in forms() {
        for value in values {
            // A file of that name is an error, which is told as such.
            if row.kind != "YAML file" {
                told(&form, value);
            }
        }
    }
}

#[test]
fn a_value_of_10_megabytes_is_a_warning_and_the_default() {
    const SIZE: usize = 10 << 20;
    let values = ["9", "a=b,"].map(|part| part.repeat(SIZE / part.len()));
    for (form, row) in forms() {
        if row.kind == "YAML file" {
            continue;
        }
        for value in &values {
            let (config, told) = told(&form, value);
            assert_eq!(told.len(), 1, "{form}: {told:?}");
            assert!(
                told[0].starts_with(&format!("{form} is longer than 65536 bytes; ")),
                "{told:?}"
            );
            let default = in_force(&variables(&form, ""));
            assert_eq!(shown(&config), shown(&default), "{form}");
        }
    }
}

/// As much as is still read, of many small mistakes.
#[test]
fn many_mistakes_in_one_value_are_a_few_warnings() {
    for part in [
        "a,",
        "a=%zz,",
        "x{;",
        "é=é,",
        "drop kind=x;",
        "x=loud,",
        "1,",
    ] {
        let value = part.repeat((1 << 16) / part.len());
        for (form, row) in forms() {
            if row.kind != "YAML file" {
                told(&form, &value);
            }
        }
    }
}

#[test]
fn what_contradicts_itself_is_told() {
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    #[rustfmt::skip]
    let cases: &[Case] = &[
        (&[("OTEL_BSP_MAX_QUEUE_SIZE", "7"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")], &[("traces.batch_items", "7")],
            &["OTEL_BSP_MAX_EXPORT_BATCH_SIZE=\"8\" is more than the queue holds; 7 is used"]),
        (&[("OTEL_BLRP_MAX_QUEUE_SIZE", "7")], &[("logs.batch_items", "7")], &[]),
        (&[("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem")], &[("traces.client_key", "none")],
            &["OTEL_EXPORTER_OTLP_CLIENT_KEY needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, which is not set; no client certificate is used"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")], &[("logs.endpoint", "http://collector:4317/v1/logs")],
            &["OTEL_EXPORTER_OTLP_ENDPOINT has the port 4317, which is meant for grpc, and the protocol is http/protobuf; both are used all the same, OTEL_EXPORTER_OTLP_PROTOCOL has the protocol"]),
        (&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], &[("logs.protocol", "grpc")],
            &["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT has the port 4318, which is meant for http/protobuf, and the protocol is grpc; both are used all the same, OTEL_EXPORTER_OTLP_PROTOCOL has the protocol"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], &[], &[]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:1/a"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], &[("traces.endpoint", "http://collector:1/")],
            &["OTEL_EXPORTER_OTLP_ENDPOINT=\"http://collector:1/a\" has a path, which gRPC does not use; the rest is used"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:1"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")], &[("traces.endpoint", "https://collector:1/v1/traces")],
            &["OTEL_EXPORTER_OTLP_INSECURE=\"true\" is for endpoints without a scheme, and the endpoint says https; https is used"]),
        (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")], &[],
            &["OTEL_EXPORTER_OTLP_CERTIFICATE is for https, and the endpoint says http; it is not used, nothing is encrypted"]),
        (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"), ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs.example")], &[], &[]),
        (&[("OTEL_TRACES_SAMPLER_ARG", "0.5")], &[("traces.sampler", "parentbased_always_on")],
            &["OTEL_TRACES_SAMPLER_ARG=\"0.5\" is for a sampler that takes an argument, and always_on takes none; it is left out"]),
        (&[("OTEL_LOGS_EXPORTER", "console"), ("OTEL_RUST_CONSOLE", "off")], &[("logs.exporter", "console")],
            &["OTEL_LOGS_EXPORTER asks for logs on the console, which is off (OTEL_RUST_CONSOLE); no log record is written there"]),
        (&[("OTEL_METRICS_EXPORTER", "none,otlp")], &[("metrics.exporter", "otlp")],
            &["OTEL_METRICS_EXPORTER=\"none,otlp\" asks for `none` next to other exporters; `none` is left out"]),
    ];
    for (variables, expected, told) in cases {
        let config = in_force(variables);
        assert_eq!(warnings(&config), *told, "{variables:?}");
        for (key, value) in *expected {
            assert_eq!(shown(&config)[*key], *value, "{variables:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_utf8_is_a_warning_and_the_default() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    struct Broken<'a>(&'a str, BTreeMap<String, String>);
    impl crate::Environment for Broken<'_> {
        fn var(&self, name: &str) -> Option<OsString> {
            match name == self.0 {
                true => Some(OsString::from_vec(b"hunter2\xff".to_vec())),
                false => self.1.var(name),
            }
        }
    }
    for (form, row) in forms() {
        // The name of a file need not be UTF-8.
        if row.kind == "YAML file" {
            continue;
        }
        let others = map(&variables(&form, ""));
        let config = file::load(&Settings::default(), &Broken(&form, others)).unwrap();
        let told = warnings(&config);
        assert_eq!(told.len(), 1, "{form}: {told:?}");
        assert!(
            told[0].starts_with(&format!("{form} is not UTF-8; ")),
            "{told:?}"
        );
        assert!(!told[0].contains("hunter2"), "{told:?}");
        assert_eq!(
            shown(&config),
            shown(&in_force(&variables(&form, ""))),
            "{form}"
        );
    }
}
