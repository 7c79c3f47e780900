//! What changes of a span while it is open.

use std::borrow::Cow;

use trisignal_instrumentation::correlation::CorrelationId;

use super::cut::{MAX_DESCRIPTION, cut};
use super::events::fields::Fields;
use super::happened::{Happened, Links};
use crate::otlp::span::{self, Dropped, StatusCode};

/// Memory that a record keeps for its next span, for each of its buffers.
const KEPT: usize = 8 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ended: bool,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: u8,
    /// Those of `tracing`, which events in the span have as well.
    pub(crate) fields: Fields,
    extras: Extras,
    has_extras: bool,
}

/// What most spans don't have.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) status: StatusCode,
    pub(crate) description: String,
    /// The correlation ID, where it is not that of the trace.
    pub(crate) correlation: Option<CorrelationId>,
    /// Attributes of OpenTelemetry's API, which only the span has.
    pub(crate) attributes: Fields,
    pub(crate) events: Happened,
    pub(crate) links: Links,
}

impl Default for State {
    fn default() -> Self {
        Self {
            ended: false,
            name: Cow::Borrowed(""),
            kind: 1,
            fields: Fields::of_span(),
            extras: Extras::default(),
            has_extras: false,
        }
    }
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            status: StatusCode::Unset,
            description: String::new(),
            correlation: None,
            attributes: Fields::of_span(),
            events: Happened::default(),
            links: Links::default(),
        }
    }
}

impl State {
    /// What it has that most spans don't have.
    #[inline]
    pub(crate) fn extras(&self) -> Option<&Extras> {
        self.has_extras.then_some(&self.extras)
    }

    /// The same, to have more of it.
    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.has_extras = true;
        &mut self.extras
    }

    /// Removes those attributes of OpenTelemetry's API that `fields` has.
    pub(super) fn remove_attributes(&mut self, fields: &Fields) {
        if self.has_extras {
            self.extras.attributes.remove_all(fields);
        }
    }

    /// Makes it ready for another span, which sets its name and its kind.
    pub(super) fn reset(&mut self) {
        self.ended = false;
        self.fields.reset(KEPT);
        if self.has_extras {
            self.has_extras = false;
            self.extras.reset();
        }
    }
}

impl Extras {
    #[inline(never)]
    fn reset(&mut self) {
        self.status = StatusCode::Unset;
        self.description.clear();
        if self.description.capacity() > KEPT {
            self.description = String::new();
        }
        self.correlation = None;
        self.attributes.reset(KEPT);
        self.events.reset(KEPT);
        self.links.reset(KEPT);
    }

    /// How much of it found no room.
    #[cold]
    pub(crate) fn dropped(&self) -> Dropped {
        Dropped {
            attributes: 0,
            events: self.events.dropped(),
            links: self.links.dropped(),
        }
    }

    /// Appends all but the attributes to a span.
    #[cold]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.events.write(out);
        self.links.write(out);
        span::status(out, self.status, &self.description);
    }

    /// `Ok` is final, `Error` is not taken back, and a later description replaces an earlier one.
    pub(super) fn set_status(&mut self, code: StatusCode, description: &str) {
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
