//! The answers that a script can give.

use std::time::Duration;

/// What the receiver answers to a request, in the form that the request's protocol has for it.
///
/// HTTP statuses and gRPC codes stand for each other:
///
/// | HTTP | gRPC | | HTTP | gRPC |
/// |---|---|---|---|---|
/// | 400 | `INVALID_ARGUMENT` | | 429 | `RESOURCE_EXHAUSTED` |
/// | 401 | `UNAUTHENTICATED` | | 499 | `CANCELLED` |
/// | 403 | `PERMISSION_DENIED` | | 500 | `INTERNAL` |
/// | 404 | `NOT_FOUND` | | 501 | `UNIMPLEMENTED` |
/// | 408, 504 | `DEADLINE_EXCEEDED` | | 502, 503 | `UNAVAILABLE` |
/// | 409 | `ABORTED` | | other | `UNKNOWN` |
///
/// Note that OTLP has a client retry a 429, but `RESOURCE_EXHAUSTED` only together with
/// [`retry_after`](Self::retry_after).
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub(crate) act: Act,
    pub(crate) delay: Duration,
    pub(crate) retry_after: Option<String>,
    pub(crate) message: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Accept,
    AcceptThenReset,
    Partial { rejected: usize, message: String },
    Refuse(Code),
    Hang,
    Reset,
}

/// A status of one of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Http(u16),
    Grpc(i32),
}

impl Answer {
    /// The items are taken.
    pub fn accept() -> Self {
        Self::new(Act::Accept)
    }

    /// The items are taken, but the answer never arrives: the connection is reset instead. Makes duplicates.
    pub fn accept_then_reset() -> Self {
        Self::new(Act::AcceptThenReset)
    }

    /// Nothing is taken; HTTP answers this status, gRPC its counterpart. 200 takes nothing either: it is a lie.
    pub fn status(http: u16) -> Self {
        Self::new(Act::Refuse(Code::Http(http)))
    }

    /// Nothing is taken; gRPC answers this code (14 is `UNAVAILABLE`), HTTP its counterpart.
    pub fn grpc(code: i32) -> Self {
        Self::new(Act::Refuse(Code::Grpc(code)))
    }

    /// The request is read and never answered, until the client goes away or the receiver is paused or stopped.
    pub fn hang() -> Self {
        Self::new(Act::Hang)
    }

    /// The connection is reset while the client is still sending: after the first piece of the body, or
    /// after all of it where the rule has to [see the items](crate::Rule::when).
    pub fn reset() -> Self {
        Self::new(Act::Reset)
    }

    /// Success, but the last `rejected` items of the request are not taken (none, with 0: then it is a warning).
    pub fn partial_success(rejected: usize, message: impl Into<String>) -> Self {
        Self::new(Act::Partial {
            rejected,
            message: message.into(),
        })
    }

    /// Waits before it acts, as a slow backend does: the items are taken after the delay, and
    /// not at all when the client gives up before. Default: no delay.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends this text as `Retry-After` over HTTP, whatever it says. Over gRPC a number of seconds, with decimals
    /// or without, becomes a `RetryInfo`; other text has no form there and is left out. Default: none.
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// The message of a refusal. Default: one that names the status.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Whether it can be decided before the body is there.
    pub(crate) fn acts_early(&self) -> bool {
        self.act == Act::Reset
    }

    fn new(act: Act) -> Self {
        Self {
            act,
            delay: Duration::ZERO,
            retry_after: None,
            message: None,
        }
    }
}

impl Code {
    pub(crate) fn http(self) -> u16 {
        match self {
            Self::Http(status) => status,
            Self::Grpc(0) => 200,
            Self::Grpc(1) => 499,
            Self::Grpc(3 | 9 | 11) => 400,
            Self::Grpc(4) => 504,
            Self::Grpc(5) => 404,
            Self::Grpc(6 | 10) => 409,
            Self::Grpc(7) => 403,
            Self::Grpc(8) => 429,
            Self::Grpc(12) => 501,
            Self::Grpc(14) => 503,
            Self::Grpc(16) => 401,
            Self::Grpc(_) => 500,
        }
    }

    pub(crate) fn grpc(self) -> i32 {
        match self {
            Self::Grpc(code) => code,
            Self::Http(200) => 0,
            Self::Http(499) => 1,
            Self::Http(400) => 3,
            Self::Http(408 | 504) => 4,
            Self::Http(404) => 5,
            Self::Http(403) => 7,
            Self::Http(413 | 429) => 8,
            Self::Http(409) => 10,
            Self::Http(501) => 12,
            Self::Http(500) => 13,
            Self::Http(502 | 503) => 14,
            Self::Http(401) => 16,
            Self::Http(_) => 2,
        }
    }
}

/// The seconds of a `Retry-After` that has a form in gRPC.
pub(crate) fn seconds(retry_after: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(retry_after.trim().parse().ok()?).ok()
}
