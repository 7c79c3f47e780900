//! How much of a span or a log record is kept: numbers of attributes, events and links, and the length of values.

use opentelemetry::{Array, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanLimits};

/// The limits in force for all items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub spans: ItemLimits,
    pub logs: ItemLimits,
    pub events: EventLimits,
}

/// Limits of the attributes of one span or one log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ItemLimits {
    /// What is beyond it is dropped and counted in the item.
    pub attribute_count: u32,
    /// In characters, for each text of a value, those in arrays and maps included; in bytes for bytes. `None` is no limit.
    /// For spans it holds for the attributes of events and links as well.
    pub attribute_value_length: Option<usize>,
}

/// Limits of what a span has besides its own attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventLimits {
    pub events_per_span: u32,
    pub links_per_span: u32,
    pub attributes_per_event: u32,
    pub attributes_per_link: u32,
}

/// The specification's number for everything that is counted.
pub(crate) const DEFAULT_COUNT: u32 = 128;

impl Default for ItemLimits {
    fn default() -> Self {
        Self {
            attribute_count: DEFAULT_COUNT,
            attribute_value_length: None,
        }
    }
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            events_per_span: DEFAULT_COUNT,
            links_per_span: DEFAULT_COUNT,
            attributes_per_event: DEFAULT_COUNT,
            attributes_per_link: DEFAULT_COUNT,
        }
    }
}

impl Limits {
    /// What of it the SDK applies by itself: the numbers, not the lengths.
    pub(crate) fn for_sdk(&self) -> SpanLimits {
        SpanLimits {
            max_attributes_per_span: self.spans.attribute_count,
            max_events_per_span: self.events.events_per_span,
            max_links_per_span: self.events.links_per_span,
            max_attributes_per_event: self.events.attributes_per_event,
            max_attributes_per_link: self.events.attributes_per_link,
        }
    }
}

/// Cuts the texts in the attributes of `span`, of its events and of its links.
pub(crate) fn cut_span(span: &mut SpanData, limit: Option<usize>) {
    let Some(limit) = limit else { return };
    let own = span.attributes.iter_mut();
    let events = span.events.events.iter_mut();
    let links = span.links.links.iter_mut();
    own.chain(events.flat_map(|event| &mut event.attributes))
        .chain(links.flat_map(|link| &mut link.attributes))
        .for_each(|attribute| cut(&mut attribute.value, limit));
}

fn cut(value: &mut Value, limit: usize) {
    let cut = |text: &mut StringValue| {
        let kept = truncated(text.as_str(), Some(limit));
        if kept.len() < text.as_str().len() {
            *text = kept.to_owned().into();
        }
    };
    match value {
        Value::String(text) => cut(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(cut),
        _ => {}
    }
}

/// At most `limit` characters of `text`.
pub(crate) fn truncated(text: &str, limit: Option<usize>) -> &str {
    let Some(limit) = limit else { return text };
    // A text has at least as many bytes as characters, so most are within the limit without being read.
    if text.len() <= limit {
        return text;
    }
    match text.char_indices().nth(limit) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_characters() {
        let cases = [
            ("abc", None, "abc"),
            ("abc", Some(4), "abc"),
            ("abc", Some(3), "abc"),
            ("abc", Some(2), "ab"),
            ("abc", Some(0), ""),
            ("", Some(0), ""),
            ("äöü", Some(3), "äöü"),
            ("äöü", Some(2), "äö"),
            ("a😀b", Some(2), "a😀"),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(truncated(text, limit), expected, "{text} {limit:?}");
        }
    }
}
