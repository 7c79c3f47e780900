//! Views and cardinality limits of a file.

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::Key;
use opentelemetry_sdk::metrics::{Aggregation, InstrumentKind};

use super::super::reader::Reader;
use super::Document;
use super::cursor::{Cursor, number};
use super::node::{Kind, Value};
use super::pattern::patterns;
use crate::metrics::keys::Keys;
use crate::metrics::views::{DEFAULT_BOUNDS, Keep, Select, View};
use crate::patterns::Patterns;
use crate::sampling::rules::Pattern;

/// The views of the file.
pub(in super::super) fn views(document: &Document, reader: &mut Reader<'_>) -> Vec<View> {
    let root = Cursor::root(&document.root);
    let Some(list) = root.find(&["meter_provider", "views"]) else {
        return Vec::new();
    };
    let mut views = Vec::new();
    for item in list.items() {
        let (Some(selector), Some(stream)) = (item.get("selector"), item.get("stream")) else {
            continue;
        };
        let view = View {
            select: select(&selector),
            keep: keep(&stream),
        };
        let many = view
            .select
            .name
            .as_deref()
            .is_none_or(|name| name.contains(['*', '?']));
        let problem = match view.keep.name {
            Some(_) if many => Some(
                "one name for the metrics of any number of instruments: expected a selector with one `instrument_name`"
                    .to_owned(),
            ),
            _ => view.problem(),
        };
        match problem {
            Some(problem) => reader.file_problems.error(item.at(), &item.path, problem),
            None => views.push(view),
        }
    }
    let number = views.len().to_string();
    reader.note("metrics.views", number, document.origin(list.at()));
    views
}

/// Limits of single kinds of instruments, from the first reader that has any.
pub(in super::super) fn kind_limits(document: &Document) -> Vec<(InstrumentKind, usize)> {
    let root = Cursor::root(&document.root);
    let readers = root.find(&["meter_provider", "readers"]);
    let readers = readers.map(|readers| readers.items()).unwrap_or_default();
    let Some(limits) = readers
        .iter()
        .filter_map(Cursor::choice)
        .find_map(|(_, reader)| reader.get("cardinality_limits"))
    else {
        return Vec::new();
    };
    KINDS
        .iter()
        .filter_map(|(name, kind)| {
            let limit = limits.get(name)?.whole()?;
            // The largest number is one less than all, for the SDK's sake.
            let limit = usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .min(usize::MAX - 1);
            Some((*kind, limit))
        })
        .collect()
}

pub(super) const KINDS: [(&str, InstrumentKind); 7] = [
    ("counter", InstrumentKind::Counter),
    ("gauge", InstrumentKind::Gauge),
    ("histogram", InstrumentKind::Histogram),
    ("observable_counter", InstrumentKind::ObservableCounter),
    ("observable_gauge", InstrumentKind::ObservableGauge),
    (
        "observable_up_down_counter",
        InstrumentKind::ObservableUpDownCounter,
    ),
    ("up_down_counter", InstrumentKind::UpDownCounter),
];

fn select(cursor: &Cursor<'_>) -> Select {
    let text = |key: &str| {
        let cursor = cursor.get(key)?;
        cursor.text().map(str::to_owned)
    };
    let kind = text("instrument_type");
    let kind = kind.and_then(|name| KINDS.iter().find(|(known, _)| *known == name));
    Select {
        name: text("instrument_name"),
        kind: kind.map(|(_, kind)| *kind),
        unit: text("unit"),
        meter_name: text("meter_name"),
        meter_version: text("meter_version"),
        meter_schema_url: text("meter_schema_url"),
    }
}

fn keep(cursor: &Cursor<'_>) -> Keep {
    let text = |key: &str| {
        let cursor = cursor.get(key)?;
        cursor.text().map(str::to_owned)
    };
    let limit = cursor.get("aggregation_cardinality_limit");
    let limit = limit.and_then(|limit| limit.whole());
    Keep {
        name: text("name"),
        description: text("description"),
        attributes: cursor
            .get("attribute_keys")
            .and_then(|keys| attributes(&keys)),
        aggregation: cursor
            .get("aggregation")
            .and_then(|cursor| cursor.choice())
            .and_then(|(name, below)| aggregation(name, &below)),
        cardinality_limit: limit.map(|limit| {
            usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .min(usize::MAX - 1)
        }),
    }
}

/// A list of keys is the SDK's own business.
fn attributes(cursor: &Cursor<'_>) -> Option<Keys> {
    let patterns = patterns(cursor);
    if patterns == Patterns::default() {
        return None;
    }
    let exactly = |pattern: &Pattern| match pattern {
        Pattern::Exactly(key) => Some(Key::from(key.clone())),
        Pattern::Like(_) => None,
    };
    let list: Option<HashSet<Key>> = patterns.included.iter().map(exactly).collect();
    Some(match list {
        Some(keys) if patterns.excluded.is_empty() => Keys::Only(Arc::new(keys)),
        _ => Keys::Like(Arc::new(patterns)),
    })
}

fn aggregation(name: &str, cursor: &Cursor<'_>) -> Option<Aggregation> {
    let record_min_max = cursor.get("record_min_max");
    let record_min_max = record_min_max
        .and_then(|value| value.boolean())
        .unwrap_or(true);
    let whole = |key: &str| {
        let cursor = cursor.get(key)?;
        match &cursor.node.value {
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Int(number) => Some(number),
                _ => None,
            },
            _ => None,
        }
    };
    Some(match name {
        "drop" => Aggregation::Drop,
        "last_value" => Aggregation::LastValue,
        "sum" => Aggregation::Sum,
        "default" => Aggregation::Default,
        "explicit_bucket_histogram" => Aggregation::ExplicitBucketHistogram {
            boundaries: match cursor.get("boundaries") {
                Some(bounds) => {
                    let items = bounds.items();
                    items.iter().filter_map(|item| number(item.node)).collect()
                }
                None => DEFAULT_BOUNDS.to_vec(),
            },
            record_min_max,
        },
        "base2_exponential_bucket_histogram" => Aggregation::Base2ExponentialHistogram {
            max_size: whole("max_size").map_or(160, |size| u32::try_from(size).unwrap_or(u32::MAX)),
            max_scale: whole("max_scale").map_or(20, |scale| i8::try_from(scale).unwrap_or(20)),
            record_min_max,
        },
        _ => return None,
    })
}
