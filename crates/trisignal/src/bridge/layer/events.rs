//! What happens to an event: who takes it, and how it gets there.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::Context as OtelContext;
use opentelemetry_sdk::logs::SdkLogger;
use tracing::dispatcher::{self, WeakDispatch};
use tracing::span::Id;
use tracing::{Dispatch, Event, Level, Metadata};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::Context;

use super::super::callsite::{self, Callsite, Judge};
use super::super::correlated::Digits;
use super::super::events::capture::Capture;
use super::super::events::fields::{Fields, Value};
use super::super::events::otlp::{Export, LogExport, severity};
use super::super::events::scratch::{Gate, Scratch, with_scratch};
use super::super::events::trace::{Home, Position};
use super::super::happened::Happening;
use super::super::local;
use super::super::open::Open;
use super::super::suppress::{SUPPRESSED, Suppressor};
use super::{Bridge, ContextOf};
use crate::clock;
use crate::console::{Console, Line};
use crate::filter::Filter;
use crate::pipeline::chunks::ScopeName;
use crate::sampling::logs::follows;

/// An event that is dealt with.
pub(super) struct Happened<'a> {
    pub(super) event: &'a Event<'a>,
    /// What a `log` record says of itself, where the event stands for one.
    pub(super) metadata: &'a Metadata<'a>,
    pub(super) callsite: &'a Callsite,
    /// Whether it stands for a record of the `log` crate.
    pub(super) is_log: bool,
}

/// Who takes an event.
#[derive(Clone)]
struct Takers {
    console: bool,
    export: bool,
    /// The span whose event it is.
    span: Option<Arc<Open>>,
}

impl Happened<'_> {
    fn event_name(&self) -> Option<&'static str> {
        self.callsite.event_name.filter(|_| !self.is_log)
    }
}

impl Bridge {
    /// Hands an event to those who take it.
    #[inline(always)]
    pub(super) fn take<S>(&self, happened: &Happened<'_>, cx: &Context<'_, S>) {
        let takers = self.takers(happened, cx);
        if takers.console || takers.export || takers.span.is_some() {
            with_scratch(|scratch| self.write(happened, &takers, scratch));
        }
    }

    /// The same for one that stands for a record of the `log` crate.
    #[inline(never)]
    pub(super) fn take_log<S>(&self, event: &Event<'_>, callsite: &Callsite, cx: &Context<'_, S>) {
        let normalized = event.normalized_metadata();
        let happened = Happened {
            event,
            metadata: normalized.as_ref().unwrap_or_else(|| event.metadata()),
            callsite,
            is_log: true,
        };
        self.take(&happened, cx);
    }

    #[inline(always)]
    fn takers<S>(&self, happened: &Happened<'_>, cx: &Context<'_, S>) -> Takers {
        let Happened {
            event,
            metadata,
            callsite,
            is_log,
        } = *happened;
        let passes = |judge, filter: &Option<Filter>| match filter {
            // Records of `log` share a few callsites.
            Some(filter) if is_log => passes(filter, metadata, cx),
            Some(filter) => callsite.verdict(judge, filter, |filter| passes(filter, metadata, cx)),
            None => false,
        };
        let export = match &self.logs {
            Some(logs) => {
                Gate::EXPORT.is_free()
                    && passes(Judge::Export, &self.filters.export)
                    && logs.wants(metadata, || happened.event_name())
            }
            None => false,
        };
        let is_for_span = if is_log {
            self.filters.wants_for_span(metadata)
        } else {
            self.filters.is_for_span(metadata.level()) && !callsite.is_silenced
        };
        Takers {
            console: self.console.is_some()
                && Gate::CONSOLE.is_free()
                && passes(Judge::Console, &self.filters.console),
            export,
            span: is_for_span.then(|| self.recorded(event)).flatten(),
        }
    }

    /// The span that an event is one of.
    #[inline(never)]
    fn recorded(&self, event: &Event<'_>) -> Option<Arc<Open>> {
        let recorded = |around: &Arc<Open>| {
            let span = around.exported()?;
            span.is_awaited().then(|| Arc::clone(span))
        };
        self.with_around(event, recorded).flatten()
    }

    /// Shows `look` the span that an event is in. Of one that does not name its parent it must not call code of users.
    #[inline]
    fn with_around<T>(&self, event: &Event<'_>, look: impl FnOnce(&Arc<Open>) -> T) -> Option<T> {
        if event.is_contextual() {
            return local::with_current(self.callsites.bridge(), look);
        }
        self.table.get(event.parent()?).as_ref().map(look)
    }

    fn write(&self, happened: &Happened<'_>, takers: &Takers, scratch: &mut Scratch) {
        let time = clock::now();
        let mut capture = Capture::event(
            &mut scratch.fields,
            &mut scratch.text,
            happened.is_log,
            &self.redactor,
        )
        .of(happened.callsite);
        happened.event.record(&mut capture);
        scratch.text.redact(&self.redactor);
        if let Some(span) = &takers.span {
            tell(span, happened, scratch, time);
        }
        if takers.console || takers.export {
            self.show(happened, takers, scratch, time);
        }
    }

    /// Gives an event that is read to the console and to the export.
    fn show(&self, happened: &Happened<'_>, takers: &Takers, scratch: &mut Scratch, time: u64) {
        let (event, metadata) = (happened.event, happened.metadata);
        let suppressed = match &self.suppressor {
            Some(suppressor) => self.admit(suppressor, happened, scratch),
            None => Some(0),
        };
        let Some(suppressed) = suppressed else {
            return;
        };
        self.with_around(event, |around| inherit(&mut scratch.fields, around));
        let home = self.home(event);
        if !self.baggage.is_empty() {
            home.show_baggage(&self.baggage, &mut scratch.fields, &self.redactor);
        }
        if suppressed > 0 {
            say_suppressed(&mut scratch.fields, suppressed);
        }
        let mut position = Position::UNKNOWN;
        home.with(|cx| position.read(cx));
        if takers.console
            && let Some(console) = &self.console
        {
            write_line(console, happened, scratch, time, &position);
        }
        if !takers.export || (self.trace_based && is_left_out(metadata, &position)) {
            return;
        }
        let Some(logs) = &self.logs else { return };
        let export = Export {
            time,
            metadata,
            target: target(happened),
            event_name: happened.event_name(),
            constants: &happened.callsite.place,
            position: &position,
            scratch,
        };
        if happened.is_log {
            send_log(&export, logs, &home);
        } else {
            send(&export, logs, &home);
        }
    }

    /// How many events of its call site were kept back before this one, or `None` when it is kept back itself.
    #[cold]
    fn admit(
        &self,
        suppressor: &Suppressor,
        happened: &Happened<'_>,
        scratch: &Scratch,
    ) -> Option<u64> {
        let now = Instant::now();
        if let Some(console) = &self.console
            && Gate::CONSOLE.is_free()
        {
            let _inside = Gate::CONSOLE.enter();
            for ended in suppressor.ended(now) {
                console.write_suppressed(&ended);
            }
        }
        let (message, fields) = (scratch.text.message(), &scratch.fields);
        suppressor.admit(happened.event, happened.metadata, message, fields, now)
    }

    fn home(&self, event: &Event<'_>) -> Home {
        if !event.is_contextual() {
            return self.named_home(event);
        }
        local::home()
    }

    #[inline(never)]
    fn named_home(&self, event: &Event<'_>) -> Home {
        let context = self.with_around(event, |around| match self.other {
            None => self.context_of(Some(around)),
            Some(other) => self.find_other(other, around),
        });
        Home::Named(context.flatten().unwrap_or_default())
    }

    /// The context of the nearest span that another layer exports.
    fn find_other(&self, other: ContextOf, around: &Arc<Open>) -> Option<OtelContext> {
        let find = |dispatch: &Dispatch| {
            let mut span = Some(around);
            while let Some(open) = span {
                if let Some(context) = other(&Id::from_u64(open.start.id), dispatch) {
                    return Some(context);
                }
                span = open.start.parent.as_ref();
            }
            None
        };
        match self.dispatch.get().and_then(WeakDispatch::upgrade) {
            Some(dispatch) => find(&dispatch),
            // An `Option` or a `Vec` of layers does not pass on what it is registered with.
            None => dispatcher::get_default(find),
        }
    }
}

#[inline(never)]
fn passes<S>(filter: &Filter, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
    filter.passes(metadata, cx)
}

#[cold]
fn say_suppressed(fields: &mut Fields, suppressed: u64) {
    fields.set(SUPPRESSED, Value::U64(suppressed));
}

/// Whether a record is not exported because its trace is not.
#[cold]
fn is_left_out(metadata: &Metadata<'_>, position: &Position) -> bool {
    let flags = position.trace.known().map(|trace| trace.flags);
    !follows(severity(metadata.level()), flags)
}

#[inline(never)]
fn write_line(
    console: &Console,
    happened: &Happened<'_>,
    scratch: &mut Scratch,
    time: u64,
    position: &Position,
) {
    let metadata = happened.metadata;
    let mut digits = Digits::default();
    let line = Line {
        time: clock::system_time(time),
        level: *metadata.level(),
        target: metadata.target(),
        message: scratch.text.message(),
        exception: scratch.text.exception(),
        trace: position.trace.known(),
        correlation: position.correlation.text(&mut digits),
        fields: &scratch.fields,
    };
    let _inside = Gate::CONSOLE.enter();
    console.write(&line, &mut scratch.line);
}

/// Exports what stands for a record of the `log` crate, each of which has a place of its own.
#[cold]
fn send_log(export: &Export<'_>, logs: &LogExport, home: &Home) {
    let constants = &callsite::Attributes::of_log(export.metadata);
    let export = Export {
        constants,
        ..*export
    };
    send(&export, logs, home);
}

/// Exports a record that is at `home`.
#[inline(never)]
fn send(export: &Export<'_>, logs: &LogExport, home: &Home) {
    match logs {
        LogExport::Encoded { chunks, limits } => export.write(chunks, limits),
        LogExport::Sdk(logger) => send_to_sdk(export, logger, home),
    }
}

#[inline(never)]
fn send_to_sdk(export: &Export<'_>, logger: &SdkLogger, home: &Home) {
    let _inside = Gate::EXPORT.enter();
    let _home = home.attach();
    export.emit(logger);
}

/// Has `span` take an event that is read: a warning or an error, mostly.
#[cold]
fn tell(span: &Open, happened: &Happened<'_>, scratch: &mut Scratch, time: u64) {
    let (event, metadata) = (happened.event, happened.metadata);
    let Scratch { fields, text, .. } = scratch;
    let is_error = *metadata.level() == Level::ERROR;
    // `#[instrument(err)]` and its like: nothing but an error, which is why the span failed.
    let error = match (text.message(), fields.get("error")) {
        (None, Some(Value::Text(error))) => Some(error.to_owned()),
        _ => None,
    };
    if is_error || error.is_some() {
        let description = error.clone().unwrap_or_default();
        span.set_status(&opentelemetry::trace::Status::error(description));
    }
    let name = match (text.message(), &error) {
        (Some(message), _) => message,
        (None, Some(_)) => "exception",
        (None, None) => event.metadata().name(),
    };
    let given = fields.contains("exception.message");
    let exception = text.exception().or(error.as_deref()).filter(|_| !given);
    if let Some(exception) = exception {
        fields.set("exception.message", Value::Text(exception));
    }
    let of_log = happened
        .is_log
        .then(|| callsite::Attributes::of_event(metadata));
    span.happened(&Happening {
        name,
        time,
        is_error,
        fields,
        constants: of_log.as_ref().unwrap_or(&happened.callsite.event),
    });
    if exception.is_some() {
        fields.remove("exception.message");
    }
}

/// Adds the fields of the spans around an event, from the innermost outwards, so that inner ones win.
#[inline(never)]
fn inherit(fields: &mut Fields, around: &Arc<Open>) {
    let mut span = Some(around);
    while let Some(open) = span {
        if open.start.may_have_fields() {
            fields.inherit(&open.state().fields);
        }
        span = open.start.parent.as_ref();
    }
}

fn target<'a>(happened: &Happened<'a>) -> ScopeName<'a> {
    if happened.is_log {
        ScopeName::Borrowed(happened.metadata.target())
    } else {
        ScopeName::Static(happened.event.metadata().target())
    }
}
