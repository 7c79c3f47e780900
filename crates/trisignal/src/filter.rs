//! What is logged and what is exported: filters in the syntax of `EnvFilter`, each with a state of its own.
//!
//! Console, exported logs and exported spans have one [`Filter`] each, and none knows of the others. The two that
//! export are made with [`Filter::exporting`]: whatever their directives say, they refuse what the pipeline's own
//! stack logs, so that exporting never makes more to export.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
#[cfg(any(test, feature = "tracing-opentelemetry"))]
use tracing::Event;
use tracing::{
    Level, Metadata,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter,
    filter::Directive,
    layer::{self, Context},
};

#[cfg(any(test, feature = "tracing-opentelemetry"))]
use crate::bridge::events::capture::formats_well;
use crate::scopes::Scopes;

mod error;

pub(crate) use self::error::FilterError;

/// Crates whose events and spans never reach an exporter, with all their modules.
const SILENCED_CRATES: &[&str] = &[
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "mio",
    "rustls",
    "rustls_native_certs",
    "tokio_rustls",
    "tonic",
    "tower",
    "want",
];

/// Every target that starts like this is silenced too: these crates log under names like `opentelemetry-otlp`.
const SILENCED_PREFIX: &str = "opentelemetry";

/// One filter: directives that can be changed while it is in use, and whether it guards an exporter.
///
/// A clone has the same directives and a state of its own, so that two layers never share one.
#[derive(Debug)]
pub(crate) struct Filter {
    cell: Arc<FilterCell>,
    exporting: bool,
    /// What is on at all, where a configurator says so.
    scopes: Option<Arc<Scopes>>,
}

/// Where the directives of a filter are.
#[derive(Debug)]
pub(crate) struct FilterCell {
    directives: ArcSwap<Directives>,
    /// The directives', where it is read at each step of a span.
    dynamic: AtomicBool,
    /// Whether nothing passes.
    off: AtomicBool,
}

/// What a filter says of all spans or events of a callsite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Always,
    Never,
    /// On the spans around.
    Depends,
}

/// Grows when the directives of any filter change.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Whether any filter of the process ever had directives that follow spans: nearly none has, and it is asked at each step of a span.
static ANY_DYNAMIC: AtomicBool = AtomicBool::new(false);

/// Directives with the state that following them takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directives {
    env: EnvFilter,
    /// Whether a directive names a span or a field, which is what makes `EnvFilter` follow spans.
    dynamic: bool,
}

impl Filter {
    /// Reads a comma-separated list of directives, such as `info,sqlx=warn`.
    ///
    /// # Errors
    ///
    /// The first directive that is not valid, with the reason.
    pub(crate) fn parse(directives: &str) -> Result<Filter, FilterError> {
        // Each is tried on its own first, because the error of the whole does not say which one it was.
        for directive in directives.split(',').filter(|piece| !piece.is_empty()) {
            if let Err(error) = directive.parse::<Directive>() {
                return Err(FilterError::new(directive, &error));
            }
        }
        let env = EnvFilter::builder()
            .parse(directives)
            .map_err(|error| FilterError::new(directives, &error))?;
        Ok(Filter::new(Directives {
            env,
            dynamic: directives.contains('['),
        }))
    }

    fn new(directives: Directives) -> Filter {
        directives.announce();
        Filter {
            cell: Arc::new(FilterCell {
                dynamic: AtomicBool::new(directives.dynamic),
                off: AtomicBool::new(directives.are_off()),
                directives: ArcSwap::from_pointee(directives),
            }),
            exporting: false,
            scopes: None,
        }
    }

    /// Whether nothing passes at all, as with `off`.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.cell.off.load(Ordering::Acquire)
    }

    /// What a [`Verdict`] of an earlier generation said need not be so any more.
    #[inline]
    pub(crate) fn generation() -> u64 {
        GENERATION.load(Ordering::Acquire)
    }

    /// The verdict on a callsite for which the answer was `passes` just now.
    pub(crate) fn verdict(&self, passes: bool) -> Verdict {
        match (self.cell.is_dynamic(), passes) {
            (true, _) => Verdict::Depends,
            (false, true) => Verdict::Always,
            (false, false) => Verdict::Never,
        }
    }

    /// Where [`adopt`](Self::adopt) can change this filter later.
    pub(crate) fn cell(&self) -> &Arc<FilterCell> {
        &self.cell
    }

    /// Puts the directives of this filter into `cell`, with a state of their own. Callsites learn of it when their interest
    /// is built again, which is the caller's to do. Spans that are open then are not matched by new directives that
    /// name spans.
    pub(crate) fn adopt(&self, cell: &FilterCell) {
        let directives = Directives::clone(&self.cell.load());
        directives.announce();
        // Rather asked in vain than not asked: in between both may follow spans.
        cell.dynamic.fetch_or(directives.dynamic, Ordering::AcqRel);
        let (dynamic, off) = (directives.dynamic, directives.are_off());
        cell.directives.store(Arc::new(directives));
        cell.dynamic.store(dynamic, Ordering::Release);
        cell.off.store(off, Ordering::Release);
        GENERATION.fetch_add(1, Ordering::AcqRel);
    }

    /// The default of all three: `info`.
    pub(crate) fn info() -> Filter {
        Filter::new(Directives {
            env: EnvFilter::new("info"),
            dynamic: false,
        })
    }

    /// The same filter for something that exports: the pipeline's own stack is silenced.
    pub(crate) fn exporting(self) -> Filter {
        Filter {
            exporting: true,
            ..self
        }
    }

    /// The same filter for what is on in `scopes`.
    pub(crate) fn scoped(self, scopes: &Option<Arc<Scopes>>) -> Filter {
        Filter {
            scopes: scopes.clone(),
            ..self
        }
    }

    /// Whether `metadata` passes, given the spans that are entered now.
    pub(crate) fn passes<S>(&self, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
        !self.silences(metadata) && self.cell.load().env.enabled(metadata, cx.clone())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.cell.load().env.max_level_hint()
    }

    /// Whether no directive can have it pass: always the same for a callsite.
    fn silences(&self, metadata: &Metadata<'_>) -> bool {
        (self.exporting && is_silenced(metadata.target()))
            || self
                .scopes
                .as_ref()
                .is_some_and(|scopes| !scopes.pass(metadata))
    }

    fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.silences(metadata) {
            return Interest::never();
        }
        layer::Filter::<()>::callsite_enabled(&self.cell.load().env, metadata)
    }

    /// Runs a hook of the inner filter where it matters: static directives do not follow spans at all, and those
    /// that do format field values, with code of the user that may panic.
    fn follow(&self, hook: impl FnOnce(&EnvFilter)) {
        if self.cell.is_dynamic() {
            let directives = self.cell.load();
            // The inner filter is left as if the span had not matched.
            let _ = catch_unwind(AssertUnwindSafe(|| hook(&directives.env)));
        }
    }
}

impl Directives {
    /// Has everybody look at filters again that may follow spans.
    fn announce(&self) {
        if self.dynamic {
            ANY_DYNAMIC.store(true, Ordering::Release);
        }
    }

    fn are_off(&self) -> bool {
        self.env.max_level_hint() == Some(LevelFilter::OFF)
    }
}

impl FilterCell {
    fn load(&self) -> arc_swap::Guard<Arc<Directives>> {
        self.directives.load()
    }

    #[inline]
    fn is_dynamic(&self) -> bool {
        self.dynamic.load(Ordering::Acquire)
    }
}

impl Clone for Filter {
    fn clone(&self) -> Self {
        Filter {
            exporting: self.exporting,
            scopes: self.scopes.clone(),
            ..Filter::new(Directives::clone(&self.cell.load()))
        }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Filter::new(Directives::default())
    }
}

/// Whether `target` is one of the stack of the pipeline itself.
pub(crate) fn is_silenced(target: &str) -> bool {
    let krate = target.split("::").next().unwrap_or(target);
    krate.starts_with(SILENCED_PREFIX) || SILENCED_CRATES.contains(&krate)
}

/// The filters that decide about events, and which spans have to be followed for their sake.
///
/// This is the one place that owns them, shared by the layer and by the `Filtered` around it.
#[derive(Debug, Default)]
pub(crate) struct EventFilters {
    pub(crate) console: Option<Filter>,
    pub(crate) export: Option<Filter>,
    /// Passes no event. What it passes of spans is followed, so that `RUST_LOG=warn` keeps their fields on events.
    pub(crate) spans: Option<Filter>,
    /// The most verbose events that are events of their span as well, where spans are exported.
    pub(crate) span_events: Option<Level>,
}

impl EventFilters {
    /// Whether an event is one of the span that it is in.
    pub(crate) fn wants_for_span(&self, metadata: &Metadata<'_>) -> bool {
        self.is_for_span(metadata.level()) && !is_silenced(metadata.target())
    }

    /// The same for one that is not silenced.
    #[inline]
    pub(crate) fn is_for_span(&self, level: &Level) -> bool {
        self.span_events.is_some_and(|most| *level <= most)
    }

    fn all(&self) -> impl Iterator<Item = &Filter> {
        [&self.console, &self.export, &self.spans]
            .into_iter()
            .flatten()
    }

    fn of_events(&self) -> impl Iterator<Item = &Filter> {
        [&self.console, &self.export].into_iter().flatten()
    }
}

/// The per-layer filter of the event layer: whatever one of [`EventFilters`] wants.
#[derive(Clone, Debug)]
pub(crate) struct Union(pub(crate) Arc<EventFilters>);

impl Union {
    /// Whether any of the filters wants to know what spans do.
    #[inline]
    pub(crate) fn follows(&self) -> bool {
        ANY_DYNAMIC.load(Ordering::Acquire) && self.is_dynamic()
    }

    #[cold]
    fn is_dynamic(&self) -> bool {
        self.0.all().any(|filter| filter.cell.is_dynamic())
    }
}

impl<S> layer::Filter<S> for Union {
    fn enabled(&self, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
        if metadata.is_span() {
            self.0.all().any(|filter| filter.passes(metadata, cx))
        } else {
            self.0.wants_for_span(metadata)
                || self.0.of_events().any(|filter| filter.passes(metadata, cx))
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let most = |filters: &mut dyn Iterator<Item = &Filter>| {
            // Every filter is asked even after a clear yes: this is how it learns of the callsite.
            filters.fold(Interest::never(), |most, filter| {
                stronger(most, filter.interest(metadata))
            })
        };
        if metadata.is_span() {
            most(&mut self.0.all())
        } else {
            let wanted = most(&mut self.0.of_events());
            if self.0.wants_for_span(metadata) {
                Interest::always()
            } else {
                wanted
            }
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // A hint of OFF would be the whole subscriber's: the layers beside this one have spans to see.
        self.0.all().next()?;
        let span_events = self
            .0
            .span_events
            .map_or(LevelFilter::OFF, LevelFilter::from_level);
        self.0.all().try_fold(span_events, |most, filter| {
            Some(most.max(filter.max_level_hint()?))
        })
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        for filter in self.0.all() {
            filter.follow(|env| env.on_new_span(attrs, id, cx.clone()));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        for filter in self.0.all() {
            filter.follow(|env| env.on_record(id, values, cx.clone()));
        }
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        for filter in self.0.all() {
            filter.follow(|env| env.on_enter(id, cx.clone()));
        }
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        for filter in self.0.all() {
            filter.follow(|env| env.on_exit(id, cx.clone()));
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        for filter in self.0.all() {
            filter.follow(|env| env.on_close(id.clone(), cx.clone()));
        }
    }
}

fn stronger(one: Interest, other: Interest) -> Interest {
    if one.is_always() || other.is_never() {
        one
    } else {
        other
    }
}

/// The per-layer filter of the other span bridge: spans by `filter`; of events only warnings and errors, which become
/// events of the span.
#[cfg(any(test, feature = "tracing-opentelemetry"))]
pub(crate) fn span_layer_filter<S>(
    filter: Filter,
) -> impl layer::Filter<S> + Send + Sync + 'static {
    SpanLayerFilter(filter)
}

#[cfg(any(test, feature = "tracing-opentelemetry"))]
#[derive(Debug)]
struct SpanLayerFilter(Filter);

#[cfg(any(test, feature = "tracing-opentelemetry"))]
impl SpanLayerFilter {
    fn wants_event(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && !self.0.silences(metadata)
    }
}

#[cfg(any(test, feature = "tracing-opentelemetry"))]
impl<S> layer::Filter<S> for SpanLayerFilter {
    fn enabled(&self, metadata: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
        if metadata.is_span() {
            self.0.passes(metadata, cx)
        } else {
            self.wants_event(metadata)
        }
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.is_span() {
            self.0.interest(metadata)
        } else if self.wants_event(metadata) {
            // Not `always`: where `enabled` is never asked, `Filtered` cannot bear a no of `event_enabled`.
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    /// The span bridge formats the values of events without a guard, so those that would break it stay away from it.
    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        // Asked about every event, also those that were refused before.
        !self.wants_event(event.metadata()) || formats_well(event)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let spans = self.0.max_level_hint()?;
        Some(spans.max(LevelFilter::WARN))
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        self.0.follow(|env| env.on_new_span(attrs, id, cx));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        self.0.follow(|env| env.on_record(id, values, cx));
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        self.0.follow(|env| env.on_enter(id, cx));
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        self.0.follow(|env| env.on_exit(id, cx));
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        self.0.follow(|env| env.on_close(id, cx));
    }
}

#[cfg(test)]
mod tests;
