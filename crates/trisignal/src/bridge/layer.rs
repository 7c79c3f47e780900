//! The layer of the bridge: every `tracing` span to OTLP, every event and `log` record to the console and to OTLP.
//!
//! One layer serves all, so that what is read is read once. It sees the spans that any of the three filters wants,
//! whatever the filter of the console says, and asks each filter separately. It never takes the host down: formatting
//! code of users is contained, what is left is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use opentelemetry::Context as OtelContext;
use tracing::dispatcher::WeakDispatch;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::{self, Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::callsite::{Callsites, Judge};
use super::core::Core;
use super::directives::Directives;
use super::events::capture::Capture;
use super::events::otlp::LogExport;
use super::events::scratch::{Nesting, with_scratch};
use super::events::trace::Home;
use super::local;
use super::open::{Open, Start};
use super::spans::SpanExport;
use super::start::Beginning;
use super::suppress::Suppressor;
use super::table::Table;
use crate::clock::now;
use crate::console::{Console, ConsoleOptions};
use crate::filter::{EventFilters, Filter, Union};
use crate::redact::Redactor;

mod events;

use self::events::Happened;

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
    let bridge = bridge(options);
    let filter = Union(Arc::clone(&bridge.filters));
    bridge.with_filter(filter)
}

/// A subscriber that has nothing but the layer: it filters for all of it, so nobody has to note who wants what.
pub(crate) fn subscriber(options: BridgeOptions) -> impl Subscriber + Send + Sync + 'static {
    let bridge = bridge(options);
    let bridge = Bridge {
        alone: Some(Union(Arc::clone(&bridge.filters))),
        ..bridge
    };
    Core::new(&bridge.table).with(bridge)
}

fn bridge(options: BridgeOptions) -> Bridge {
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
    if spans.as_ref().is_some_and(|spans| !spans.activates) {
        local::bypass();
    }
    let callsites = match &spans {
        Some(spans) => spans.callsites.clone(),
        None => Callsites::new(options.redactor.clone()),
    };
    let filters = Arc::new(EventFilters {
        console: console_filter,
        export: export_filter,
        span_events: spans.as_ref().and_then(|spans| spans.events),
        spans: options
            .span_filter
            .filter(|_| follows || spans.is_some())
            .map(Filter::exporting),
    });
    Bridge {
        table: Table::new(callsites.bridge()),
        callsites,
        alone: None,
        console,
        logs,
        spans,
        trace_based: options.trace_based,
        baggage: options.baggage,
        redactor: options.redactor,
        suppressor: options.suppressor,
        filters,
        dispatch: OnceLock::new(),
        other: options.other,
    }
}

/// Events that were lost here since the process began: logged by their own formatting code for ever, or hit by a
/// panic that nothing else caught.
pub(crate) fn lost_events() -> u64 {
    LOST.load(Ordering::Relaxed)
}

static LOST: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Bridge {
    callsites: Callsites,
    /// The filter, where there is no other layer: then it is not around this one, and spans inside of another hold that one.
    alone: Option<Union>,
    console: Option<Console>,
    logs: Option<LogExport>,
    spans: Option<Arc<SpanExport>>,
    /// Whether events want the fields of their spans.
    trace_based: bool,
    baggage: Vec<&'static str>,
    redactor: Redactor,
    suppressor: Option<Suppressor>,
    filters: Arc<EventFilters>,
    table: Arc<Table>,
    /// Weak, because the dispatch owns this layer.
    dispatch: OnceLock<WeakDispatch>,
    other: Option<ContextOf>,
}

impl<S: Subscriber> Layer<S> for Bridge {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer belongs to one subscriber; were it registered again, that would be the same one.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match &self.alone {
            Some(filter) => layer::Filter::<S>::callsite_enabled(filter, metadata),
            None => Interest::always(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, cx: Context<'_, S>) -> bool {
        let filter = self.alone.as_ref();
        filter.is_none_or(|filter| layer::Filter::enabled(filter, metadata, &cx))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        layer::Filter::<S>::max_level_hint(self.alone.as_ref()?)
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        contain(|| {
            self.alone(|filter| layer::Filter::on_new_span(filter, attrs, id, cx.clone()));
            self.begin(attrs, id, &cx);
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        contain(|| {
            self.alone(|filter| layer::Filter::on_record(filter, id, values, cx));
            if let Some(open) = self.find(id) {
                self.record(&open, values);
            }
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        quiet(|| {
            let (Some(span), Some(other)) = (self.table.get(id), self.table.get(follows)) else {
                return;
            };
            // A cause is another span.
            if other.start.span.is_valid() && id != follows {
                span.add_link(&other.start.span, &[]);
            }
        });
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        quiet(|| {
            self.alone(|filter| layer::Filter::on_enter(filter, id, cx));
            if let Some(open) = self.find(id) {
                local::enter(open);
            }
        });
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        quiet(|| {
            self.alone(|filter| layer::Filter::on_exit(filter, id, cx));
            let bridge = self.callsites.bridge();
            if let Some(left) = local::leave(bridge, id.into_u64())
                && left.is_awaited()
            {
                left.left(now());
            }
        });
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let done = contain(|| {
            let callsite = self.callsites.of(event.metadata());
            if callsite.may_be_log && event.is_log() {
                return self.take_log(event, &callsite, &cx);
            }
            let happened = Happened {
                event,
                metadata: event.metadata(),
                callsite: &callsite,
                is_log: false,
            };
            self.take(&happened, &cx);
        });
        if !done {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        // However deep: it formats nothing, and a span that is not closed now never is.
        quiet(|| {
            let mut closing = Some(id);
            while let Some(id) = closing {
                closing = self.close(&id, &cx);
            }
        });
    }
}

impl Bridge {
    /// Has the filter follow what happens, where nobody else does.
    #[inline]
    fn alone(&self, hook: impl FnOnce(&Union)) {
        if let Some(filter) = &self.alone
            && filter.follows()
        {
            hook(filter);
        }
    }

    /// Closes a span. Answers the one around it, if it was all that kept that one open.
    fn close<S>(&self, id: &Id, cx: &Context<'_, S>) -> Option<Id> {
        self.alone(|filter| layer::Filter::on_close(filter, id.clone(), cx.clone()));
        let mut record = self.table.remove(id)?;
        // It holds on to the record.
        drop(local::recall(self.callsites.bridge(), id.into_u64()));
        let parent = record.start.parent.as_ref();
        let last = parent.filter(|parent| self.alone.is_some() && parent.release());
        let last = last.map(|parent| Id::from_u64(parent.start.id));
        if let Some(open) = Arc::get_mut(&mut record) {
            open.end_mut();
            open.reset();
            local::keep_record(record);
        } else {
            record.close();
        }
        last
    }

    /// Whether events want the fields of the spans that they are in.
    #[inline]
    fn follows(&self) -> bool {
        let console = self.filters.console.as_ref();
        self.logs.is_some() || console.is_some_and(|filter| !filter.is_off())
    }

    fn begin<S>(&self, attributes: &Attributes<'_>, id: &Id, cx: &Context<'_, S>) {
        let metadata = attributes.metadata();
        let callsite = self.callsites.of(metadata);
        let wanted = |filter: &Filter| {
            callsite.verdict(Judge::Spans, filter, |filter| filter.passes(metadata, cx))
        };
        let export = self
            .spans
            .as_ref()
            .filter(|_| self.filters.spans.as_ref().is_some_and(wanted));
        let mut record = local::new_record();
        let Some(open) = Arc::get_mut(&mut record) else {
            return;
        };
        let start = &mut open.start;
        start.bridge = self.callsites.bridge();
        start.id = id.into_u64();
        start.metadata = Some(metadata);
        start.recording = false;
        start.parent = match attributes.parent() {
            Some(parent) => self.table.get(parent),
            None if attributes.is_contextual() => local::current(self.callsites.bridge()),
            None => None,
        };
        if let Some(export) = export {
            let beginning = Beginning {
                export,
                attributes,
                callsite: &callsite,
                parent: &self.parent_of(attributes, &open.start),
                followed: self.follows(),
            };
            beginning.begin(open);
        } else {
            start.lead_nowhere();
            let capture = Capture::span(&mut open.state_mut().fields, &self.redactor);
            attributes.record(&mut capture.of(&callsite));
        }
        // Not before there is a record that lets go of it again: what is above may panic.
        if let Some(parent) = record.start.parent.as_ref()
            && self.alone.is_some()
        {
            parent.hold();
        }
        self.table.insert(id, Arc::clone(&record));
        local::remember(record);
    }

    /// The context that a new exported span begins in.
    #[inline]
    fn parent_of(&self, attributes: &Attributes<'_>, start: &Start) -> Home {
        if attributes.is_contextual() {
            return local::home();
        }
        let parent = self.context_of(start.parent.as_ref());
        Home::Named(parent.unwrap_or_default())
    }

    /// The context of a span, or of the nearest exported one around it.
    fn context_of(&self, open: Option<&Arc<Open>>) -> Option<OtelContext> {
        let exported = open?.exported()?;
        exported
            .start
            .active()
            .cloned()
            .or_else(|| exported.place())
    }

    fn record(&self, open: &Open, values: &Record<'_>) {
        let Some(metadata) = open.start.metadata else {
            return;
        };
        let callsite = self.callsites.of(metadata);
        let mut directives = callsite.has_directives.then(Directives::default);
        with_scratch(|scratch| {
            let capture = Capture::span(&mut scratch.fields, &self.redactor);
            values.record(&mut capture.of(&callsite).with(directives.as_mut()));
            if !scratch.fields.is_empty() {
                open.record(&scratch.fields);
            }
        });
        if let Some(directives) = directives {
            directives.apply(open);
        }
    }

    /// A span that this thread has to do with.
    #[inline]
    fn find(&self, id: &Id) -> Option<Arc<Open>> {
        let near = local::near(self.callsites.bridge(), id.into_u64());
        near.or_else(|| self.find_far(id))
    }

    /// One that this thread does not know yet, or not any more.
    #[cold]
    fn find_far(&self, id: &Id) -> Option<Arc<Open>> {
        let open = self.table.get(id)?;
        local::remember(Arc::clone(&open));
        Some(open)
    }

    /// The record of an open span, and whether its layer is this one.
    pub(super) fn open(&self, id: &Id) -> Option<Arc<Open>> {
        self.table.get(id)
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

#[cfg(test)]
mod tests;
