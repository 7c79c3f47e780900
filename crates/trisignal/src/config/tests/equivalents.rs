//! Every variable has a method of the builder that says the same, and that wins over it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use tracing::level_filters::LevelFilter;
use trisignal_instrumentation::propagation::Format;

use super::super::variables::{Signal as Named, VARIABLES};
use super::{map, warnings};
use crate::config::{
    Batch, Compression, Config, Effective, Entity, Exporter, HistogramAggregation, ItemLimits,
    Origin, Otlp, Protocol, Temporality, file,
};
use crate::metrics::OwnMetrics;
use crate::metrics::exemplar::ExemplarFilter;
use crate::{Builder, ConsoleFormat, Redaction, Sampling, SamplingRule, Signal, Suppression};

/// One form of a variable and what says the same in code.
struct Case {
    variable: String,
    value: &'static str,
    /// Another valid value, over which code wins.
    other: &'static str,
    /// What the variable needs around it, also next to code.
    with: Vec<(String, &'static str)>,
    method: &'static str,
    set: Box<dyn Fn(Builder) -> Builder>,
}

impl Case {
    fn needed(&self) -> Vec<(&str, &str)> {
        let with = self.with.iter();
        with.map(|(name, value)| (name.as_str(), *value)).collect()
    }
}

/// Cases with the name of the method as it is written.
macro_rules! cases {
    ($($variable:literal = $value:literal | $other:literal $(with $with:expr)? => $method:ident($($argument:expr),* $(,)?);)*) => {
        vec![$(Case {
            variable: $variable.to_owned(),
            value: $value,
            other: $other,
            with: needed([$($with,)? &[][..]][0], None),
            method: stringify!($method),
            set: Box::new(|builder| builder.$method($($argument),*)),
        }),*]
    };
}

/// The other half of a pair of files is in the form for the signal where the first half is.
fn needed(
    variables: &[(&'static str, &'static str)],
    signal: Option<Signal>,
) -> Vec<(String, &'static str)> {
    let signal = signal.map(|signal| format!("_OTLP_{}_CLIENT", signal.to_string().to_uppercase()));
    let form = |name: &str| match &signal {
        Some(signal) => name.replace("_OTLP_CLIENT", signal),
        None => name.to_owned(),
    };
    let forms = variables.iter().map(|(name, value)| (form(name), *value));
    forms.collect()
}

fn milliseconds(number: u64) -> Option<Duration> {
    Some(Duration::from_millis(number))
}

/// Keys that are hidden besides the built-in ones.
fn hides(more: &str) -> Redaction {
    Redaction {
        more_keys: vec![more.to_owned()],
        ..Redaction::default()
    }
}

/// What makes the scheme of an endpoint a question.
const BARE: &[(&str, &str)] = &[
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "backend:4317"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
];

#[rustfmt::skip]
fn general() -> Vec<Case> {
    const RATIO: &[(&str, &str)] = &[("OTEL_TRACES_SAMPLER", "traceidratio")];
    cases! {
        "OTEL_SDK_DISABLED" = "true" | "false" => disabled(true);
        "OTEL_SERVICE_NAME" = "orders" | "others" => resource([KeyValue::new("service.name", "orders")]);
        "OTEL_RESOURCE_ATTRIBUTES" = "service.instance.id=1,team=blue" | "team=red,service.instance.id=1"
            => resource([KeyValue::new("team", "blue"), KeyValue::new("service.instance.id", "1")]);
        "OTEL_ENTITIES" = "host{host.id=h1}[host.type=big];x{x.id=1}" | "host{host.id=h2}"
            => entities([Entity::new("host", [KeyValue::new("host.id", "h1")]).description([KeyValue::new("host.type", "big")]), Entity::new("x", [KeyValue::new("x.id", "1")])]);
        "OTEL_LOG_LEVEL" = "error" | "debug" => log_level(LevelFilter::ERROR);
        "OTEL_PROPAGATORS" = "b3,xray" | "b3multi" => propagators([Format::B3, Format::XRay]);
        "OTEL_TRACES_EXPORTER" = "console,otlp" | "none" => exporters(Signal::Traces, [Exporter::Console, Exporter::Otlp]);
        "OTEL_METRICS_EXPORTER" = "none" | "console" => exporters(Signal::Metrics, []);
        "OTEL_LOGS_EXPORTER" = "otlp/stdout" | "none" => exporters(Signal::Logs, [Exporter::OtlpStdout]);
        "OTEL_EXPORTER_PROMETHEUS_HOST" = "::1" | "0.0.0.0" with &[("OTEL_EXPORTER_PROMETHEUS_PORT", "9464")] => prometheus_address("::1", 9464);
        "OTEL_EXPORTER_PROMETHEUS_PORT" = "0" | "1" with &[("OTEL_EXPORTER_PROMETHEUS_HOST", "localhost")] => prometheus_address("localhost", 0);
        "OTEL_METRICS_EXEMPLAR_FILTER" = "always_off" | "always_on" => exemplar_filter(ExemplarFilter::AlwaysOff);
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION" = "base2_exponential_bucket_histogram" | "explicit_bucket_histogram"
            => histogram_aggregation(HistogramAggregation::ExponentialBuckets);
        "OTEL_TRACES_SAMPLER" = "always_off" | "always_on" => sampling(Sampling::always_off());
        "OTEL_TRACES_SAMPLER_ARG" = "0.25" | "0.5" with RATIO => sampling(Sampling::ratio(0.25));
        "OTEL_RUST_SAMPLING_RULES" = "drop url.path=/health*; keep kind=consumer" | "keep name=x"
            => sampling(Sampling::parent_based(Sampling::always_on())
                .rule(SamplingRule::new(Sampling::always_off()).attribute("url.path", "/health*"))
                .rule(SamplingRule::new(Sampling::always_on()).kind(SpanKind::Consumer)));
        "OTEL_RUST_SAMPLING_DEBUG" = "debug" | "others" => sampling(Sampling::parent_based(Sampling::always_on()).or_debug("debug"));

        "OTEL_BSP_SCHEDULE_DELAY" = "70" | "80" => span_batch(Batch { schedule_delay: milliseconds(70), ..Batch::default() });
        "OTEL_BSP_EXPORT_TIMEOUT" = "70" | "80" => span_batch(Batch { export_timeout: milliseconds(70), ..Batch::default() });
        "OTEL_BSP_MAX_QUEUE_SIZE" = "700" | "800" => span_batch(Batch { queue_items: Some(700), ..Batch::default() });
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" = "7" | "8" => span_batch(Batch { batch_items: Some(7), ..Batch::default() });
        "OTEL_BLRP_SCHEDULE_DELAY" = "70" | "80" => log_batch(Batch { schedule_delay: milliseconds(70), ..Batch::default() });
        "OTEL_BLRP_EXPORT_TIMEOUT" = "70" | "80" with &[("OTEL_EXPORTER_OTLP_TIMEOUT", "100")] => log_batch(Batch { export_timeout: milliseconds(70), ..Batch::default() });
        "OTEL_BLRP_MAX_QUEUE_SIZE" = "700" | "800" => log_batch(Batch { queue_items: Some(700), ..Batch::default() });
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE" = "7" | "8" => log_batch(Batch { batch_items: Some(7), ..Batch::default() });

        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "7" | "8" => item_limits(ItemLimits { attribute_value_length: Some(7), ..ItemLimits::default() });
        "OTEL_ATTRIBUTE_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { attribute_count: Some(7), ..ItemLimits::default() });
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "7" | "8" => item_limits(ItemLimits { span_attribute_value_length: Some(7), ..ItemLimits::default() });
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { span_attribute_count: Some(7), ..ItemLimits::default() });
        "OTEL_SPAN_EVENT_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { span_event_count: Some(7), ..ItemLimits::default() });
        "OTEL_SPAN_LINK_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { span_link_count: Some(7), ..ItemLimits::default() });
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { event_attribute_count: Some(7), ..ItemLimits::default() });
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT" = "7" | "8" => item_limits(ItemLimits { link_attribute_count: Some(7), ..ItemLimits::default() });
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT" = "0" | "8" => item_limits(ItemLimits { log_attribute_value_length: Some(0), ..ItemLimits::default() });
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT" = "0" | "8" => item_limits(ItemLimits { log_attribute_count: Some(0), ..ItemLimits::default() });

        "OTEL_METRIC_EXPORT_INTERVAL" = "70" | "80" => metric_interval(Duration::from_millis(70));
        "OTEL_METRIC_EXPORT_TIMEOUT" = "70" | "80" => metric_timeout(Duration::from_millis(70));
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" = "lowmemory" | "delta" => temporality(Temporality::LowMemory);
        "OTEL_RUST_OWN_METRICS" = "runtime" | "none" => own_metrics([OwnMetrics::Runtime]);
        "OTEL_EXPORTER_OTLP_SPAN_INSECURE" = "true" | "false" with BARE => otlp(Signal::Traces, Otlp { insecure: Some(true), ..Otlp::default() });
        "OTEL_EXPORTER_OTLP_METRIC_INSECURE" = "true" | "false" with BARE => otlp(Signal::Metrics, Otlp { insecure: Some(true), ..Otlp::default() });

        "OTEL_RUST_BEARER_TOKEN_FILE" = "/run/token" | "/run/other" => bearer_token_file("/run/token");
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS" = "GET,PURGE" | "GET" => http_known_methods(["GET", "PURGE"]);
        "RUST_LOG" = "warn,x=debug" | "error" => console_filter("warn,x=debug");
        "OTEL_RUST_LOGS_FILTER" = "warn" | "error" => logs_filter("warn");
        "OTEL_RUST_LOGS_TRACE_BASED" = "true" | "false" => logs_trace_based(true);
        "OTEL_RUST_SPAN_EVENTS" = "info" | "off" => span_events(LevelFilter::INFO);
        "OTEL_RUST_CONTEXT_ACTIVATION" = "off" | "on" => context_activation(false);
        "OTEL_RUST_TRACES_FILTER" = "warn" | "error" => traces_filter("warn");
        "OTEL_RUST_CONSOLE" = "ecs" | "off" => console(ConsoleFormat::Ecs);
        "OTEL_RUST_SUPPRESSION_RATE" = "5" | "6" => suppression(Suppression { per_second: Some(5), ..Suppression::default() });
        "OTEL_RUST_SUPPRESSION_DUPLICATES" = "70" | "80" => suppression(Suppression { duplicates_for: milliseconds(70), ..Suppression::default() });
        "OTEL_RUST_SUPPRESSION_ERRORS" = "true" | "false" => suppression(Suppression { errors: true, ..Suppression::default() });
        "OTEL_RUST_REDACTION" = "keys,emails" | "off" => redaction(Redaction { tokens: false, urls: false, emails: true, ..Redaction::default() });
        "OTEL_RUST_REDACTION_KEYS" = "iban" | "bic" => redaction(hides("iban"));
        "OTEL_RUST_REDACTION_QUERY_PARAMETERS" = "sig" | "key" => redaction(Redaction { query_parameters: vec!["sig".into()], ..Redaction::default() });
        "NO_COLOR" = "1" | "yes" => console_color(false);
    }
}

/// The variables of OTLP in their four forms: for all signals, and as a field of the same meaning for each of them.
fn of_otlp() -> Vec<Case> {
    macro_rules! both {
        ($rest:literal = $value:literal | $other:literal with $with:expr => $method:ident($($argument:expr),*), $($field:ident: $own:expr),*) => {
            std::iter::once(Case {
                variable: concat!("OTEL_EXPORTER_OTLP_", $rest).to_owned(),
                value: $value,
                other: $other,
                with: needed($with, None),
                method: stringify!($method),
                set: Box::new(|builder| builder.$method($($argument),*)),
            })
            .chain(Signal::ALL.into_iter().map(|signal| Case {
                variable: format!("OTEL_EXPORTER_OTLP_{}_{}", signal.to_string().to_uppercase(), $rest),
                value: $value,
                other: $other,
                with: needed($with, Some(signal)),
                method: stringify!($method),
                set: Box::new(move |builder| builder.otlp(signal, Otlp { $($field: $own,)* ..Otlp::default() })),
            }))
            .collect::<Vec<_>>()
        };
    }
    const NOTHING: &[(&str, &str)] = &[];
    const SECURE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://backend");
    const CA: &[(&str, &str)] = &[SECURE];
    const CERTIFICATE: &[(&str, &str)] =
        &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"), SECURE];
    const KEY: &[(&str, &str)] = &[("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"), SECURE];
    let header = || vec![("x-key".to_owned(), "of/it".to_owned())];
    [
        both!("ENDPOINT" = "https://backend:1/in" | "http://other:2" with NOTHING => endpoint("https://backend:1/in"), endpoint: Some("https://backend:1/in".into())),
        both!("INSECURE" = "true" | "false" with BARE => insecure(true), insecure: Some(true)),
        both!("CERTIFICATE" = "/ca.pem" | "/other.pem" with CA => ca_certificate("/ca.pem"), ca_certificate: Some("/ca.pem".into())),
        both!("CLIENT_CERTIFICATE" = "/c.pem" | "/other.pem" with KEY => client_certificate("/c.pem", "/k.pem"), client_certificate: Some("/c.pem".into()), client_key: Some("/k.pem".into())),
        both!("CLIENT_KEY" = "/k.pem" | "/other.pem" with CERTIFICATE => client_certificate("/c.pem", "/k.pem"), client_certificate: Some("/c.pem".into()), client_key: Some("/k.pem".into())),
        both!("HEADERS" = "x-key=of%2Fit" | "x-key=other" with NOTHING => header("x-key", "of/it"), headers: header()),
        both!("COMPRESSION" = "zstd" | "gzip" with NOTHING => compression(Compression::Zstd), compression: Some(Compression::Zstd)),
        both!("TIMEOUT" = "0" | "80" with NOTHING => timeout(Duration::ZERO), timeout: Some(Duration::ZERO)),
        both!("PROTOCOL" = "grpc" | "http/json" with NOTHING => protocol(Protocol::Grpc), protocol: Some(Protocol::Grpc)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is in force for code and variables, with an instance that is not made up anew each time.
fn in_force(set: impl Fn(Builder) -> Builder, variables: &[(&str, &str)]) -> Config {
    const INSTANCE: (&str, &str) = ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=1");
    let variables: Vec<_> = std::iter::once(INSTANCE)
        .chain(variables.iter().copied())
        .collect();
    let builder = set(crate::builder("checkout"));
    file::load(builder.settings(), &map(&variables)).unwrap()
}

fn values(config: &Config) -> BTreeMap<&str, &str> {
    let effective = config.effective.iter();
    effective
        .map(|effective| (effective.key.as_str(), effective.value.as_str()))
        .collect()
}

/// Everything but origins and warnings, headers with their values.
fn content(config: &Config) -> String {
    let bare = Config {
        warnings: Vec::new(),
        effective: Vec::new(),
        ..config.clone()
    };
    let signals = [&config.traces, &config.metrics, &config.logs];
    let headers = signals.map(|signal| format!("{:?}", signal.otlp().map(secrets)));
    let attributes = config.resource.iter();
    let mut resource: Vec<_> = attributes
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    resource.sort();
    let bare = Config {
        resource: opentelemetry_sdk::Resource::builder_empty().build(),
        ..bare
    };
    format!("{bare:?}{headers:?}{resource:?}")
}

fn secrets(otlp: &crate::config::OtlpConfig) -> Vec<(String, Vec<u8>)> {
    let pairs = otlp.headers.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

fn is_from(effective: &Effective, variable: &str) -> bool {
    match &effective.origin {
        Origin::Environment(names) => names.split(", ").any(|name| name == variable),
        _ => false,
    }
}

fn check(case: &Case) {
    let unset = |builder: Builder| builder;
    let own = [(case.variable.as_str(), case.value)];
    let other = [(case.variable.as_str(), case.other)];
    let with = &case.needed();
    let by_default = in_force(unset, with);
    let by_variable = in_force(unset, &[with, &own[..]].concat());
    let by_code = in_force(&case.set, with);
    let by_both = in_force(&case.set, &[with, &other[..]].concat());
    let by_other = in_force(unset, &[with, &other[..]].concat());
    let label = format!("{}={}", case.variable, case.value);
    for config in [&by_variable, &by_code, &by_both] {
        assert_eq!(warnings(config), [""; 0], "{label}");
    }
    // The variable shows, and it changes something.
    let shown: Vec<_> = by_variable
        .effective
        .iter()
        .filter(|effective| is_from(effective, &case.variable))
        .map(|effective| effective.key.as_str())
        .collect();
    assert!(!shown.is_empty(), "{label}: {}", by_variable.explain());
    assert_ne!(content(&by_variable), content(&by_default), "{label}");
    // Code says the same, and is named for it.
    assert_eq!(values(&by_code), values(&by_variable), "{label}");
    assert_eq!(content(&by_code), content(&by_variable), "{label}");
    for key in &shown {
        let found = by_code.effective.iter().find(|line| line.key == *key);
        assert_eq!(found.unwrap().origin, Origin::Code, "{label}: {key}");
    }
    // Code wins.
    if content(&by_other) == content(&by_variable) {
        assert_eq!(case.variable, "NO_COLOR", "any value of it is the same");
    }
    assert_eq!(by_both.effective, by_code.effective, "{label}");
    assert_eq!(content(&by_both), content(&by_code), "{label}");
}

#[test]
fn code_says_what_variables_say_and_wins() {
    for case in general().iter().chain(&of_otlp()) {
        check(case);
    }
}

/// No row without a method and a case for each of its forms, but for rows that say that they have no effect.
#[test]
fn every_row_of_the_table_has_an_equivalent() {
    let cases: Vec<_> = general().into_iter().chain(of_otlp()).collect();
    let mut covered: BTreeSet<(&str, &str)> = cases
        .iter()
        .map(|case| (case.variable.as_str(), case.method))
        .collect();
    let named: Vec<_> = VARIABLES
        .iter()
        .flat_map(|row| forms(row.name, row.per_signal).map(move |form| (form, row)))
        .collect();
    for (form, row) in &named {
        let has_effect = !row.effect.starts_with("No effect");
        assert_eq!(has_effect, !row.builder.is_empty(), "{form}");
        if !has_effect || row.builder == "config_file" {
            continue; // `OTEL_CONFIG_FILE` has a test of its own.
        }
        assert!(covered.remove(&(form.as_str(), row.builder)), "{form}");
    }
    assert_eq!(covered, BTreeSet::new(), "cases without a row");
}

fn forms(name: &'static str, per_signal: bool) -> impl Iterator<Item = String> {
    let signals = [Named::Traces, Named::Metrics, Named::Logs];
    let own = signals.map(|signal| signal.own_name(name));
    std::iter::once(name.to_owned()).chain(own.into_iter().filter(move |_| per_signal))
}

/// The explanation has the same keys whoever says what.
#[test]
fn what_nobody_says_is_explained_as_well() {
    let by_default = in_force(|builder| builder, &[]);
    let keys: BTreeSet<_> = values(&by_default).into_keys().collect();
    for case in general().iter().chain(&of_otlp()) {
        let own = [(case.variable.as_str(), case.value)];
        let config = in_force(|builder| builder, &[&case.needed()[..], &own].concat());
        let new: Vec<_> = values(&config)
            .into_keys()
            .filter(|key| !keys.contains(key) && !key.starts_with("resource."))
            .collect();
        assert_eq!(new, [""; 0], "{}", case.variable);
    }
}

#[test]
fn the_file_that_code_names_wins_over_the_variables() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, service: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "file_format: '1.1'\nresource:\n  attributes:\n    - name: service.name\n      value: {service}\n"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let [one, two] = [("one.yaml", "one"), ("two.yaml", "two")].map(|(name, it)| written(name, it));
    for variable in ["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"] {
        let by_variable = in_force(|builder| builder, &[(variable, &one)]);
        let by_code = in_force(|builder| builder.config_file(&one), &[]);
        let by_both = in_force(|builder| builder.config_file(&one), &[(variable, &two)]);
        let origin = |config: &Config| config.effective[0].origin.clone();
        assert_eq!(by_variable.service_name, "one");
        assert_eq!(by_variable.effective[0].key, "config_file");
        assert_eq!(origin(&by_variable), Origin::Environment(variable.into()));
        assert_eq!(
            [origin(&by_code), origin(&by_both)],
            [Origin::Code, Origin::Code]
        );
        for config in [&by_code, &by_both] {
            assert_eq!(values(config), values(&by_variable), "{variable}");
            assert_eq!(content(config), content(&by_variable), "{variable}");
        }
    }
}
