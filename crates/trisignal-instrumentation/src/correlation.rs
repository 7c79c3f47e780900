//! The correlation ID: one string that ties together the spans, logs, answers and outgoing calls of
//! one piece of work.
//!
//! It is taken from the header [`CORRELATION_HEADER`], else from [`REQUEST_ID_HEADER`] (the list is
//! configurable on the server layer), else from the baggage member [`BAGGAGE_KEY`], else it is the
//! trace ID. It lives in the OpenTelemetry context as baggage, so that it crosses process borders
//! with the trace, and survives where a consumer starts a trace of its own.
//!
//! [`CorrelationId::from_context`] is the only place of that rule: whatever stamps an ID on a span,
//! a log record or a call asks it.
//!
//! ```
//! use opentelemetry::Context;
//! use trisignal_instrumentation::correlation::CorrelationId;
//!
//! let id: CorrelationId = "order-4711".parse()?;
//! let cx = id.with_context(&Context::new());
//! assert_eq!(CorrelationId::from_context(&cx).unwrap().as_str(), "order-4711");
//! # Ok::<(), trisignal_instrumentation::correlation::InvalidCorrelationId>(())
//! ```

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{TraceContextExt, TraceId};
use opentelemetry::{Context, StringValue};

use crate::context;
use crate::propagation::hex;

/// `x-correlation-id`: read first, answered always, sent on every outgoing call.
pub static CORRELATION_HEADER: HeaderName = CORRELATION_NAME;

/// The same as a constant, which is made where it is wanted: a clone is made in more steps.
pub(crate) const CORRELATION_NAME: HeaderName = HeaderName::from_static("x-correlation-id");

/// `x-request-id`: read when [`CORRELATION_HEADER`] is absent or ill-formed. Never written.
pub static REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The baggage member that carries the ID, and the attribute of spans and log records that shows
/// it.
pub const BAGGAGE_KEY: &str = "correlation.id";

/// The longest ID that is well-formed, in bytes.
pub const MAX_LEN: usize = 128;

/// A well-formed correlation ID: 1 to [`MAX_LEN`] characters of `[A-Za-z0-9._:/+=@-]`.
///
/// No ID holds a character that could end a line, a header or a field of a log, so it can be
/// printed as it is. A clone allocates nothing.
#[derive(Clone)]
pub struct CorrelationId(Repr);

#[derive(Clone)]
enum Repr {
    /// Always made from an `Arc<str>`, or cloned from baggage.
    Text(StringValue),
    /// The hex digits of a trace ID: the usual case, on the path of every span and log record, so
    /// without an allocation.
    Trace([u8; 32]),
}

impl CorrelationId {
    /// Checks and takes `text`.
    ///
    /// # Errors
    ///
    /// When the text is empty, too long or holds a character that is not allowed. The error never
    /// repeats the text.
    pub fn parse(text: &str) -> Result<Self, InvalidCorrelationId> {
        check(text.as_bytes())?;
        Ok(Self(Repr::Text(Arc::<str>::from(text).into())))
    }

    /// The ID of what happens in `cx`: its baggage member [`BAGGAGE_KEY`] when that is well-formed,
    /// else the trace ID of its span, else none.
    #[inline]
    pub fn from_context(cx: &Context) -> Option<Self> {
        Self::from_baggage(cx.baggage()).or_else(|| {
            if !cx.has_active_span() {
                return None;
            }
            let trace_id = cx.span().span_context().trace_id();
            (trace_id != TraceId::INVALID).then(|| Self::from_trace_id(trace_id))
        })
    }

    /// The ID of what happens now: [`from_context`](Self::from_context) of the current context.
    pub fn current() -> Option<Self> {
        context::with_current(Self::from_context)
    }

    /// A new random ID of 32 hexadecimal digits, for where neither a caller nor a trace gives one.
    pub fn generate() -> Self {
        let mut digits = [0; 32];
        for half in digits.chunks_exact_mut(16) {
            // The keys of the standard hash maps come from the operating system and differ at each
            // call. That is random enough for an identifier that is no secret, and costs no
            // dependency.
            let random = RandomState::new().hash_one(half.len());
            hex::write(&random.to_be_bytes(), half);
        }
        Self(Repr::Trace(digits))
    }

    /// `cx` with this ID in its baggage, beside the other members.
    ///
    /// Baggage that is already full (64 members or 8192 bytes) loses another member to make room.
    pub fn with_context(&self, cx: &Context) -> Context {
        let present = cx.baggage();
        if present
            .get(BAGGAGE_KEY)
            .is_some_and(|value| value.as_str() == self.as_str())
        {
            return cx.clone();
        }
        let mut baggage = Baggage::new();
        // First, because an insertion over the limits is ignored.
        baggage.insert(BAGGAGE_KEY, self.to_value());
        for (key, (value, metadata)) in present
            .iter()
            .filter(|(key, _)| key.as_str() != BAGGAGE_KEY)
        {
            baggage.insert_with_metadata(key.clone(), value.clone(), metadata.clone());
        }
        cx.with_baggage(baggage)
    }

    /// The ID as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Text(text) => text.as_str(),
            // Hex digits only, written by `hex::write`.
            Repr::Trace(digits) => std::str::from_utf8(digits).unwrap_or_default(),
        }
    }

    /// The ID in the baggage, when there is one and it is well-formed.
    pub(crate) fn from_baggage(baggage: &Baggage) -> Option<Self> {
        let value = baggage.get(BAGGAGE_KEY)?;
        check(value.as_str().as_bytes()).ok()?;
        Some(Self(Repr::Text(value.clone())))
    }

    /// The ID in a header, when it is well-formed.
    pub(crate) fn from_header(value: &HeaderValue) -> Result<Self, InvalidCorrelationId> {
        // A byte that is not ASCII makes no text, and is not allowed either.
        value.to_str().map_or_else(
            |_| {
                Err(check(value.as_bytes())
                    .err()
                    .unwrap_or(InvalidCorrelationId::Empty))
            },
            Self::parse,
        )
    }

    /// The ID as a header value, which cannot fail for the characters that an ID has.
    #[inline]
    pub(crate) fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(match &self.0 {
            Repr::Text(text) => text.as_str().as_bytes(),
            Repr::Trace(digits) => digits,
        })
        .ok()
    }

    fn from_trace_id(trace_id: TraceId) -> Self {
        let mut digits = [0; 32];
        hex::write(&trace_id.to_bytes(), &mut digits);
        Self(Repr::Trace(digits))
    }

    fn to_value(&self) -> StringValue {
        match &self.0 {
            Repr::Text(text) => text.clone(),
            Repr::Trace(_) => Arc::<str>::from(self.as_str()).into(),
        }
    }
}

/// Why a text is no correlation ID. It says where, never what: the text may be hostile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCorrelationId {
    /// There is nothing in it.
    Empty,
    /// It is longer than [`MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It holds a character outside `[A-Za-z0-9._:/+=@-]`.
    Character {
        /// The offset of the first such character in bytes.
        offset: usize,
    },
}

impl fmt::Display for InvalidCorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("correlation ID is empty"),
            Self::TooLong { length } => write!(
                f,
                "correlation ID has {length} bytes, at most {MAX_LEN} are allowed"
            ),
            Self::Character { offset } => {
                write!(
                    f,
                    "correlation ID has a character that is not allowed at byte {offset}"
                )
            }
        }
    }
}

impl Error for InvalidCorrelationId {}

impl FromStr for CorrelationId {
    type Err = InvalidCorrelationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl AsRef<str> for CorrelationId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CorrelationId")
            .field(&self.as_str())
            .finish()
    }
}

impl PartialEq for CorrelationId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CorrelationId {}

impl Hash for CorrelationId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

fn check(text: &[u8]) -> Result<(), InvalidCorrelationId> {
    match text.len() {
        0 => return Err(InvalidCorrelationId::Empty),
        length if length > MAX_LEN => return Err(InvalidCorrelationId::TooLong { length }),
        _ => {}
    }
    match text.iter().position(|byte| !is_allowed(*byte)) {
        Some(offset) => Err(InvalidCorrelationId::Character { offset }),
        None => Ok(()),
    }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b':' | b'/' | b'+' | b'=' | b'@' | b'-')
}

#[cfg(test)]
mod tests;
