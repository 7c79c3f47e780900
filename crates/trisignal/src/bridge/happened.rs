//! The events and the links of an open span, encoded, within their limits.
//!
//! Of too many events the oldest go, but never the last error: it says why. Of too many links the later ones are left
//! out.

use std::collections::VecDeque;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;

use super::callsite;
use super::cut::{MAX_NAME, cut};
use super::events::fields::Fields;
use super::spans::SpanExport;
use crate::otlp::{span, value, wire};

/// What the events of a span may take together.
const MAX_EVENT_BYTES: usize = 256 * 1024;
/// What one of them may take.
const MAX_ONE: usize = 64 * 1024;
/// What the links of a span may take together.
const MAX_LINK_BYTES: usize = 64 * 1024;

/// An event of `tracing`, as its span takes it.
#[derive(Debug)]
pub(crate) struct Happening<'a> {
    pub(crate) name: &'a str,
    pub(crate) time: u64,
    pub(crate) is_error: bool,
    /// Without what is secret.
    pub(crate) fields: &'a Fields,
    /// The attributes of its callsite.
    pub(crate) constants: &'a callsite::Attributes,
}

/// The events of an open span.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    bytes: Vec<u8>,
    /// Those that are kept, with the lengths that they have in `bytes`.
    kept: VecDeque<One>,
    /// Where the first of them begins in `bytes`.
    first: usize,
    /// The last error, once it is no more among those.
    error: Vec<u8>,
    has_kept_error: bool,
    dropped: u32,
}

#[derive(Clone, Copy, Debug)]
struct One {
    length: usize,
    is_error: bool,
}

impl Happened {
    pub(crate) fn reset(&mut self, bytes: usize) {
        for buffer in [&mut self.bytes, &mut self.error] {
            buffer.clear();
            if buffer.capacity() > bytes {
                *buffer = Vec::new();
            }
        }
        self.kept.clear();
        self.first = 0;
        self.has_kept_error = false;
        self.dropped = 0;
    }

    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Appends all of them to a span.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.has_kept_error || !self.kept.is_empty() {
            self.write_all(out);
        }
    }

    #[cold]
    fn write_all(&self, out: &mut Vec<u8>) {
        if self.has_kept_error {
            out.extend_from_slice(&self.error);
        }
        out.extend_from_slice(&self.bytes[self.first..]);
    }

    pub(crate) fn push(&mut self, event: &Happening<'_>, export: &SpanExport) {
        let attributes = |out: &mut Vec<u8>| {
            let mut room = Room::new(export);
            room.put_fields(out, event.fields, export);
            room.put_all(out, event.constants);
            room.dropped + event.fields.dropped()
        };
        self.append(event.is_error, export, |out| {
            span::event(out, event.time, &cut(event.name, MAX_NAME), attributes);
        });
    }

    /// An event of OpenTelemetry's API, with nothing secret in it.
    pub(crate) fn push_otel(
        &mut self,
        name: &str,
        time: u64,
        attributes: &[KeyValue],
        export: &SpanExport,
    ) {
        // As the API's `record_error` names them.
        let is_error = name == "exception";
        let write = |out: &mut Vec<u8>| {
            let mut room = Room::new(export);
            for attribute in attributes {
                room.put(out, |out| {
                    export.write_otel(out, span::EVENT_ATTRIBUTES, attribute)
                });
            }
            room.dropped
        };
        self.append(is_error, export, |out| {
            span::event(out, time, &cut(name, MAX_NAME), write);
        });
    }

    fn append(&mut self, is_error: bool, export: &SpanExport, write: impl FnOnce(&mut Vec<u8>)) {
        let limit = export.limits.events.events_per_span as usize;
        if limit == 0 {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let before = self.bytes.len();
        write(&mut self.bytes);
        self.kept.push_back(One {
            length: self.bytes.len() - before,
            is_error,
        });
        // The last error has a place of its own, which counts.
        while self.kept.len() + usize::from(self.has_kept_error) > limit
            || self.bytes.len() - self.first > MAX_EVENT_BYTES
        {
            self.drop_oldest(limit);
        }
        if self.first > self.bytes.len() / 2 {
            self.bytes.drain(..self.first);
            self.first = 0;
        }
    }

    fn drop_oldest(&mut self, limit: usize) {
        let Some(oldest) = self.kept.pop_front() else {
            return;
        };
        let end = self.first + oldest.length;
        let is_last_error = oldest.is_error && !self.kept.iter().any(|one| one.is_error);
        if is_last_error && (limit > 1 || self.kept.is_empty()) {
            self.error.clear();
            self.error.extend_from_slice(&self.bytes[self.first..end]);
            // It takes the place of the one before.
            self.dropped = self.dropped.saturating_add(u32::from(self.has_kept_error));
            self.has_kept_error = true;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        self.first = end;
        if self.has_kept_error && self.kept.iter().any(|one| one.is_error) {
            // A later error is among those that are kept.
            self.has_kept_error = false;
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

/// How many attributes an event still takes.
struct Room {
    left: u32,
    bytes: usize,
    dropped: u32,
}

impl Room {
    fn new(export: &SpanExport) -> Self {
        Self {
            left: export.limits.events.attributes_per_event,
            bytes: MAX_ONE,
            dropped: 0,
        }
    }

    fn put(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let before = out.len();
        if self.left > 0 {
            write(out);
        }
        let length = out.len() - before;
        if length == 0 || length > self.bytes {
            out.truncate(before);
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.left -= 1;
            self.bytes -= length;
        }
    }

    fn put_fields(&mut self, out: &mut Vec<u8>, fields: &Fields, export: &SpanExport) {
        let (count, length) = (fields.count(), fields.bytes().len());
        let is_cut = export.limits.spans.attribute_value_length.is_some();
        if !is_cut && count <= self.left && length <= self.bytes {
            fields.write(out, span::EVENT_ATTRIBUTES);
            self.left -= count;
            self.bytes -= length;
            return;
        }
        for field in fields.encoded() {
            self.put(out, |out| {
                export.write_attribute(out, span::EVENT_ATTRIBUTES, &field);
            });
        }
    }

    fn put_all(&mut self, out: &mut Vec<u8>, constants: &callsite::Attributes) {
        if constants.count <= self.left && constants.bytes.len() <= self.bytes {
            out.extend_from_slice(&constants.bytes);
            return;
        }
        for attribute in value::attributes(&constants.bytes) {
            self.put(out, |out| {
                wire::member_bytes(out, span::EVENT_ATTRIBUTES, attribute.message);
            });
        }
    }
}

/// The links of an open span.
#[derive(Debug, Default)]
pub(crate) struct Links {
    bytes: Vec<u8>,
    count: u32,
    dropped: u32,
}

impl Links {
    pub(crate) fn reset(&mut self, bytes: usize) {
        self.bytes.clear();
        if self.bytes.capacity() > bytes {
            self.bytes = Vec::new();
        }
        self.count = 0;
        self.dropped = 0;
    }

    /// Appends all of them to a span.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.count > 0 {
            self.write_all(out);
        }
    }

    #[cold]
    fn write_all(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    pub(crate) fn push(&mut self, to: &SpanContext, attributes: &[KeyValue], export: &SpanExport) {
        let limits = &export.limits.events;
        if self.count >= limits.links_per_span || self.bytes.len() >= MAX_LINK_BYTES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.count += 1;
        span::link(&mut self.bytes, to, |out| {
            let mut room = Room {
                left: limits.attributes_per_link,
                bytes: MAX_ONE,
                dropped: 0,
            };
            for attribute in attributes {
                room.put(out, |out| {
                    export.write_otel(out, span::LINK_ATTRIBUTES, attribute)
                });
            }
            room.dropped
        });
    }
}
