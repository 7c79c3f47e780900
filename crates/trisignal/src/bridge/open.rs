//! An open span: one record for its export, for the log records inside of it, and for the console.
//!
//! Records are reused: a thread keeps some whose spans have ended, with the memory of their buffers.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tracing::Metadata;

use super::events::fields::{Fields, Value};
use super::handle::Handle;
use super::happened::Happening;
use super::spans::SpanExport;
use super::state::State;
use crate::clock::{now, system_time};
use crate::metrics::selfmetrics::Sampled;
use crate::otlp::span::StatusCode;

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
    /// The context inside of it, which is the current one while it is entered; where it is not [active](Self::active), that
    /// around it.
    context: Option<Context>,
    /// Whether its own context is kept. Else it is made when somebody asks.
    active: bool,
}

impl Start {
    /// Whether `tracing` may have recorded any: what a span can have is said where it is declared.
    pub(crate) fn may_have_fields(&self) -> bool {
        let fields = self.metadata.map(Metadata::fields);
        fields.is_some_and(|fields| !fields.is_empty())
    }

    /// Goes to `export` from here on.
    #[cold]
    pub(crate) fn lead_to(&mut self, export: &Arc<SpanExport>) {
        self.export = Some(Arc::clone(export));
    }

    /// Has no place in any trace: it only gives its fields to events.
    #[cold]
    pub(crate) fn lead_nowhere(&mut self) {
        self.export = None;
        self.span = SpanContext::NONE;
    }

    fn end(&self, state: &mut State, export: &SpanExport, time: u64) {
        state.ended = true;
        export.ledger.spans.ended(Sampled::RecordAndSample);
        export.write(self, state, time.max(self.time));
    }

    #[cold]
    fn forget_sdk(&mut self) {
        self.sdk = None;
    }

    /// Begins where `around` is the context.
    pub(crate) fn begin_in(&mut self, around: &Context) {
        self.active = self.export.as_ref().is_some_and(|export| export.activates);
        let context = if self.active {
            self.inside(around)
        } else {
            around.clone()
        };
        self.context = Some(context);
    }

    /// The context inside of it, if that is the current one while it is entered.
    #[inline]
    pub(crate) fn active(&self) -> Option<&Context> {
        self.context.as_ref().filter(|_| self.active)
    }

    /// The context around it, where its own is not kept.
    pub(crate) fn around(&self) -> Option<&Context> {
        self.context.as_ref().filter(|_| !self.active)
    }

    /// The context inside of it, which is in `around`.
    fn inside(&self, around: &Context) -> Context {
        match &self.sdk {
            Some(sdk) => sdk.clone(),
            None if self.recording => around.with_span(Handle::new(self)),
            None => around.with_remote_span_context(self.span.clone()),
        }
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
            active: false,
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
        Some(self.start.inside(self.start.around()?))
    }

    /// The same with a span that says where it is and nothing else: the parent of other spans.
    pub(crate) fn place(&self) -> Option<Context> {
        let around = self.start.around()?;
        Some(around.with_remote_span_context(self.start.span.clone()))
    }

    /// Makes the record ready for another span.
    ///
    /// What each span that begins sets is left as it is: its IDs, its place in the trace, its name. `export` stays until a
    /// span goes elsewhere: most of a thread go to the same place, and taking and giving a count that all threads share is slow.
    pub(crate) fn reset(&mut self) {
        let start = &mut self.start;
        start.parent = None;
        start.context = None;
        if start.sdk.is_some() {
            start.forget_sdk();
        }
        *self.last_exit.get_mut() = 0;
        *self.closed.get_mut() = false;
        *self.holders.get_mut() = 1;
        self.state_mut().reset();
    }

    /// Ends it where others have it as well: from here on nobody finds it.
    #[cold]
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if self.is_awaited() {
            self.end(self.end_time());
        }
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
                &mut state.extras_mut().attributes
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
            Status::Ok => self.change(|state, _| state.extras_mut().set_status(StatusCode::Ok, "")),
            Status::Error { description } => {
                let description = export.redactor.text(description);
                self.change(|state, _| {
                    state
                        .extras_mut()
                        .set_status(StatusCode::Error, &description);
                });
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
        self.change(|state, export| state.extras_mut().links.push(to, &attributes, export));
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
        self.change(|state, export| {
            let events = &mut state.extras_mut().events;
            events.push_otel(&name, time, &attributes, export);
        });
    }

    /// An event of `tracing` in it, with the attributes of its callsite.
    pub(crate) fn happened(&self, event: &Happening<'_>) {
        if self.start.sdk.is_some() {
            let attributes = event.fields.iter().chain(event.constants.iter());
            let attributes: Vec<_> = attributes.map(key_value).collect();
            return self.add_event(event.name, event.time, &attributes);
        }
        self.change(|state, export| state.extras_mut().events.push(event, export));
    }

    /// Sets fields that `tracing` recorded late.
    pub(crate) fn record(&self, fields: &Fields) {
        if let Some(sdk) = &self.start.sdk {
            sdk.span().set_attributes(fields.iter().map(key_value));
        }
        let mut state = self.state();
        if !state.ended {
            state.remove_attributes(fields);
            state.fields.update(fields);
        }
    }

    /// Ends it: from here on nothing changes it any more.
    pub(crate) fn end(&self, time: u64) {
        if let Some(sdk) = &self.start.sdk {
            return sdk.span().end_with_timestamp(system_time(time));
        }
        self.change(|state, export| self.start.end(state, export, time));
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
            self.start.end(state, export, time);
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
