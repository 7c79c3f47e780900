//! The values of a file under the names of the variables that mean the same.
//!
//! A setting that has a variable is read in one place, [`Reader`](super::super::reader::Reader), whoever sets it. So what a file
//! says of such a setting is put here under the variable's name, and what has no variable under the key of its explanation.
//! What is in no variable's power (exporters, samplers, typed attributes) is read from the document by the other modules.

use std::collections::BTreeMap;

use trisignal_instrumentation::propagation::Format;

use super::cursor::Cursor;
use super::node::{Kind, Node, Value};
use super::problem::{Position, Problems};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(in super::super) struct Given {
    pub text: String,
    pub at: Position,
    /// In the document.
    pub path: String,
    /// Nothing of it may be repeated.
    pub substituted: bool,
}

/// Values by the name of a variable or the key of an explanation.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Values(BTreeMap<&'static str, Given>);

/// Settings with one place in the document.
const PLACES: &[(&[&str], &str)] = &[
    (&["disabled"], "OTEL_SDK_DISABLED"),
    (
        &["attribute_limits", "attribute_value_length_limit"],
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ),
    (
        &["attribute_limits", "attribute_count_limit"],
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "attribute_value_length_limit"],
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "attribute_count_limit"],
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "event_count_limit"],
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "link_count_limit"],
        "OTEL_SPAN_LINK_COUNT_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "event_attribute_count_limit"],
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    ),
    (
        &["tracer_provider", "limits", "link_attribute_count_limit"],
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    ),
    (
        &["logger_provider", "limits", "attribute_value_length_limit"],
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ),
    (
        &["logger_provider", "limits", "attribute_count_limit"],
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    ),
    // Weaker than the place of our own, which is read after it.
    (
        &[
            "logger_provider",
            "logger_configurator/development",
            "default_config",
            "trace_based",
        ],
        "OTEL_RUST_LOGS_TRACE_BASED",
    ),
    (
        &["meter_provider", "exemplar_filter"],
        "OTEL_METRICS_EXEMPLAR_FILTER",
    ),
];

/// Settings below `distribution.trisignal`.
const OURS: &[(&[&str], &str)] = &[
    (&["console", "format"], "OTEL_RUST_CONSOLE"),
    (&["console", "filter"], "RUST_LOG"),
    (&["traces", "filter"], "OTEL_RUST_TRACES_FILTER"),
    (&["traces", "span_events"], "OTEL_RUST_SPAN_EVENTS"),
    (
        &["traces", "context_activation"],
        "OTEL_RUST_CONTEXT_ACTIVATION",
    ),
    (&["logs", "filter"], "OTEL_RUST_LOGS_FILTER"),
    (&["logs", "trace_based"], "OTEL_RUST_LOGS_TRACE_BASED"),
    (&["bearer_token_file"], "OTEL_RUST_BEARER_TOKEN_FILE"),
    (&["sampling", "rules"], "OTEL_RUST_SAMPLING_RULES"),
    (&["sampling", "debug_baggage"], "OTEL_RUST_SAMPLING_DEBUG"),
    (&["suppression", "rate"], "OTEL_RUST_SUPPRESSION_RATE"),
    (
        &["suppression", "duplicates"],
        "OTEL_RUST_SUPPRESSION_DUPLICATES",
    ),
    (&["suppression", "errors"], "OTEL_RUST_SUPPRESSION_ERRORS"),
    (&["redaction", "kinds"], "OTEL_RUST_REDACTION"),
    (&["redaction", "keys"], "OTEL_RUST_REDACTION_KEYS"),
    (
        &["redaction", "query_parameters"],
        "OTEL_RUST_REDACTION_QUERY_PARAMETERS",
    ),
    (&["metrics", "own"], "OTEL_RUST_OWN_METRICS"),
    (&["queue_bytes"], "traces.queue_bytes"),
    (&["queue_bytes"], "logs.queue_bytes"),
    (&["outbox_bytes"], "outbox"),
    (&["max_age"], "max_age"),
    (&["retry", "initial"], "retry.initial"),
    (&["retry", "max"], "retry.max"),
];

impl Values {
    pub(super) fn of(root: &Cursor<'_>, problems: &mut Problems) -> Self {
        let mut values = Self::default();
        for (keys, name) in PLACES {
            values.take(name, root.find(keys));
        }
        if let Some(ours) = root.find(&["distribution", "trisignal"]) {
            for (keys, name) in OURS {
                values.take(name, ours.find(keys));
            }
            if let Some(color) = ours.find(&["console", "color"])
                && color.boolean() == Some(false)
            {
                values.put("NO_COLOR", "1".to_owned(), &color);
            }
        }
        values.known_methods(root, problems);
        values.propagators(root);
        values.log_level(root);
        values.batches(root, problems);
        values.readers(root, problems);
        values
    }

    pub(in super::super) fn get(&self, name: &str) -> Option<&Given> {
        self.0.get(name)
    }

    /// What a scalar says; nothing, when it is null or no scalar.
    fn take(&mut self, name: &'static str, cursor: Option<Cursor<'_>>) {
        let Some(cursor) = cursor else {
            return;
        };
        let Value::Scalar(scalar) = &cursor.node.value else {
            return self.take_list(name, &cursor);
        };
        let text = match scalar.kind {
            Kind::Null => return,
            Kind::Bool(value) => value.to_string(),
            // Also hexadecimal ones and those with a fraction of 0.
            Kind::Int(_) | Kind::Float(_) => match cursor.whole() {
                Some(number) => number.to_string(),
                None => return,
            },
            Kind::Text => scalar.text.clone(),
        };
        self.put(name, text, &cursor);
    }

    /// A list of texts is the list of the variable; one without any is its `none`.
    fn take_list(&mut self, name: &'static str, cursor: &Cursor<'_>) {
        let Value::List(items) = &cursor.node.value else {
            return;
        };
        let texts: Vec<_> = cursor.items().iter().filter_map(Cursor::text).collect();
        if texts.len() == items.len() {
            let text = match texts.is_empty() {
                true => "none".to_owned(),
                false => texts.join(","),
            };
            self.put(name, text, cursor);
        }
    }

    fn put(&mut self, name: &'static str, text: String, cursor: &Cursor<'_>) {
        let substituted = matches!(&cursor.node.value, Value::Scalar(scalar) if scalar.substituted);
        let given = Given {
            text,
            at: cursor.at(),
            path: cursor.path.clone(),
            substituted,
        };
        self.0.insert(name, given);
    }

    /// There is one list for servers and clients.
    fn known_methods(&mut self, root: &Cursor<'_>, problems: &mut Problems) {
        const NAME: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
        let Some(http) = root.find(&["instrumentation/development", "general", "http"]) else {
            return;
        };
        let (client, server) = (http.get("client"), http.get("server"));
        for side in [&client, &server].into_iter().flatten() {
            self.take(NAME, side.get("known_methods"));
        }
        if let (Some(client), Some(server)) = (&client, &server)
            && server.get("known_methods").is_some()
        {
            same_as(server, client, "known_methods", problems);
        }
    }

    /// Both forms make one list. Without the section there are none.
    fn propagators(&mut self, root: &Cursor<'_>) {
        let section = root.get("propagator");
        let mut names = Vec::new();
        let mut place = section.clone().unwrap_or_else(|| root.clone());
        if let Some(section) = &section {
            let composite = section.list("composite");
            names.extend(
                composite
                    .iter()
                    .filter_map(Cursor::choice)
                    // The validation has told the others.
                    .filter(|(name, _)| Format::by_name(name).is_ok())
                    .map(|(name, _)| name.to_owned()),
            );
            if let Some(more) = section.get("composite_list")
                && let Some(text) = more.text()
            {
                names.extend(text.split(',').map(|name| name.trim().to_owned()));
                place = more;
            }
        }
        // The list of the variable has to be able to say that there is none; here that adds nothing.
        names.retain(|name| !name.is_empty() && !name.eq_ignore_ascii_case("none"));
        if names.is_empty() {
            names.push("none".to_owned());
        }
        self.put("OTEL_PROPAGATORS", names.join(","), &place);
    }

    /// Levels with a number are steps that no one here tells apart.
    fn log_level(&mut self, root: &Cursor<'_>) {
        if let Some(cursor) = root.get("log_level")
            && let Some(level) = cursor.text()
        {
            let level = level.trim_end_matches(|letter: char| letter.is_ascii_digit());
            self.put("OTEL_LOG_LEVEL", level.to_owned(), &cursor);
        }
    }

    fn batches(&mut self, root: &Cursor<'_>, problems: &mut Problems) {
        let spans = root.find(&["tracer_provider", "processors"]);
        let logs = root.find(&["logger_provider", "processors"]);
        let names = [
            "OTEL_BSP_SCHEDULE_DELAY",
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ];
        self.processors(spans, names, problems);
        let names = [
            "OTEL_BLRP_SCHEDULE_DELAY",
            "OTEL_BLRP_MAX_QUEUE_SIZE",
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        ];
        self.processors(logs, names, problems);
    }

    /// A signal is collected and encoded once for all of its destinations: by the first batch processor, or, where all are
    /// simple, item by item.
    fn processors(
        &mut self,
        list: Option<Cursor<'_>>,
        [delay, queue, batch]: [&'static str; 3],
        problems: &mut Problems,
    ) {
        let items = list.map(|list| list.items()).unwrap_or_default();
        let chosen: Vec<_> = items.iter().filter_map(Cursor::choice).collect();
        let mut batches = chosen.iter().filter(|(name, _)| *name == "batch");
        let Some((_, first)) = batches.next() else {
            if let Some((_, simple)) = chosen.iter().find(|(name, _)| *name == "simple") {
                self.put(delay, "0".to_owned(), simple);
                self.put(batch, "1".to_owned(), simple);
            }
            return;
        };
        let keys = ["schedule_delay", "max_queue_size", "max_export_batch_size"];
        for (key, name) in keys.into_iter().zip([delay, queue, batch]) {
            self.take(name, first.get(key));
            for (_, other) in batches.clone() {
                same_as(first, other, key, problems);
            }
        }
        for (_, simple) in chosen.iter().filter(|(name, _)| *name == "simple") {
            problems.warning(
                simple.at(),
                &simple.path,
                "shares the batches of the signal's batch processor",
                "its exporter gets these",
            );
        }
    }

    /// Metrics are collected once for all push exporters.
    fn readers(&mut self, root: &Cursor<'_>, problems: &mut Problems) {
        let Some(provider) = root.get("meter_provider") else {
            return;
        };
        let readers = provider.list("readers");
        let chosen: Vec<_> = readers.iter().filter_map(Cursor::choice).collect();
        let mut periodic = chosen.iter().filter(|(name, _)| *name == "periodic");
        if let Some((_, first)) = periodic.next() {
            self.interval(first, problems);
            let exporter = exporter(first);
            self.temporality(exporter.as_ref());
            for (_, other) in periodic {
                same_as(first, other, "interval", problems);
                if let (Some(first), Some(other)) = (&exporter, &self::exporter(other)) {
                    same_as(first, other, "temporality_preference", problems);
                    same_as(first, other, "default_histogram_aggregation", problems);
                }
            }
        }
        let limits: Vec<_> = chosen
            .iter()
            .filter_map(|(_, reader)| reader.get("cardinality_limits"))
            .collect();
        if let Some((first, others)) = limits.split_first() {
            self.take("metrics.cardinality_limit", first.get("default"));
            for other in others {
                for (key, _) in super::views::KINDS {
                    same_as(first, other, key, problems);
                }
                same_as(first, other, "default", problems);
            }
        }
        for (_, pull) in chosen.iter().filter(|(name, _)| *name == "pull") {
            if let Some(exporter) = exporter(pull) {
                self.take("OTEL_EXPORTER_PROMETHEUS_HOST", exporter.get("host"));
                self.take("OTEL_EXPORTER_PROMETHEUS_PORT", exporter.get("port"));
            }
        }
    }

    fn interval(&mut self, reader: &Cursor<'_>, problems: &mut Problems) {
        let interval = reader.get("interval");
        match &interval {
            Some(zero) if zero.whole() == Some(0) => problems.warning(
                zero.at(),
                &zero.path,
                "is 0, which is no interval",
                "60000 is used",
            ),
            _ => self.take("OTEL_METRIC_EXPORT_INTERVAL", interval),
        }
    }

    fn temporality(&mut self, exporter: Option<&Cursor<'_>>) {
        let Some(exporter) = exporter else {
            return;
        };
        let preference = exporter.get("temporality_preference");
        if let Some(preference) = preference
            && let Some(text) = preference.text()
        {
            // The only one that the variable spells in another way.
            let text = text.replace("low_memory", "lowmemory");
            self.put(
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                text,
                &preference,
            );
        }
        self.take(
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            exporter.get("default_histogram_aggregation"),
        );
    }
}

/// The exporter that a processor or reader chose.
fn exporter<'a>(owner: &Cursor<'a>) -> Option<Cursor<'a>> {
    Some(owner.get("exporter")?.choice()?.1)
}

/// Warns when `other` asks for something else than the one that decides.
fn same_as(first: &Cursor<'_>, other: &Cursor<'_>, key: &str, problems: &mut Problems) {
    let value = |cursor: &Cursor<'_>| cursor.get(key).map(|below| said(below.node));
    if let Some(differing) = other.get(key)
        && !differing.node.is_null()
        && value(first) != value(other)
    {
        problems.warning(
            differing.at(),
            &differing.path,
            "differs from another one, which decides for both",
            "it is left out",
        );
    }
}

/// The value without its place.
fn said(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Scalar(scalar) => vec![scalar.text.clone()],
        Value::List(items) => items.iter().flat_map(said).collect(),
        Value::Map(_) | Value::Broken => Vec::new(),
    }
}

/// Where each variable has its place in a file: the names that [`Values`] may hold.
#[cfg(test)]
pub(super) fn names() -> Vec<&'static str> {
    let tables = [PLACES, OURS];
    let of_tables = tables.into_iter().flatten().map(|(_, name)| *name);
    let others = [
        "NO_COLOR",
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
        "OTEL_PROPAGATORS",
        "OTEL_LOG_LEVEL",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_BLRP_SCHEDULE_DELAY",
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "OTEL_EXPORTER_PROMETHEUS_PORT",
    ];
    of_tables.chain(others).collect()
}
