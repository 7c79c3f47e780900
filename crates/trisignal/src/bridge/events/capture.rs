//! The visitor that turns what `tracing` hands over into plain values.
//!
//! All code of users that runs on behalf of an event or a span runs here, each value on its own under
//! `catch_unwind`: a `Debug` implementation that panics costs its value, which reads `<panicked>`, and nothing else.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

#[cfg(any(test, feature = "tracing-opentelemetry"))]
use tracing::Event;
use tracing::field::{Field, Visit};

use super::{
    fields::{Fields, Value},
    scratch::with_text,
};
use crate::{
    bridge::{
        callsite::{Callsite, KnownField, data_name},
        cut::{Bounded, MAX_TEXT, cut},
        directives::{Directive, Directives},
    },
    otlp::key::Key,
    redact::{REDACTED, Redactor},
};

/// Stands for a value whose formatting panicked.
pub(crate) const PANICKED: &str = "<panicked>";

/// Fields with this prefix carry the metadata of a `log` record.
const LOG_METADATA: &str = "log.";

/// A chain of sources is followed this far: nothing says that it ends.
const SOURCES_FOLLOWED: usize = 16;

/// What an event carries besides its fields. Kept between events for the memory.
#[derive(Debug, Default)]
pub(crate) struct EventText {
    message: Text,
    exception: Text,
}

#[derive(Debug, Default)]
struct Text {
    text: String,
    is_there: bool,
}

impl EventText {
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.get()
    }

    /// The error in the field `error` or `err`, without its sources.
    pub(crate) fn exception(&self) -> Option<&str> {
        self.exception.get()
    }

    /// Hides what is secret.
    #[inline]
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        self.message.redact(redactor);
        self.exception.redact(redactor);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.message.text.capacity() + self.exception.text.capacity()
    }

    pub(crate) fn clear(&mut self) {
        for text in [&mut self.message, &mut self.exception] {
            text.text.clear();
            text.is_there = false;
        }
    }
}

impl Text {
    fn get(&self) -> Option<&str> {
        self.is_there.then_some(&self.text)
    }

    /// Takes what `write` writes; see [`contained`].
    fn set(&mut self, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) -> bool {
        self.text.clear();
        self.is_there = true;
        contained(&mut self.text, write)
    }

    #[inline]
    fn redact(&mut self, redactor: &Redactor) {
        if self.is_there && !redactor.shows(&self.text) {
            self.hide(redactor);
        }
    }

    #[cold]
    fn hide(&mut self, redactor: &Redactor) {
        if let Cow::Owned(hidden) = redactor.text(&self.text) {
            self.text = hidden;
        }
    }
}

/// Where the values come from, which decides what is no data.
enum Source<'a> {
    Span,
    Event {
        text: &'a mut EventText,
        from_log: bool,
    },
}

/// Writes each value it visits to [`Fields`], without what is secret and not longer than anything may be.
pub(crate) struct Capture<'a> {
    fields: &'a mut Fields,
    source: Source<'a>,
    redactor: &'a Redactor,
    /// What is known of the fields, by their indices; nothing of those of a `log` record.
    known: &'a [KnownField],
    /// Whether each name comes once and was not there before, so that nobody has to look for it.
    are_new: bool,
    /// Who else listens to what is no data of a span.
    directives: Option<&'a mut Directives>,
    panicked: bool,
}

impl<'a> Capture<'a> {
    /// For the fields of a span, new or recorded late.
    pub(crate) fn span(fields: &'a mut Fields, redactor: &'a Redactor) -> Self {
        Capture {
            fields,
            source: Source::Span,
            redactor,
            known: &[],
            are_new: false,
            directives: None,
            panicked: false,
        }
    }

    /// For an event; `from_log` when it stands for a record of the `log` crate.
    pub(crate) fn event(
        fields: &'a mut Fields,
        text: &'a mut EventText,
        from_log: bool,
        redactor: &'a Redactor,
    ) -> Self {
        Capture {
            fields,
            source: Source::Event { text, from_log },
            redactor,
            known: &[],
            are_new: false,
            directives: None,
            panicked: false,
        }
    }

    /// The same for the fields of `callsite`.
    pub(crate) fn of(mut self, callsite: &'a Callsite) -> Self {
        if matches!(self.source, Source::Event { from_log: true, .. }) {
            return self;
        }
        self.known = &callsite.fields;
        if callsite.has_distinct_fields && self.fields.is_empty() {
            self.are_new = true;
            if callsite.has_reserved_fields {
                self.fields.expect_reserved();
            }
        }
        self
    }

    /// Has `directives` read the fields that are for them, in the same pass.
    pub(crate) fn with(mut self, directives: Option<&'a mut Directives>) -> Self {
        self.directives = directives;
        self
    }

    /// The key of a field that is new and plain data: all that is left to do is to write its value under it.
    ///
    /// Asked in each visiting method by itself, which knows the type of the value: this is the hottest place of a span.
    #[inline(always)]
    fn key(&self, field: &Field) -> Option<&'a Key> {
        match self.known.get(field.index())? {
            KnownField::Data(key) if self.are_new => Some(key),
            _ => None,
        }
    }

    #[inline(always)]
    fn plain(&mut self, field: &Field, value: Value<'_>) {
        match self.key(field) {
            Some(key) => self.fields.add(key, value),
            None => self.other(field, value),
        }
    }

    /// Keeps what is no new and plain data.
    #[inline(never)]
    fn other(&mut self, field: &Field, value: Value<'_>) {
        if let Some(directive) = directive(self.known, field) {
            if let (Some(directives), Value::Text(text)) = (&mut self.directives, value) {
                directives.take(directive, Cow::Borrowed(text));
            }
            return;
        }
        if self.is_message(field) {
            return self.message(|out| write_plain(out, value));
        }
        let Some(name) = self.name_of(field) else {
            return;
        };
        match value {
            Value::Text(text) => self.set_text(name, text),
            Value::Bool(_) => self.fields.set(name, value),
            _ if self.redactor.hides(name) => self.fields.set(name, Value::Text(REDACTED)),
            _ => self.fields.set(name, value),
        }
    }

    #[inline]
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) {
        if self.is_message(field) {
            self.message(write);
        } else {
            self.formatted(field, write);
        }
    }

    #[inline]
    fn message(&mut self, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) {
        if let Source::Event { text, .. } = &mut self.source {
            self.panicked |= !text.message.set(write);
        }
    }

    /// Keeps what is data as the text that `write` writes.
    #[inline(never)]
    fn formatted(&mut self, field: &Field, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) {
        let key = self.key(field);
        let Some(name) = key.map(Key::name).or_else(|| self.name_of(field)) else {
            return;
        };
        with_text(|text| {
            self.panicked |= !contained(text, write);
            match key {
                Some(key) => self.add_text(key, text),
                None => self.set_text(name, text),
            }
        });
    }

    #[inline(always)]
    fn add_text(&mut self, key: &Key, text: &str) {
        if text.len() <= MAX_TEXT && self.redactor.shows(text) {
            self.fields.add(key, Value::Text(text));
        } else {
            self.add_changed(key, text);
        }
    }

    /// Adds a text that may have to be cut, or to be hidden.
    #[inline(never)]
    fn add_changed(&mut self, key: &Key, text: &str) {
        let text = cut(text, MAX_TEXT);
        let shown = self.redactor.value_of(key.name(), || false, &text);
        self.fields.add(key, Value::Text(&shown));
    }

    fn set_text(&mut self, name: &'static str, text: &str) {
        let text = cut(text, MAX_TEXT);
        let shown = self.redactor.value(name, &text);
        self.fields.set(name, Value::Text(&shown));
    }

    #[inline]
    fn is_message(&self, field: &Field) -> bool {
        match self.known.get(field.index()) {
            Some(known) => matches!(known, KnownField::Message),
            None => matches!(self.source, Source::Event { .. }) && field.name() == "message",
        }
    }

    /// The name under which the field is kept, if it is data.
    fn name_of(&self, field: &Field) -> Option<&'static str> {
        let name = field.name();
        let is_data = match &self.source {
            Source::Span => Directive::named(name).is_none(),
            Source::Event { from_log, .. } => !(*from_log && name.starts_with(LOG_METADATA)),
        };
        is_data.then(|| data_name(field))
    }
}

impl Visit for Capture<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(field, Value::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, Value::U64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.key(field) {
            Some(key) => self.add_text(key, value),
            None => self.other(field, Value::Text(value)),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Source::Event { text, .. } = &mut self.source
            && matches!(field.name(), "error" | "err")
        {
            self.panicked |= !text.exception.set(|out| write!(out, "{value}"));
        }
        self.text(field, |out| write_chain(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(directives) = &mut self.directives
            && let Some(directive) = directive(self.known, field)
        {
            directives.take_debug(directive, value);
        } else {
            self.text(field, |out| write!(out, "{value:?}"));
        }
    }
}

fn directive(known: &[KnownField], field: &Field) -> Option<Directive> {
    match known.get(field.index())? {
        KnownField::Directive(directive) => Some(*directive),
        _ => None,
    }
}

fn write_plain(out: &mut impl fmt::Write, value: Value<'_>) -> fmt::Result {
    match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::U64(value) => write!(out, "{value}"),
        Value::F64(value) => write!(out, "{value:?}"),
        Value::Text(value) => out.write_str(value),
    }
}

/// The error and its sources, as in `payment failed: connection refused`.
fn write_chain(out: &mut Bounded<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(out, "{error}")?;
    let mut source = error.source();
    for _ in 0..SOURCES_FOLLOWED {
        let Some(error) = source else { break };
        let text = error.to_string();
        // Many errors already print their source; once is enough.
        if !out.text().ends_with(&text) {
            write!(out, ": {text}")?;
        }
        source = error.source();
    }
    Ok(())
}

/// Appends what `write` writes, or [`PANICKED`]. An error of a `Display` leaves what it wrote before. False after a
/// panic.
fn contained(out: &mut String, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) -> bool {
    let start = out.len();
    // `out` is only ever appended to, so it is whole whenever the panic comes.
    let whole = catch_unwind(AssertUnwindSafe(|| {
        let mut bounded = Bounded::new(out);
        let _ = write(&mut bounded);
        bounded.finish();
    }))
    .is_ok();
    if !whole {
        panicked(out, start);
    }
    whole
}

#[cold]
fn panicked(out: &mut String, start: usize) {
    out.truncate(start);
    out.push_str(PANICKED);
}

/// Whether the values of `event` can be formatted by code that has no guard of its own: none panics, and none logs,
/// for what logs while it is formatted may log itself.
#[cfg(any(test, feature = "tracing-opentelemetry"))]
pub(crate) fn formats_well(event: &Event<'_>) -> bool {
    use super::scratch::{Nesting, with_scratch};

    let Some(_nesting) = Nesting::enter() else {
        return false;
    };
    let entered = Nesting::entered();
    let whole = with_scratch(|scratch| {
        let off = Redactor::default();
        let mut capture = Capture::event(&mut scratch.fields, &mut scratch.text, false, &off);
        event.record(&mut capture);
        !capture.panicked
    });
    whole && entered == Nesting::entered()
}
