//! The layer of the bridge: every `tracing` span to OTLP, every event and `log` record to the console and to OTLP.
//!
//! One layer serves all, so that what is read is read once. It sees the spans that any of the three filters wants,
//! whatever the filter of the console says, and asks each filter separately. It never takes the host down: formatting
//! code of users is contained, what is left is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::TraceContextExt as _;
use tracing::dispatcher::{self, WeakDispatch};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use trisignal_instrumentation::correlation::CorrelationId;

use super::callsite::{self, Callsite, DIRECTIVES};
use super::directives::Directives;
use super::events::capture::Capture;
use super::events::fields::Value;
use super::events::otlp::{Export, LogExport, severity};
use super::events::scratch::{Gate, Nesting, Scratch, with_scratch};
use super::events::trace::Home;
use super::handle::Handle;
use super::happened::Happening;
use super::local::{self, Entered};
use super::open::{Open, nanoseconds, now};
use super::spans::SpanExport;
use super::start::Beginning;
use super::suppress::{SUPPRESSED, Suppressor};
use super::table::{Entry, Table};
use crate::console::{Console, ConsoleOptions, Line};
use crate::filter::{EventFilters, Filter, Union};
use crate::pipeline::chunks::ScopeName;
use crate::redact::Redactor;
use crate::sampling::logs::follows;

/// How another layer beside this one says which context a span has.
pub(crate) type ContextOf = fn(&Id, &Dispatch) -> Option<OtelContext>;

/// Where spans and events go, and which.
#[derive(Default)]
pub(crate) struct BridgeOptions {
    /// The console, with its filter.
    pub(crate) console: Option<ConsoleOptions>,
    /// OTLP log records, with their filter; the pipeline's own stack is silenced by the layer.
    pub(crate) logs: Option<(LogExport, Filter)>,
    /// OTLP spans.
    pub(crate) spans: Option<SpanExport>,
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
    /// Asked where spans are exported by another layer.
    pub(crate) other: Option<ContextOf>,
}

/// The layer for `options`, inside its filter.
pub(crate) fn layer<S>(options: BridgeOptions) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    static IDS: AtomicU64 = AtomicU64::new(0);
    let (console, console_filter) = match options.console.and_then(Console::open) {
        Some((console, filter)) => (Some(console), Some(filter)),
        None => (None, None),
    };
    let (logs, export_filter) = match options.logs {
        Some((logs, filter)) => (Some(logs), Some(filter.exporting())),
        None => (None, None),
    };
    let follows = console.is_some() || logs.is_some();
    let spans = options.spans.map(Arc::new);
    let filters = Arc::new(EventFilters {
        console: console_filter,
        export: export_filter,
        span_events: spans.as_ref().and_then(|spans| spans.events),
        spans: options
            .span_filter
            .filter(|_| follows || spans.is_some())
            .map(Filter::exporting),
    });
    let bridge = Bridge {
        id: IDS.fetch_add(1, Ordering::Relaxed),
        console,
        logs,
        spans,
        follows,
        trace_based: options.trace_based,
        baggage: options.baggage,
        redactor: options.redactor,
        suppressor: options.suppressor,
        filters: Arc::clone(&filters),
        table: Table::default(),
        dispatch: OnceLock::new(),
        other: options.other,
    };
    bridge.with_filter(Union(filters))
}

/// Events that were lost here since the process began: logged by their own formatting code for ever, or hit by a
/// panic that nothing else caught.
pub(crate) fn lost_events() -> u64 {
    LOST.load(Ordering::Relaxed)
}

static LOST: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Bridge {
    id: u64,
    console: Option<Console>,
    logs: Option<LogExport>,
    spans: Option<Arc<SpanExport>>,
    /// Whether events want the fields of their spans.
    follows: bool,
    trace_based: bool,
    baggage: Vec<&'static str>,
    redactor: Redactor,
    suppressor: Option<Suppressor>,
    filters: Arc<EventFilters>,
    table: Table,
    /// Weak, because the dispatch owns this layer.
    dispatch: OnceLock<WeakDispatch>,
    other: Option<ContextOf>,
}

/// Who takes an event.
#[derive(Clone)]
struct Takers {
    console: bool,
    export: bool,
    /// The span whose event it is.
    span: Option<Arc<Open>>,
}

impl<S> Layer<S> for Bridge
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer belongs to one subscriber; were it registered again, that would be the same one.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        contain(|| self.begin(attrs, id, &cx));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        contain(|| {
            if let Some(Entry { open, .. }) = self.table.get(id) {
                self.record(&open, values);
            }
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        contain(|| {
            let (Some(span), Some(other)) = (self.table.get(id), self.table.get(follows)) else {
                return;
            };
            if other.open.start.span.is_valid() {
                span.open.add_link(&other.open.start.span, &[]);
            }
        });
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        quiet(|| {
            if let Some(Entry { open, context }) = self.table.get(id) {
                local::enter(Entered {
                    bridge: self.id,
                    open,
                    guard: context.map(OtelContext::attach),
                });
            }
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        quiet(|| {
            let Some(left) = local::leave(self.id, id.into_u64()) else {
                return;
            };
            if left.open.start.recording || left.open.start.sdk.is_some() {
                left.open.left(now());
            }
        });
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let done = contain(|| {
            let normalized = event.normalized_metadata();
            let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
            let takers = self.takers(event, metadata, &cx);
            if takers.console || takers.export || takers.span.is_some() {
                with_scratch(|scratch| self.write(event, metadata, &takers, scratch));
            }
        });
        if !done {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        contain(|| {
            let Some(Entry { open, context }) = self.table.remove(&id) else {
                return;
            };
            if open.start.recording || open.start.sdk.is_some() {
                open.end(open.end_time());
            }
            // It holds on to the record.
            drop(context);
            local::give_back(open);
        });
    }
}

impl Bridge {
    fn begin<S>(&self, attributes: &Attributes<'_>, id: &Id, cx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = attributes.metadata();
        let around = match attributes.parent() {
            Some(parent) => self.table.get(parent).map(|entry| entry.open),
            None if attributes.is_contextual() => local::current(self.id),
            None => None,
        };
        let wanted = |filter: &Filter| filter.passes(metadata, cx);
        let export = self
            .spans
            .as_ref()
            .filter(|_| self.filters.spans.as_ref().is_some_and(wanted));
        let mut record = local::new_record();
        let Some(open) = Arc::get_mut(&mut record) else {
            return;
        };
        open.start.id = id.into_u64();
        open.start.metadata = Some(metadata);
        let Some(export) = export else {
            open.start.export = None;
            open.start.parent = around;
            attributes.record(&mut Capture::span(
                &mut open.state_mut().fields,
                &self.redactor,
            ));
            return self.table.insert(
                id,
                Entry {
                    open: record,
                    context: None,
                },
            );
        };
        let parent = if attributes.is_contextual() {
            OtelContext::current()
        } else {
            self.context_of(around.as_ref()).unwrap_or_default()
        };
        open.start.parent = around;
        if !open
            .start
            .export
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, export))
        {
            open.start.export = Some(Arc::clone(export));
        }
        let beginning = Beginning {
            export,
            attributes,
            parent: &parent,
            followed: self.follows,
        };
        beginning.begin(open);
        let context = match &record.start {
            start if start.recording => parent.with_span(Handle(Arc::clone(&record))),
            start => match &start.sdk {
                Some(sdk) => sdk.clone(),
                None => parent.with_remote_span_context(start.span.clone()),
            },
        };
        let context = Some(context);
        self.table.insert(
            id,
            Entry {
                open: record,
                context,
            },
        );
    }

    /// The context of a span, or of the nearest exported one around it.
    fn context_of(&self, open: Option<&Arc<Open>>) -> Option<OtelContext> {
        let exported = open?.exported()?;
        self.table.get(&Id::from_u64(exported.start.id))?.context
    }

    fn record(&self, open: &Open, values: &Record<'_>) {
        with_scratch(|scratch| {
            let mut capture = Capture::span(&mut scratch.fields, &self.redactor);
            values.record(&mut capture);
            if !scratch.fields.is_empty() {
                open.record(&scratch.fields);
            }
        });
        let has_directives = |metadata: &Metadata<'_>| {
            metadata
                .fields()
                .iter()
                .any(|field| DIRECTIVES.contains(&field.name()))
        };
        if open.start.metadata.is_some_and(has_directives) {
            let mut directives = Directives::default();
            values.record(&mut directives);
            directives.apply(open);
        }
    }

    fn takers<S>(&self, event: &Event<'_>, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> Takers
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let passes = |filter: &Option<Filter>| {
            filter
                .as_ref()
                .is_some_and(|filter| filter.passes(metadata, cx))
        };
        let export = self.logs.as_ref().is_some_and(|logs| {
            Gate::EXPORT.is_free()
                && passes(&self.filters.export)
                && logs.wants(metadata, event_name(event))
        });
        let span = if self.filters.wants_for_span(metadata) {
            let around = self.around(event);
            around
                .as_ref()
                .and_then(Open::exported)
                .filter(|span| span.start.recording || span.start.sdk.is_some())
                .cloned()
        } else {
            None
        };
        Takers {
            console: self.console.is_some()
                && Gate::CONSOLE.is_free()
                && passes(&self.filters.console),
            export,
            span,
        }
    }

    /// The span that an event is in.
    fn around(&self, event: &Event<'_>) -> Option<Arc<Open>> {
        match event.parent() {
            Some(parent) => self.table.get(parent).map(|entry| entry.open),
            None if event.is_contextual() => local::current(self.id),
            None => None,
        }
    }

    fn write(
        &self,
        event: &Event<'_>,
        metadata: &Metadata<'_>,
        takers: &Takers,
        scratch: &mut Scratch,
    ) {
        let time = SystemTime::now();
        event.record(&mut Capture::event(
            &mut scratch.fields,
            &mut scratch.text,
            event.is_log(),
            &self.redactor,
        ));
        scratch.text.redact(&self.redactor);
        if let Some(span) = &takers.span {
            tell(span, event, metadata, scratch, nanoseconds(time));
        }
        if !(takers.console || takers.export) {
            return;
        }
        let Some(suppressed) = self.admit(event, metadata, scratch) else {
            return;
        };
        let around = self.around(event);
        inherit(scratch, around.as_ref());
        let home = self.home(event, around.as_ref());
        if !self.baggage.is_empty() {
            home.show_baggage(&self.baggage, &mut scratch.fields, &self.redactor);
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
        let Some(logs) = self.logs.as_ref().filter(|_| exported) else {
            return;
        };
        with_place(
            event,
            metadata,
            callsite::Attributes::of_log,
            |callsite| &callsite.log,
            |constants| {
                let export = Export {
                    time,
                    metadata,
                    target: target(event, metadata),
                    event_name: event_name(event),
                    constants,
                    trace,
                    correlation,
                    scratch,
                };
                match logs {
                    LogExport::Encoded { chunks, limits } => export.write(chunks, *limits),
                    LogExport::Sdk(logger) => {
                        let _inside = Gate::EXPORT.enter();
                        let _home = home.attach();
                        export.emit(logger);
                    }
                }
            },
        );
    }

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

    fn home(&self, event: &Event<'_>, around: Option<&Arc<Open>>) -> Home {
        if event.is_contextual() {
            return Home::Current;
        }
        let Some(around) = around else {
            return Home::Named(OtelContext::new());
        };
        let context = match self.other {
            None => self.context_of(Some(around)),
            Some(other) => self.find_other(other, around),
        };
        Home::Named(context.unwrap_or_default())
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

    /// The record of an open span, and whether its layer is this one.
    pub(super) fn open(&self, id: &Id) -> Option<Arc<Open>> {
        self.table.get(id).map(|entry| entry.open)
    }
}

/// Has `span` take an event that is read.
fn tell(span: &Open, event: &Event<'_>, metadata: &Metadata<'_>, scratch: &mut Scratch, time: u64) {
    let is_error = *metadata.level() == Level::ERROR;
    // `#[instrument(err)]` and its like: nothing but an error, which is why the span failed.
    let error = match scratch.text.message() {
        Some(_) => None,
        None => match scratch.fields.get("error") {
            Some(Value::Text(error)) => Some(error.to_owned()),
            _ => None,
        },
    };
    if is_error || error.is_some() {
        let description = error.clone().unwrap_or_default();
        span.set_status(&opentelemetry::trace::Status::error(description));
    }
    let name = match (scratch.text.message(), &error) {
        (Some(message), _) => message.to_owned(),
        (None, Some(_)) => "exception".to_owned(),
        (None, None) => event.metadata().name().to_owned(),
    };
    let exception = scratch.text.exception().map(str::to_owned).or(error);
    let given = scratch.fields.contains("exception.message");
    if let Some(exception) = exception.as_deref().filter(|_| !given) {
        scratch
            .fields
            .set("exception.message", Value::Text(exception));
    }
    with_place(
        event,
        metadata,
        callsite::Attributes::of_event,
        |callsite| &callsite.event,
        |constants| {
            span.happened(&Happening {
                name: &name,
                time,
                is_error,
                fields: &scratch.fields,
                constants,
            });
        },
    );
    if exception.is_some() && !given {
        scratch.fields.remove("exception.message");
    }
}

/// Hands out the attributes of the place of `event`: constant ones, or those of the `log` record that it stands for.
fn with_place<R>(
    event: &Event<'_>,
    metadata: &Metadata<'_>,
    of_log: impl FnOnce(&Metadata<'_>) -> callsite::Attributes,
    of_callsite: impl FnOnce(&Callsite) -> &callsite::Attributes,
    f: impl FnOnce(&callsite::Attributes) -> R,
) -> R {
    if event.is_log() {
        f(&of_log(metadata))
    } else {
        f(of_callsite(&Callsite::of(event.metadata())))
    }
}

/// Adds the fields of the spans around an event, from the innermost outwards, so that inner ones win.
fn inherit(scratch: &mut Scratch, around: Option<&Arc<Open>>) {
    let mut span = around;
    while let Some(open) = span {
        scratch.fields.inherit(&open.state().fields);
        span = open.start.parent.as_ref();
    }
}

/// Runs `f` one level deeper and catches its panics. False if it did not run to its end.
fn contain(f: impl FnOnce()) -> bool {
    let Some(_nesting) = Nesting::enter() else {
        return false;
    };
    quiet(f)
}

/// Runs `f` and catches its panics.
fn quiet(f: impl FnOnce()) -> bool {
    // Nothing of ours is left half-done by a panic: buffers are dropped, and no lock is held while user code runs.
    catch_unwind(AssertUnwindSafe(f)).is_ok()
}

fn event_name(event: &Event<'_>) -> Option<&'static str> {
    if event.is_log() {
        return None;
    }
    Callsite::of(event.metadata()).event_name
}

fn target<'a>(event: &Event<'_>, metadata: &'a Metadata<'_>) -> ScopeName<'a> {
    if event.is_log() {
        ScopeName::Borrowed(metadata.target())
    } else {
        ScopeName::Static(event.metadata().target())
    }
}

#[cfg(test)]
mod tests;
