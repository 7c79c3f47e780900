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
        callsite::{Callsite, DIRECTIVES, KnownField, data_name},
        cut::{Bounded, MAX_TEXT, cut},
        directives::Directives,
    },
    redact::{REDACTED, Redactor},
};

/// Stands for a value whose formatting panicked.
pub(crate) const PANICKED: &str = "<panicked>";

/// Fields with this prefix carry the metadata of a `log` record.
const LOG_METADATA: &str = "log.";

/// A chain of sources is followed this far: nothing says that it ends.
const SOURCES_FOLLOWED: usize = 16;

/// What an event carries besides its fields.
#[derive(Debug, Default)]
pub(crate) struct EventText {
    message: Option<String>,
    exception: Option<String>,
    /// Kept between events for their memory.
    spare: [String; 2],
}

impl EventText {
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The error in the field `error` or `err`, without its sources.
    pub(crate) fn exception(&self) -> Option<&str> {
        self.exception.as_deref()
    }

    /// Hides what is secret.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        for text in [&mut self.message, &mut self.exception]
            .into_iter()
            .flatten()
        {
            if let Cow::Owned(hidden) = redactor.text(text) {
                *text = hidden;
            }
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        let strings = [self.message.as_ref(), self.exception.as_ref()];
        let used: usize = strings.into_iter().flatten().map(String::capacity).sum();
        used + self.spare.iter().map(String::capacity).sum::<usize>()
    }

    pub(crate) fn clear(&mut self) {
        let [message, exception] = &mut self.spare;
        for (used, spare) in [
            (self.message.take(), message),
            (self.exception.take(), exception),
        ] {
            if let Some(mut text) = used {
                text.clear();
                *spare = text;
            }
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
    /// Who else listens to what is no data of a span.
    directives: Option<&'a mut Directives>,
    /// Whether each name comes once, and was not there before.
    distinct: bool,
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
            directives: None,
            distinct: false,
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
            directives: None,
            distinct: false,
            panicked: false,
        }
    }

    /// The same for the fields of `callsite`, into none: where no name comes twice, nobody has to look for it.
    pub(crate) fn of(mut self, callsite: &'a Callsite) -> Self {
        if !matches!(self.source, Source::Event { from_log: true, .. }) {
            self.known = &callsite.fields;
            self.distinct = callsite.has_distinct_fields && self.fields.is_empty();
        }
        self
    }

    /// Has `directives` read the fields that are for them, in the same pass.
    pub(crate) fn with(mut self, directives: Option<&'a mut Directives>) -> Self {
        self.directives = directives;
        self
    }

    /// Keeps a field of which all is known. False when it is not one.
    ///
    /// In each visiting method by itself, which knows the type of the value: this is the hottest place of a span.
    #[inline(always)]
    fn known(&mut self, field: &Field, value: Value<'_>) -> bool {
        let Some(known) = self.known.get(field.index()) else {
            return false;
        };
        let Some(key) = &known.key else {
            // A message is kept elsewhere, and a directive is not data.
            if let (Some(directives), Value::Text(text)) = (&mut self.directives, value) {
                directives.record_str(field, text);
            }
            return !known.is_message;
        };
        if !self.distinct {
            return false;
        }
        let text;
        let shown = match value {
            Value::Text(value) => {
                let value = cut(value, MAX_TEXT);
                text = match value {
                    Cow::Borrowed(value) => {
                        self.redactor.value_of(key.name(), || known.hides, value)
                    }
                    Cow::Owned(value) => {
                        let shown = self.redactor.value_of(key.name(), || known.hides, &value);
                        Cow::Owned(shown.into_owned())
                    }
                };
                Value::Text(&text)
            }
            Value::Bool(_) => value,
            _ if known.hides => Value::Text(REDACTED),
            _ => value,
        };
        self.fields.add(key, known.is_reserved, shown);
        true
    }

    #[inline(always)]
    fn plain(&mut self, field: &Field, value: Value<'_>) {
        if !self.known(field, value) {
            self.unknown(field, value);
        }
    }

    #[cold]
    fn unknown(&mut self, field: &Field, value: Value<'_>) {
        if self.is_message(field) {
            return self.text(field, |out| write_plain(out, value));
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

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded<'_>) -> fmt::Result) {
        if self.is_message(field) {
            if let Source::Event { text, .. } = &mut self.source {
                let mut message = std::mem::take(&mut text.spare[0]);
                self.panicked |= !contained(&mut message, write);
                text.message = Some(message);
            }
        } else if let Some(name) = self.name_of(field) {
            with_text(|text| {
                self.panicked |= !contained(text, write);
                if !self.known(field, Value::Text(text)) {
                    self.set_text(name, text);
                }
            });
        }
    }

    fn set_text(&mut self, name: &'static str, text: &str) {
        let text = cut(text, MAX_TEXT);
        let shown = self.redactor.value(name, &text);
        self.fields.set(name, Value::Text(&shown));
    }

    fn is_message(&self, field: &Field) -> bool {
        matches!(self.source, Source::Event { .. }) && field.name() == "message"
    }

    /// The name under which the field is kept, if it is data.
    fn name_of(&self, field: &Field) -> Option<&'static str> {
        let name = field.name();
        let is_data = match &self.source {
            Source::Span => !(name.starts_with("otel.") && DIRECTIVES.contains(&name)),
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
        self.plain(field, Value::Text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Source::Event { text, .. } = &mut self.source
            && matches!(field.name(), "error" | "err")
        {
            let mut exception = std::mem::take(&mut text.spare[1]);
            let whole = contained(&mut exception, |out| write!(out, "{value}"));
            self.panicked |= !whole;
            text.exception = Some(exception);
        }
        self.text(field, |out| write_chain(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(directives) = &mut self.directives
            && self
                .known
                .get(field.index())
                .is_some_and(|known| known.key.is_none())
        {
            return directives.record_debug(field, value);
        }
        self.text(field, |out| write!(out, "{value:?}"));
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
        out.truncate(start);
        out.push_str(PANICKED);
    }
    whole
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
