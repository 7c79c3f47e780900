//! How much of an item is kept: the limits of spans and log records, and those for all that these fall back to.

use crate::limits::{EventLimits, ItemLimits, Limits};

use super::Origin;
use super::reader::Reader;
use super::show;
use super::variables::{self as table, Variable};

pub(super) fn limits(reader: &mut Reader<'_>) -> Limits {
    let spans = item(
        "traces",
        "span",
        &table::SPAN_ATTRIBUTE_COUNT_LIMIT,
        &table::SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        reader,
    );
    let mut count = |key, variable| reader.pick(key, None, variable, show::display);
    let events = EventLimits {
        events_per_span: count("traces.events_per_span", &table::SPAN_EVENT_COUNT_LIMIT),
        links_per_span: count("traces.links_per_span", &table::SPAN_LINK_COUNT_LIMIT),
        attributes_per_event: count(
            "traces.attributes_per_event",
            &table::EVENT_ATTRIBUTE_COUNT_LIMIT,
        ),
        attributes_per_link: count(
            "traces.attributes_per_link",
            &table::LINK_ATTRIBUTE_COUNT_LIMIT,
        ),
    };
    let logs = item(
        "logs",
        "record",
        &table::LOGRECORD_ATTRIBUTE_COUNT_LIMIT,
        &table::LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        reader,
    );
    Limits {
        spans,
        logs,
        events,
    }
}

/// The item's own variable, else the one for all attributes, else the default of the latter.
fn item(
    signal: &str,
    item: &str,
    count: &Variable<u32>,
    length: &Variable<usize>,
    reader: &mut Reader<'_>,
) -> ItemLimits {
    let (attribute_count, origin) = match reader.read(count) {
        Some(own) => own,
        None => reader.read_or_default(&table::ATTRIBUTE_COUNT_LIMIT),
    };
    let key = format!("{signal}.attributes_per_{item}");
    reader.note(&key, attribute_count.to_string(), origin);
    let found = match reader.read(length) {
        Some(own) => Some(own),
        None => reader.read(&table::ATTRIBUTE_VALUE_LENGTH_LIMIT),
    };
    let (attribute_value_length, origin) = match found {
        Some((length, origin)) => (Some(length), origin),
        None => (None, Origin::Default),
    };
    let shown =
        attribute_value_length.map_or_else(|| "no limit".to_owned(), |length| length.to_string());
    reader.note(&format!("{signal}.attribute_value_length"), shown, origin);
    ItemLimits {
        attribute_count,
        attribute_value_length,
    }
}
