//! What ships console lines: Fluent Bit's configurations and the index template of Elasticsearch, against real lines.
//!
//! Without the programs: the keys are those that the plugins know, and the settings of the parsers are applied to lines of
//! both forms as Fluent Bit's documentation says. `fluent_bit` has the program itself do it, where it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use serde_json::{Map, Value};
use tracing_subscriber::layer::SubscriberExt as _;
use trisignal::ConsoleFormat;

use super::yaml;

/// The configurations, and the form of the lines that each is for.
pub(super) const CONFIGURATIONS: [(&str, ConsoleFormat); 2] = [
    (
        "collector/fluent-bit/elasticsearch.yaml",
        ConsoleFormat::Ecs,
    ),
    ("collector/fluent-bit/cloudwatch.yaml", ConsoleFormat::Json),
];

/// What every input and every output knows.
const INPUT: &[&str] = &["name", "tag", "storage.type", "mem_buf_limit"];
const OUTPUT: &[&str] = &[
    "name",
    "match",
    "host",
    "port",
    "retry_limit",
    "storage.total_limit_size",
    "tls",
    "workers",
];

/// What the plugins of Fluent Bit 5.1 know besides.
const PLUGINS: [(&str, &[&str]); 3] = [
    (
        "tail",
        &[
            "path",
            "parser",
            "db",
            "read_from_head",
            "refresh_interval",
            "buffer_chunk_size",
            "buffer_max_size",
            "rotate_wait",
            "skip_long_lines",
            "path_key",
        ],
    ),
    (
        "es",
        &[
            "index",
            "suppress_type_name",
            "write_operation",
            "time_key",
            "time_key_nanos",
            "compress",
            "http_user",
            "http_passwd",
            "http_api_key",
            "id_key",
            "generate_id",
            "buffer_size",
            "trace_error",
        ],
    ),
    (
        "cloudwatch_logs",
        &[
            "region",
            "log_group_name",
            "log_stream_name",
            "log_stream_prefix",
            "auto_create_group",
            "log_retention_days",
            "role_arn",
            "endpoint",
            "log_key",
            "log_format",
        ],
    ),
];

const SERVICE: &[&str] = &[
    "flush",
    "grace",
    "log_level",
    "http_server",
    "http_listen",
    "http_port",
    "health_check",
    "storage.path",
    "storage.sync",
];

#[test]
fn the_keys_of_fluent_bit_are_those_that_it_knows() {
    for (file, _) in CONFIGURATIONS {
        let configuration = yaml(file);
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys(&configuration),
            ["parsers", "pipeline", "service"],
            "{file}"
        );
        let known = |keys: Vec<String>, known: &[&[&str]]| {
            for key in keys {
                assert!(
                    known.iter().any(|known| known.contains(&key.as_str())),
                    "{file}: {key}"
                );
            }
        };
        known(keys(&configuration["service"]), &[SERVICE]);
        for (part, general) in [("inputs", INPUT), ("outputs", OUTPUT)] {
            for plugin in configuration["pipeline"][part].as_array().unwrap() {
                let name = plugin["name"].as_str().unwrap();
                let (_, own) = PLUGINS.iter().find(|(plugin, _)| *plugin == name).unwrap();
                known(keys(plugin), &[general, own]);
                // What comes in goes out: the tag is matched.
                let tag = configuration["pipeline"]["inputs"][0]["tag"].as_str();
                assert_eq!(
                    plugin["match"].as_str().or(plugin["tag"].as_str()),
                    tag,
                    "{file}"
                );
            }
        }
        for parser in configuration["parsers"].as_array().unwrap() {
            known(
                keys(parser),
                &[&["name", "format", "time_key", "time_format", "time_keep"]],
            );
            assert_eq!(parser["format"], "json", "{file}");
        }
        let used = &configuration["pipeline"]["inputs"][0]["parser"];
        assert_eq!(*used, configuration["parsers"][0]["name"], "{file}");
    }
}

#[test]
fn the_parsers_of_fluent_bit_read_the_time_of_our_lines() {
    for (file, format) in CONFIGURATIONS {
        let parser = &yaml(file)["parsers"][0];
        let (key, layout) = (
            parser["time_key"].as_str().unwrap(),
            parser["time_format"].as_str().unwrap(),
        );
        for line in lines(format) {
            // It takes the first key that its own begins with, so ours has to be first.
            assert!(
                line.starts_with(&format!("{{\"{key}\":\"")),
                "{file}: {line:.80}"
            );
            let fields: Map<String, Value> = serde_json::from_str(&line).unwrap();
            let time = fields[key].as_str().unwrap();
            assert!(reads(layout, time), "{file}: {time} is not {layout}");
        }
    }
    assert!(!reads("%Y-%m-%dT%H:%M:%S.%L%z", "2026-11-22 17:00:00.1Z"));
    assert!(!reads("%Y-%m-%dT%H:%M:%S.%L%z", "2026-11-22T17:00:00Z"));
}

/// Whether `time` is what `layout` says, in the part of `strptime` that is used here. `%L` is up to nine digits, and `%z` takes
/// a `Z`.
fn reads(layout: &str, time: &str) -> bool {
    let mut rest = time;
    let mut layout = layout.chars();
    while let Some(c) = layout.next() {
        if c != '%' {
            let Some(behind) = rest.strip_prefix(c) else {
                return false;
            };
            rest = behind;
            continue;
        }
        let (least, most) = match layout.next() {
            Some('Y') => (4, 4),
            Some('m' | 'd' | 'H' | 'M' | 'S') => (2, 2),
            Some('L') => (1, 9),
            Some('z') => {
                let Some(behind) = rest.strip_prefix('Z') else {
                    return false;
                };
                rest = behind;
                continue;
            }
            other => panic!("%{other:?} is not used here"),
        };
        let digits = rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits < least {
            return false;
        }
        rest = &rest[digits..];
    }
    rest.is_empty()
}

/// Every field of a line is one that the index has a place for, of a type that fits; none is in two places.
#[test]
fn the_index_template_has_a_place_for_every_field() {
    let template = super::root().join("collector/elasticsearch/logs-trisignal.json");
    let template: Value =
        serde_json::from_str(&std::fs::read_to_string(template).unwrap()).unwrap();
    let output = &yaml("collector/fluent-bit/elasticsearch.yaml")["pipeline"]["outputs"][0];
    let pattern = template["index_patterns"][0]
        .as_str()
        .unwrap()
        .trim_end_matches('*');
    assert!(output["index"].as_str().unwrap().starts_with(pattern));
    assert!(template["data_stream"].is_object() && output["write_operation"] == "create");
    // Elasticsearch's own template for `logs-*-*` has 100.
    assert!(template["priority"].as_u64().unwrap() > 100);
    let mappings = &template["template"]["mappings"];
    let mut seen = 0;
    for line in lines(ConsoleFormat::Ecs) {
        let line: Value = serde_json::from_str(&line).unwrap();
        let mut fields = Vec::new();
        flatten("", &line, &mut fields);
        for (name, value) in fields {
            let kind = kind_of(mappings, &name).unwrap_or_else(|| panic!("{name} has no place"));
            let fits = match value {
                Value::String(_) => ["keyword", "match_only_text", "wildcard", "date_nanos"]
                    .contains(&kind.as_str()),
                Value::Number(_) => kind == "double",
                _ => false,
            };
            assert!(fits, "{name}: {value} is no {kind}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// The fields of `value` by their whole names.
fn flatten(prefix: &str, value: &Value, fields: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, value, fields);
            }
        }
        value => fields.push((prefix.to_owned(), value.clone())),
    }
}

fn kind_of(mappings: &Value, name: &str) -> Option<String> {
    let property = name
        .split('.')
        .try_fold(mappings, |at, part| at["properties"].get(part));
    let kind = |mapping: &Value| mapping["type"].as_str().map(str::to_owned);
    if let Some(kind) = property.and_then(kind) {
        return Some(kind);
    }
    let mut dynamic = mappings["dynamic_templates"]
        .as_array()?
        .iter()
        .filter_map(|one| one.as_object()?.values().next());
    let fits = |template: &&Value| {
        let prefix = template["path_match"]
            .as_str()
            .unwrap()
            .trim_end_matches('*');
        // A further dot would make an object of the label.
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.contains('.'))
    };
    kind(&dynamic.find(fits)?["mapping"])
}

/// Lines of a service: with and without trace, with hostile fields of every type, with an error.
pub(super) fn lines(format: ConsoleFormat) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let variables = ["TRACES", "METRICS", "LOGS"]
        .map(|signal| (format!("OTEL_{signal}_EXPORTER"), "none".to_owned()));
    let telemetry = trisignal::builder("orders")
        .service_version("1.2.3")
        .resource([KeyValue::new("deployment.environment.name", "test")])
        .environment(BTreeMap::from(variables))
        .console(format)
        .console_writer(move |line| {
            sink.lock()
                .unwrap()
                .push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .build()
        .unwrap();
    let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]));
    let span = SpanContext::new(
        trace,
        span,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let request = Context::new()
        .with_remote_span_context(span)
        .with_baggage([KeyValue::new("correlation.id", "order-4711")]);
    let hostile = "a\nb\u{1b}\u{202e}\u{2028}\"},\\ \0";
    let error = std::io::Error::other(hostile);
    tracing::subscriber::with_default(
        tracing_subscriber::registry().with(telemetry.layer()),
        || {
            tracing::info!("without a trace");
            let _request = request.attach();
            tracing::warn!(
                order.id = 42,
                share = 0.5,
                nan = f64::NAN,
                big = u64::MAX,
                ok = true,
                note = hostile,
                "{hostile}"
            );
            tracing::error!(
                error = &error as &dyn std::error::Error,
                timestamp = "taken",
                labels = "taken",
                "failed"
            );
            tracing::error!(exception.type = "Elapsed", exception.stacktrace = "at main", long = "x\n".repeat(32 * 1024));
        },
    );
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    assert_eq!(lines.len(), 4);
    lines
}
