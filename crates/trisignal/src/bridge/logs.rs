//! The event side of the bridge: every `tracing` event, and every `log` record, to the console and to OTLP.
//!
//! One layer serves both, so that an event is read once and its span fields are kept once. It sees all spans that
//! any of the three filters wants, whatever the filter of the console says, and asks console and export separately
//! for each event. It never takes the host down: formatting code of users is contained, what is left is caught here.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use opentelemetry::logs::Logger as _;
use opentelemetry_sdk::logs::SdkLogger;
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};
use trisignal_instrumentation::correlation::CorrelationId;

use super::events::{
    capture::Capture,
    fields::{Fields, Value},
    otlp::{Export, severity},
    scratch::{Gate, Nesting, Scratch, with_scratch},
    trace::Home,
};
use super::suppress::{SUPPRESSED, Suppressor};
use crate::sampling::logs::follows;
use crate::{
    console::{Console, ConsoleOptions, Line},
    filter::{EventFilters, Filter, Union},
    redact::Redactor,
};

/// Where events go, and which.
#[derive(Default)]
pub(crate) struct EventOptions {
    /// The console, with its filter.
    pub(crate) console: Option<ConsoleOptions>,
    /// The OTLP logger, with the filter of exported logs; the pipeline's own stack is silenced by the layer.
    pub(crate) logger: Option<(SdkLogger, Filter)>,
    /// The filter of exported spans: their fields go to events even when no other filter wants the spans.
    pub(crate) span_filter: Option<Filter>,
    /// Records share the fate of their trace.
    pub(crate) trace_based: bool,
    /// Keys of the baggage members that events show as fields.
    pub(crate) baggage: Vec<&'static str>,
    /// What hides secrets in all of it.
    pub(crate) redactor: Redactor,
    /// What keeps call sites from flooding, if anything does.
    pub(crate) suppressor: Option<Suppressor>,
}

/// The layer for `options`, inside its filter.
pub(crate) fn event_layer<S>(options: EventOptions) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (console, console_filter) = match options.console.and_then(Console::open) {
        Some((console, filter)) => (Some(console), Some(filter)),
        None => (None, None),
    };
    let (logger, export_filter) = match options.logger {
        Some((logger, filter)) => (Some(logger), Some(filter.exporting())),
        None => (None, None),
    };
    let goes_nowhere = console.is_none() && logger.is_none();
    let filters = Arc::new(EventFilters {
        console: console_filter,
        export: export_filter,
        spans: options
            .span_filter
            .filter(|_| !goes_nowhere)
            .map(Filter::exporting),
    });
    let layer = EventLayer {
        console,
        logger,
        baggage: options.baggage,
        trace_based: options.trace_based,
        redactor: options.redactor,
        suppressor: options.suppressor,
        filters: Arc::clone(&filters),
        dispatch: OnceLock::new(),
    };
    layer.with_filter(Union(filters))
}

/// Events that were lost here since the process began: logged by their own formatting code for ever, or hit by a
/// panic that nothing else caught.
pub(crate) fn lost_events() -> u64 {
    LOST.load(Ordering::Relaxed)
}

static LOST: AtomicU64 = AtomicU64::new(0);

struct EventLayer {
    trace_based: bool,
    console: Option<Console>,
    logger: Option<SdkLogger>,
    baggage: Vec<&'static str>,
    redactor: Redactor,
    suppressor: Option<Suppressor>,
    filters: Arc<EventFilters>,
    /// Weak, because the dispatch owns this layer.
    dispatch: OnceLock<WeakDispatch>,
}

/// The fields of a span, in its extensions.
struct SpanFields(Fields);

/// Who takes an event.
#[derive(Clone, Copy)]
struct Takers {
    console: bool,
    export: bool,
}

impl<S> Layer<S> for EventLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer belongs to one subscriber; were it registered again, that would be the same one.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if attrs.fields().is_empty() {
            return;
        }
        contain(|| {
            let mut fields = Fields::default();
            attrs.record(&mut Capture::span(&mut fields));
            fields.redact(&self.redactor);
            if let Some(span) = cx.span(id).filter(|_| !fields.is_empty()) {
                span.extensions_mut().replace(SpanFields(fields));
            }
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        contain(|| {
            with_scratch(|scratch| {
                values.record(&mut Capture::span(&mut scratch.fields));
                scratch.fields.redact(&self.redactor);
                if let Some(span) = cx.span(id).filter(|_| !scratch.fields.is_empty()) {
                    let mut extensions = span.extensions_mut();
                    if let Some(SpanFields(fields)) = extensions.get_mut() {
                        fields.update(&scratch.fields);
                    } else {
                        let mut fields = Fields::default();
                        fields.update(&scratch.fields);
                        extensions.replace(SpanFields(fields));
                    }
                }
            });
        });
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let done = contain(|| {
            let normalized = event.normalized_metadata();
            let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
            let takers = self.takers(event, metadata, &cx);
            if takers.console || takers.export {
                with_scratch(|scratch| self.write(event, metadata, takers, &cx, scratch));
            }
        });
        if !done {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl EventLayer {
    fn takers<S>(&self, event: &Event<'_>, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> Takers {
        let passes = |filter: &Option<Filter>| {
            filter
                .as_ref()
                .is_some_and(|filter| filter.passes(metadata, cx))
        };
        let export = self.logger.as_ref().is_some_and(|logger| {
            // The logger itself says no while telemetry is suppressed.
            Gate::EXPORT.is_free()
                && passes(&self.filters.export)
                && logger.event_enabled(
                    severity(metadata.level()),
                    metadata.target(),
                    event_name(event),
                )
        });
        Takers {
            console: self.console.is_some()
                && Gate::CONSOLE.is_free()
                && passes(&self.filters.console),
            export,
        }
    }

    fn write<S>(
        &self,
        event: &Event<'_>,
        metadata: &Metadata<'_>,
        takers: Takers,
        cx: &Context<'_, S>,
        scratch: &mut Scratch,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let time = SystemTime::now();
        event.record(&mut Capture::event(
            &mut scratch.fields,
            &mut scratch.text,
            event.is_log(),
        ));
        let Some(suppressed) = self.admit(event, metadata, scratch) else {
            return;
        };
        scratch.text.redact(&self.redactor);
        scratch.fields.redact(&self.redactor);
        // From the innermost span outwards, so that inner fields win; theirs are redacted already.
        for span in cx.event_scope(event).into_iter().flatten() {
            inherit(&mut scratch.fields, &span);
        }
        let home = Home::of(event, cx, self.dispatch.get());
        if !self.baggage.is_empty() {
            home.show_baggage(&self.baggage, &mut scratch.fields);
            scratch.fields.redact(&self.redactor);
        }
        if suppressed > 0 {
            scratch.fields.set(SUPPRESSED, Value::U64(suppressed));
        }
        let (trace, correlation) = home.read();
        let correlation = correlation.as_ref().map(CorrelationId::as_str);

        if let Some(console) = self.console.as_ref().filter(|_| takers.console) {
            let line = Line {
                time,
                level: *metadata.level(),
                target: metadata.target(),
                message: scratch.text.message(),
                exception: scratch.text.exception(),
                trace,
                correlation,
                fields: &scratch.fields,
            };
            let _inside = Gate::CONSOLE.enter();
            console.write(&line, &mut scratch.line);
        }
        let flags = trace.map(|trace| trace.flags);
        let exported =
            takers.export && (!self.trace_based || follows(severity(metadata.level()), flags));
        if let Some(logger) = self.logger.as_ref().filter(|_| exported) {
            let _inside = Gate::EXPORT.enter();
            let _home = home.attach();
            let export = Export {
                time,
                metadata,
                target: target(event, metadata),
                event_name: event_name(event),
                trace,
                correlation,
                scratch,
            };
            export.emit(logger);
        }
    }
}

impl EventLayer {
    /// How many events of its call site were kept back before this one, or `None` when it is kept back itself.
    fn admit(&self, event: &Event<'_>, metadata: &Metadata<'_>, scratch: &Scratch) -> Option<u64> {
        let Some(suppressor) = &self.suppressor else {
            return Some(0);
        };
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
        suppressor.admit(event, metadata, message, fields, now)
    }
}

/// Runs `f` one level deeper and catches its panics. False if it did not run to its end.
fn contain(f: impl FnOnce()) -> bool {
    let Some(_nesting) = Nesting::enter() else {
        return false;
    };
    // Nothing of ours is left half-done by a panic: buffers are dropped, and no lock is held while user code runs.
    catch_unwind(AssertUnwindSafe(f)).is_ok()
}

fn inherit<'a, S: LookupSpan<'a>>(fields: &mut Fields, span: &SpanRef<'a, S>) {
    if let Some(SpanFields(outer)) = span.extensions().get() {
        fields.inherit(outer);
    }
}

/// The name that the user gave, if so: the default is `event <file>:<line>`.
fn event_name(event: &Event<'_>) -> Option<&'static str> {
    let metadata = event.metadata();
    let is_default = || {
        let place = metadata.name().strip_prefix("event ")?;
        let line = place.strip_prefix(metadata.file()?)?.strip_prefix(':')?;
        (line.parse() == Ok(metadata.line()?)).then_some(())
    };
    (!event.is_log() && is_default().is_none()).then(|| metadata.name())
}

fn target(event: &Event<'_>, metadata: &Metadata<'_>) -> Cow<'static, str> {
    if event.is_log() {
        Cow::Owned(metadata.target().to_owned())
    } else {
        Cow::Borrowed(event.metadata().target())
    }
}

#[cfg(test)]
mod tests;
