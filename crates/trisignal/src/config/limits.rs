//! How much of an item is kept: the limits of spans and log records, and those for all that these fall back to.

use crate::limits::{EventLimits, ItemLimits, Limits};

use super::reader::Reader;
use super::show;
use super::variables::{self as table, Variable};
use super::{Origin, Settings};

pub(super) fn limits(settings: &Settings, reader: &mut Reader<'_>) -> Limits {
    let code = &settings.item_limits;
    let spans = Item {
        signal: "traces",
        name: "span",
        count: &table::SPAN_ATTRIBUTE_COUNT_LIMIT,
        count_of_code: code.span_attribute_count.or(code.attribute_count),
        length: &table::SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        length_of_code: code
            .span_attribute_value_length
            .or(code.attribute_value_length),
    };
    let spans = spans.limits(reader);
    let mut count = |key, code, variable| reader.pick(key, code, variable, show::display);
    let events = EventLimits {
        events_per_span: count(
            "traces.events_per_span",
            code.span_event_count,
            &table::SPAN_EVENT_COUNT_LIMIT,
        ),
        links_per_span: count(
            "traces.links_per_span",
            code.span_link_count,
            &table::SPAN_LINK_COUNT_LIMIT,
        ),
        attributes_per_event: count(
            "traces.attributes_per_event",
            code.event_attribute_count,
            &table::EVENT_ATTRIBUTE_COUNT_LIMIT,
        ),
        attributes_per_link: count(
            "traces.attributes_per_link",
            code.link_attribute_count,
            &table::LINK_ATTRIBUTE_COUNT_LIMIT,
        ),
    };
    let logs = Item {
        signal: "logs",
        name: "record",
        count: &table::LOGRECORD_ATTRIBUTE_COUNT_LIMIT,
        count_of_code: code.log_attribute_count.or(code.attribute_count),
        length: &table::LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        length_of_code: code
            .log_attribute_value_length
            .or(code.attribute_value_length),
    };
    Limits {
        spans,
        logs: logs.limits(reader),
        events,
    }
}

/// What says how much of the attributes of one kind of item is kept.
struct Item {
    signal: &'static str,
    name: &'static str,
    count: &'static Variable<u32>,
    count_of_code: Option<u32>,
    length: &'static Variable<usize>,
    length_of_code: Option<usize>,
}

impl Item {
    /// Code, else the item's own variable, else the one for all attributes, else the default of the latter.
    fn limits(&self, reader: &mut Reader<'_>) -> ItemLimits {
        let (attribute_count, origin) = match self.count_of_code {
            Some(count) => (count, Origin::Code),
            None => match reader.read(self.count) {
                Some(own) => own,
                None => reader.read_or_default(&table::ATTRIBUTE_COUNT_LIMIT),
            },
        };
        let key = format!("{}.attributes_per_{}", self.signal, self.name);
        reader.note(&key, attribute_count.to_string(), origin);
        let found = match self.length_of_code {
            Some(length) => Some((length, Origin::Code)),
            None => reader
                .read(self.length)
                .or_else(|| reader.read(&table::ATTRIBUTE_VALUE_LENGTH_LIMIT)),
        };
        let (attribute_value_length, origin) = found.unzip();
        let shown = attribute_value_length
            .map_or_else(|| "no limit".to_owned(), |length| length.to_string());
        let key = format!("{}.attribute_value_length", self.signal);
        reader.note(&key, shown, origin.unwrap_or(Origin::Default));
        ItemLimits {
            attribute_count,
            attribute_value_length,
        }
    }
}
