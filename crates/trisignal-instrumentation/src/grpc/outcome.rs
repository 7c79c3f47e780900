//! What the answer to a call says about how it went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use opentelemetry::StringValue;
use tracing::{Span, record_all};

use super::SYSTEM;
use super::methods::{Method, Methods, proves};
use super::status::{self, Code};
use crate::exchange::values::OTHER;
use crate::exchange::{Added, End, Part, Side};

/// By how much two clocks may differ about a deadline.
const MAX_SLACK: Duration = Duration::from_millis(10);

/// The answer as far as it is known.
pub(crate) struct Outcome {
    /// What the peer said, or the HTTP status said in its place.
    code: Option<Code>,
    method: Shown,
    /// From when on the time is over that the caller gave.
    late_from: Option<Instant>,
}

/// The method as the metrics show it.
enum Shown {
    /// By its name from the beginning on.
    AtOnce,
    As(StringValue),
    /// To be seen, and to be told to these.
    Pending(Arc<str>, Arc<Methods>),
}

impl Outcome {
    /// The outcome of a call of `method`, before there is an answer.
    pub(super) fn new(method: Method, methods: &Arc<Methods>, headers: &HeaderMap) -> Self {
        Self {
            code: None,
            method: match method {
                Method::Known(_) => Shown::AtOnce,
                Method::Unknown(_) => Shown::As(OTHER.into()),
                Method::Unverified(name) => Shown::Pending(name, Arc::clone(methods)),
            },
            late_from: status::timeout(headers).and_then(late_from),
        }
    }

    /// Notes the head of the response. A status in it is the whole answer.
    pub(crate) fn respond(&mut self, span: &Span, status: StatusCode, headers: &HeaderMap) {
        let is_ok = status == StatusCode::OK;
        let said = Code::of(headers);
        self.code = said.or_else(|| (!is_ok).then(|| Code::of_http(status)));
        // What stands for a HTTP status proves nothing: routers give it to any path, and pages too.
        if said.map_or_else(|| is_ok && is_grpc(headers), proves) {
            self.prove(span);
        }
    }

    pub(crate) fn trailers(&mut self, span: &Span, trailers: &HeaderMap) {
        let said = Code::of(trailers);
        // A status in the trailers is later, and better than one that stands for the HTTP status.
        self.code = said.or(self.code);
        if said.is_some_and(proves) {
            self.prove(span);
        }
    }

    /// Shows the method by its name from now on, if it is one of those that may be.
    fn prove(&mut self, span: &Span) {
        if let Shown::Pending(name, methods) = &self.method
            && methods.learn(name)
        {
            span.record("rpc.method", &**name);
            self.method = Shown::As(Arc::clone(name).into());
        }
    }

    /// The name that the span gets in the end, where it is not the one that it began with.
    pub(crate) fn new_name(&self) -> Option<&'static str> {
        matches!(self.method, Shown::Pending(..)).then_some(SYSTEM)
    }

    /// Writes what is known at the end, and answers what of it is measured.
    pub(crate) fn finish(&self, side: Side, end: End, span: &Span) -> Added<'_> {
        let code = self.code(side, end);
        let status = code.map(Code::name);
        let error = match (code, end) {
            (Some(code), _) => code.is_error(side).then(|| code.name()),
            (None, End::Failed(error_type)) => Some(error_type),
            (None, End::Abandoned | End::Complete) => None,
        };
        // One that no answer has proved is none of ours.
        let (method, unproved) = match &self.method {
            Shown::AtOnce => (None, None),
            Shown::As(name) => (Some(Part::Text(name.as_str())), None),
            Shown::Pending(name, _) => (Some(Part::Fixed(OTHER)), Some(&**name)),
        };
        match (status, unproved, error) {
            // The usual end.
            (Some(status), None, None) => {
                span.record("rpc.response.status_code", status);
            }
            _ => record_all!(
                span,
                "rpc.method" = unproved.map(|_| OTHER),
                "rpc.method_original" = unproved,
                "rpc.response.status_code" = status,
                "error.type" = error,
                "otel.status_code" = error.map(|_| "ERROR"),
            ),
        }
        [
            ("rpc.method", method),
            ("rpc.response.status_code", status.map(Part::Fixed)),
            ("error.type", error.map(Part::Fixed)),
        ]
    }

    fn code(&self, side: Side, end: End) -> Option<Code> {
        let late = || self.is_late().then_some(Code::DEADLINE_EXCEEDED);
        match end {
            End::Complete => self.code.or(Some(Code::UNKNOWN)),
            End::Abandoned => self.code.or_else(late).or(Some(Code::CANCELLED)),
            // A client's own deadline comes as an error of the transport.
            End::Failed(_) if side == Side::Client => late(),
            End::Failed(_) => None,
        }
    }

    fn is_late(&self) -> bool {
        self.late_from.is_some_and(|late| Instant::now() >= late)
    }
}

/// From when on a call that begins now has taken `timeout`. The caller's clock started earlier than ours, so
/// the last bit of the time counts as over too. `None` for one beyond all time.
fn late_from(timeout: Duration) -> Option<Instant> {
    let slack = (timeout / 10).min(MAX_SLACK);
    Instant::now().checked_add(timeout.saturating_sub(slack))
}

/// Whether it is the head of an answer of gRPC, whose status follows the body.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|text| text.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests;
