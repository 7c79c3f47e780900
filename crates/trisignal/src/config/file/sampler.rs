//! The sampler of a file.

use std::time::Duration;

use opentelemetry::trace::SpanKind;

use super::super::parse;
use super::super::reader::Reader;
use super::super::sampling::{jaeger_endpoint, jaeger_interval};
use super::super::{Origin, SamplerConfig};
use super::Document;
use super::cursor::Cursor;
use super::problem::Problems;
use crate::sampling::rules::{AttributeCondition, Parents, Pattern, Rule};
use crate::sampling::{JaegerRemote, ParentBased};

/// What `tracer_provider.sampler` says; without it, every new trace, and as the parent was sampled.
pub(in super::super) fn sampler(
    document: &Document,
    reader: &mut Reader<'_>,
) -> (SamplerConfig, Origin) {
    let root = Cursor::root(&document.root);
    let Some(cursor) = root.find(&["tracer_provider", "sampler"]) else {
        let default = SamplerConfig::parent_based(SamplerConfig::AlwaysOn);
        return (default, Origin::Default);
    };
    let config = any(&cursor, &mut reader.file_problems);
    (config, document.origin(cursor.at()))
}

/// What is not valid has been told by the validation; here it is any sampler.
fn any(cursor: &Cursor<'_>, problems: &mut Problems) -> SamplerConfig {
    let Some((name, below)) = cursor.choice() else {
        return SamplerConfig::AlwaysOn;
    };
    match name {
        "always_off" => SamplerConfig::AlwaysOff,
        "trace_id_ratio_based" | "probability/development" => ratio(&below),
        "parent_based" => parent_based(&below, problems),
        "jaeger_remote/development" => jaeger_remote(&below, problems),
        "composite/development" => composable(&below),
        _ => SamplerConfig::AlwaysOn,
    }
}

fn ratio(cursor: &Cursor<'_>) -> SamplerConfig {
    let ratio = cursor.get("ratio").and_then(|ratio| ratio.number());
    // Outside of 0 to 1 it is an error already.
    SamplerConfig::Ratio(ratio.map_or(1.0, |ratio| ratio.clamp(0.0, 1.0)))
}

fn parent_based(cursor: &Cursor<'_>, problems: &mut Problems) -> SamplerConfig {
    let mut part = |key: &str, default: SamplerConfig| match cursor.get(key) {
        Some(cursor) => any(&cursor, problems),
        None => default,
    };
    SamplerConfig::ParentBased(Box::new(ParentBased {
        root: part("root", SamplerConfig::AlwaysOn),
        remote_sampled: part("remote_parent_sampled", SamplerConfig::AlwaysOn),
        remote_not_sampled: part("remote_parent_not_sampled", SamplerConfig::AlwaysOff),
        local_sampled: part("local_parent_sampled", SamplerConfig::AlwaysOn),
        local_not_sampled: part("local_parent_not_sampled", SamplerConfig::AlwaysOff),
    }))
}

fn jaeger_remote(cursor: &Cursor<'_>, problems: &mut Problems) -> SamplerConfig {
    let mut found = parse::Problems::default();
    let endpoint = cursor.get("endpoint");
    let uri = endpoint
        .as_ref()
        .and_then(Cursor::text)
        .and_then(|text| jaeger_endpoint(text, &mut found));
    for problem in found.0 {
        let at = endpoint.as_ref().unwrap_or(cursor);
        match problem.instead {
            Some(instead) => problems.warning(at.at(), &at.path, problem.problem, instead),
            None => problems.error(at.at(), &at.path, problem.problem),
        }
    }
    let interval = cursor
        .get("interval")
        .and_then(|interval| interval.whole())
        .map_or(JaegerRemote::INTERVAL, |number| {
            jaeger_interval(Duration::from_millis(number))
        });
    let initial = match cursor.get("initial_sampler") {
        Some(initial) => any(&initial, problems),
        None => SamplerConfig::AlwaysOn,
    };
    SamplerConfig::JaegerRemote(Box::new(JaegerRemote {
        // Without one there is an error, and no configuration.
        endpoint: uri.unwrap_or_default(),
        interval,
        initial,
    }))
}

/// By consistent probability, as all of our samplers are: a threshold of the parent is followed by following the parent.
fn composable(cursor: &Cursor<'_>) -> SamplerConfig {
    let Some((name, below)) = cursor.choice() else {
        return SamplerConfig::AlwaysOn;
    };
    match name {
        "always_off" => SamplerConfig::AlwaysOff,
        "probability" => ratio(&below),
        "parent_threshold" => {
            let root = below.get("root");
            let root = root.map_or(SamplerConfig::AlwaysOn, |root| composable(&root));
            SamplerConfig::parent_based(root)
        }
        "rule_based" => {
            let rules = below.list("rules").iter().map(rule).collect();
            SamplerConfig::Rules(rules, Box::new(SamplerConfig::AlwaysOff))
        }
        _ => SamplerConfig::AlwaysOn,
    }
}

fn rule(cursor: &Cursor<'_>) -> Rule {
    let kinds = cursor.list("span_kinds");
    let parents = cursor.list("parent");
    let has = |name: &str| {
        let mut names = parents.iter().filter_map(Cursor::text);
        parents.is_empty() || names.any(|parent| parent == name)
    };
    let sampler = cursor.get("sampler");
    Rule {
        parents: Parents {
            none: has("none"),
            remote: has("remote"),
            local: has("local"),
        },
        kinds: kinds
            .iter()
            .filter_map(Cursor::text)
            .filter_map(kind)
            .collect(),
        name: None,
        attributes: [
            cursor.get("attribute_values").and_then(|values| {
                condition(&values, "values", |text| Pattern::Exactly(text.to_owned()))
            }),
            cursor
                .get("attribute_patterns")
                .and_then(|patterns| condition(&patterns, "included", |text| Pattern::new(text))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        sampler: sampler.map_or(SamplerConfig::AlwaysOn, |sampler| composable(&sampler)),
    }
}

fn condition(
    cursor: &Cursor<'_>,
    included: &str,
    pattern: fn(&str) -> Pattern,
) -> Option<AttributeCondition> {
    let texts = |key: &str| -> Vec<Pattern> {
        let items = cursor.list(key);
        items.iter().filter_map(Cursor::text).map(pattern).collect()
    };
    Some(AttributeCondition {
        key: cursor.get("key")?.text()?.to_owned(),
        included: texts(included),
        excluded: texts("excluded"),
    })
}

fn kind(name: &str) -> Option<SpanKind> {
    Some(match name {
        "internal" => SpanKind::Internal,
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => return None,
    })
}
