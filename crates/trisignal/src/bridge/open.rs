//! An open span: one record for its export, for the log records inside of it, and for the console.
//!
//! Records are reused: a thread keeps some whose spans have ended, with the memory of their buffers.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tracing::Metadata;

use super::correlated::Correlated;
use super::cut::{MAX_DESCRIPTION, cut};
use super::events::fields::{Fields, Value};
use super::handle::Handle;
use super::happened::{Happened, Happening, Links};
use super::spans::SpanExport;
use crate::clock::{now, system_time};
use crate::metrics::selfmetrics::Sampled;
use crate::otlp::span::StatusCode;

/// Memory that a record keeps for its next span, for each of its buffers.
const KEPT: usize = 8 * 1024;

/// An open span.
#[derive(Debug)]
pub(crate) struct Open {
    /// What is known from the start.
    pub(crate) start: Start,
    /// The end of the last time that it was entered, in nanoseconds since the epoch.
    last_exit: AtomicU64,
    /// `tracing` has closed it: its ID may be another span's.
    closed: AtomicBool,
    /// How many handles and open spans inside of it keep it from being closed, where nobody else counts them.
    holders: AtomicUsize,
    state: Mutex<State>,
}

/// What is known of a span from its start.
#[derive(Debug)]
pub(crate) struct Start {
    /// Where it goes; `None` for a span that only gives its fields to events.
    pub(crate) export: Option<Arc<SpanExport>>,
    /// The `tracing` span that it is in.
    pub(crate) parent: Option<Arc<Open>>,
    /// Whose it is: a thread may have several subscribers, one after the other or inside of each other.
    pub(crate) bridge: u64,
    /// The ID in `tracing`.
    pub(crate) id: u64,
    pub(crate) metadata: Option<&'static Metadata<'static>>,
    /// Invalid when it is not exported.
    pub(crate) span: SpanContext,
    pub(crate) parent_span_id: SpanId,
    pub(crate) parent_is_remote: bool,
    pub(crate) time: u64,
    /// Whether anything is kept for export. A span that is not sampled still has its place in the trace.
    pub(crate) recording: bool,
    /// The context with the SDK's own span, where processors of the user want to see it; nothing is kept here then.
    pub(crate) sdk: Option<Context>,
    /// The context inside of it, which is the current one while it is entered.
    pub(crate) context: Option<Context>,
    /// The context around it, where its own is not kept but made when somebody asks.
    pub(crate) around: Option<Context>,
}

/// What changes while it is open.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ended: bool,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: u8,
    pub(crate) status: StatusCode,
    pub(crate) description: String,
    pub(crate) correlation: Correlated,
    /// Those of `tracing`, which events in the span have as well.
    pub(crate) fields: Fields,
    /// Those of OpenTelemetry's API, which only the span has.
    pub(crate) extra: Fields,
    pub(crate) events: Happened,
    pub(crate) links: Links,
}

impl Start {
    /// Whether `tracing` may have recorded any: what a span can have is said where it is declared.
    pub(crate) fn may_have_fields(&self) -> bool {
        let fields = self.metadata.map(Metadata::fields);
        fields.is_some_and(|fields| !fields.is_empty())
    }
}

impl Default for Start {
    fn default() -> Self {
        Self {
            export: None,
            parent: None,
            bridge: 0,
            id: 0,
            metadata: None,
            span: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_is_remote: false,
            time: 0,
            recording: false,
            sdk: None,
            context: None,
            around: None,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            ended: false,
            name: Cow::Borrowed(""),
            kind: 1,
            status: StatusCode::Unset,
            description: String::new(),
            correlation: Correlated::None,
            fields: Fields::of_span(),
            extra: Fields::of_span(),
            events: Happened::default(),
            links: Links::default(),
        }
    }
}

impl Default for Open {
    fn default() -> Self {
        Self {
            start: Start::default(),
            last_exit: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            holders: AtomicUsize::new(1),
            state: Mutex::default(),
        }
    }
}

impl Open {
    /// The state of a record that nobody else has yet.
    pub(crate) fn state_mut(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Code of users must not run while it is held.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn is(&self, bridge: u64, id: u64) -> bool {
        self.start.id == id && self.start.bridge == bridge
    }

    /// One more keeps it open.
    pub(crate) fn hold(&self) {
        // As with `Arc`: who takes another hold has one.
        self.holders.fetch_add(1, Ordering::Relaxed);
    }

    /// One less does; whether it was the last.
    pub(crate) fn release(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// This span or the nearest one around it that has a place in a trace.
    pub(crate) fn exported(self: &Arc<Self>) -> Option<&Arc<Self>> {
        let mut open = self;
        while open.start.export.is_none() {
            open = open.start.parent.as_ref()?;
        }
        Some(open)
    }

    /// The context inside of it, where that is made when somebody asks.
    pub(crate) fn context(&self) -> Option<Context> {
        Some(self.inside(self.start.around.as_ref()?))
    }

    /// The context inside of it, which is in `around`.
    pub(crate) fn inside(&self, around: &Context) -> Context {
        match &self.start.sdk {
            Some(sdk) => sdk.clone(),
            None if self.start.recording => around.with_span(Handle::new(self)),
            None => around.with_remote_span_context(self.start.span.clone()),
        }
    }

    /// The same with a span that says where it is and nothing else: the parent of other spans.
    pub(crate) fn place(&self) -> Option<Context> {
        let around = self.start.around.as_ref()?;
        Some(around.with_remote_span_context(self.start.span.clone()))
    }

    /// Makes the record ready for another span.
    pub(crate) fn reset(&mut self) {
        let start = &mut self.start;
        // `export` stays until a span goes elsewhere: most of a thread go to the same place, and taking and giving a count
        // that all threads share is slow.
        start.parent = None;
        start.id = 0;
        start.metadata = None;
        start.span = SpanContext::NONE;
        start.parent_span_id = SpanId::INVALID;
        start.parent_is_remote = false;
        start.time = 0;
        start.sdk = None;
        start.context = None;
        start.around = None;
        let recorded = std::mem::take(&mut start.recording);
        *self.last_exit.get_mut() = 0;
        *self.closed.get_mut() = false;
        *self.holders.get_mut() = 1;
        let state = self.state_mut();
        state.fields.reset(KEPT);
        if recorded {
            state.reset();
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn left(&self, time: u64) {
        self.last_exit.store(time, Ordering::Relaxed);
    }

    /// When the span ended: when it was left for the last time, or now if it was never entered.
    pub(crate) fn end_time(&self) -> u64 {
        match self.last_exit.load(Ordering::Relaxed) {
            0 => now(),
            left => left,
        }
    }

    /// Whether anybody gets it when it has ended.
    pub(crate) fn is_awaited(&self) -> bool {
        self.start.recording || self.start.sdk.is_some()
    }

    /// Where it goes, if anything of it does.
    fn recorded(&self) -> Option<&SpanExport> {
        self.start
            .export
            .as_deref()
            .filter(|_| self.start.recording)
    }

    /// Runs `change`, which is no code of users, if the span is still recording.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State, &SpanExport)) {
        let Some(export) = self.recorded() else {
            return;
        };
        let mut state = self.state();
        if !state.ended {
            change(&mut state, export);
        }
    }

    pub(crate) fn is_recording(&self) -> bool {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().is_recording();
        }
        self.start.recording && !self.state().ended
    }

    /// Sets an attribute that only the span has. A field of that name takes the value as well.
    pub(crate) fn set_attribute(&self, attribute: &KeyValue) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().set_attribute(attribute.clone());
        }
        let Some(export) = self.recorded() else {
            return;
        };
        let attribute = export.redacted(attribute);
        let key = attribute.key.as_str();
        self.change(|state, _| {
            let own = if state.fields.contains(key) {
                &mut state.fields
            } else {
                &mut state.extra
            };
            own.set_otel(&attribute);
        });
    }

    pub(crate) fn set_status(&self, status: &Status) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().set_status(status.clone());
        }
        let Some(export) = self.recorded() else {
            return;
        };
        match status {
            Status::Unset => {}
            Status::Ok => self.change(|state, _| state.set_status(StatusCode::Ok, "")),
            Status::Error { description } => {
                let description = export.redactor.text(description);
                self.change(|state, _| state.set_status(StatusCode::Error, &description));
            }
        }
    }

    pub(crate) fn update_name(&self, name: Cow<'static, str>) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().update_name(name);
        }
        let Some(export) = self.recorded() else {
            return;
        };
        let name = export.shown_name(name);
        self.change(|state, _| state.name = name);
    }

    pub(crate) fn add_link(&self, to: &SpanContext, attributes: &[KeyValue]) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().add_link(to.clone(), attributes.to_vec());
        }
        let Some(export) = self.recorded() else {
            return;
        };
        let attributes = export.redacted_all(attributes);
        self.change(|state, export| state.links.push(to, &attributes, export));
    }

    pub(crate) fn add_event(&self, name: &str, time: u64, attributes: &[KeyValue]) {
        if let Some(sdk) = &self.start.sdk {
            let time = system_time(time);
            return sdk
                .span()
                .add_event_with_timestamp(name.to_owned(), time, attributes.to_vec());
        }
        let Some(export) = self.recorded() else {
            return;
        };
        let name = export.redactor.text(name);
        let attributes = export.redacted_all(attributes);
        self.change(|state, export| state.events.push_otel(&name, time, &attributes, export));
    }

    /// An event of `tracing` in it, with the attributes of its callsite.
    pub(crate) fn happened(&self, event: &Happening<'_>) {
        if self.start.sdk.is_some() {
            let attributes = event.fields.iter().chain(event.constants.iter());
            let attributes: Vec<_> = attributes.map(key_value).collect();
            return self.add_event(event.name, event.time, &attributes);
        }
        self.change(|state, export| state.events.push(event, export));
    }

    /// Sets fields that `tracing` recorded late.
    pub(crate) fn record(&self, fields: &Fields) {
        if let Some(sdk) = &self.start.sdk {
            sdk.span().set_attributes(fields.iter().map(key_value));
        }
        let mut state = self.state();
        if !state.ended {
            state.extra.remove_all(fields);
            state.fields.update(fields);
        }
    }

    /// Ends it: from here on nothing changes it any more.
    pub(crate) fn end(&self, time: u64) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().end_with_timestamp(system_time(time));
        }
        self.change(|state, export| state.end(&self.start, export, time));
    }

    /// Ends a span that nobody else has.
    pub(crate) fn end_mut(&mut self) {
        if self.start.sdk.is_some() {
            return self.end(self.end_time());
        }
        if !self.start.recording {
            return;
        }
        let time = self.end_time();
        let state = self.state.get_mut();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if let Some(export) = &self.start.export
            && !state.ended
        {
            state.end(&self.start, export, time);
        }
    }
}

impl State {
    /// Forgets what only a span has that is recorded.
    fn reset(&mut self) {
        self.ended = false;
        self.name = Cow::Borrowed("");
        self.kind = 1;
        self.status = StatusCode::Unset;
        self.description.clear();
        if self.description.capacity() > KEPT {
            self.description = String::new();
        }
        self.correlation = Correlated::None;
        self.extra.reset(KEPT);
        self.events.reset(KEPT);
        self.links.reset(KEPT);
    }

    fn end(&mut self, start: &Start, export: &SpanExport, time: u64) {
        self.ended = true;
        export.ledger.spans.ended(Sampled::RecordAndSample);
        export.write(start, self, time.max(start.time));
    }

    /// `Ok` is final, `Error` is not taken back, and a later description replaces an earlier one.
    pub(crate) fn set_status(&mut self, code: StatusCode, description: &str) {
        match (self.status, code) {
            (StatusCode::Ok, _) | (_, StatusCode::Unset) => {}
            (_, StatusCode::Ok) => {
                self.status = code;
                self.description.clear();
            }
            (_, StatusCode::Error) => {
                self.status = code;
                if !description.is_empty() {
                    self.description.clear();
                    self.description
                        .push_str(&cut(description, MAX_DESCRIPTION));
                }
            }
        }
    }
}

/// A field as an attribute of OpenTelemetry's API.
pub(crate) fn key_value((key, value): (&str, Value<'_>)) -> KeyValue {
    let key = key.to_owned();
    match value {
        Value::Bool(value) => KeyValue::new(key, value),
        Value::I64(value) => KeyValue::new(key, value),
        Value::U64(value) => KeyValue::new(key, value.to_string()),
        Value::F64(value) => KeyValue::new(key, value),
        Value::Text(text) => KeyValue::new(key, text.to_owned()),
    }
}
