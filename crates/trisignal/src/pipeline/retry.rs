//! What an answer of the backend means for the batch that was sent, and how long to wait before the next try.
//!
//! The rules are those of the OTLP specification (protocol, "OTLP/gRPC Response" and "OTLP/HTTP Response"), with
//! one deviation: answers that speak of the deployment and not of the data (unauthenticated, not found, internal
//! error, ...) don't drop the batch at once. It waits, and is tried again slowly until the age limit, because a
//! token that is being rotated or a proxy that restarts is the usual cause.

use std::time::{Duration, SystemTime};

use rand::Rng;
use tonic::Code;

use crate::config::RetryConfig;

/// The longest wait that a backend may ask for.
const MAX_ASKED: Duration = Duration::from_secs(300);
/// The time between two tries after an answer that speaks of the deployment: half of it and all of it.
const HOLD: Duration = Duration::from_secs(5);

/// What the answer to a request, or its absence, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The backend took the request.
    Accepted,
    /// A passing condition: try again with back-off, after the time that the backend asked for.
    Retry(Option<Duration>),
    /// The deployment is wrong and may be mended: try again slowly.
    Hold,
    /// The backend refuses something in the request: the culprits are looked for, the rest is delivered.
    RejectedItems,
    /// The backend refuses the request as a whole.
    RejectedRequest,
}

/// The verdict on an HTTP status, with the value of its `Retry-After` header.
pub(crate) fn http(status: u16, retry_after: Option<&str>, now: SystemTime) -> Verdict {
    match status {
        200..=299 => Verdict::Accepted,
        429 | 502 | 503 | 504 => {
            Verdict::Retry(retry_after.and_then(|value| parse_retry_after(value, now)))
        }
        400 | 413 | 422 => Verdict::RejectedItems,
        401 | 403 | 404 | 407 | 408 | 500 => Verdict::Hold,
        _ => Verdict::RejectedRequest,
    }
}

/// The verdict on a gRPC status, with the delay of its `RetryInfo` detail.
pub(crate) fn grpc(code: Code, retry_info: Option<Duration>) -> Verdict {
    match code {
        Code::Ok => Verdict::Accepted,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry(retry_info.map(|delay| delay.min(MAX_ASKED))),
        Code::ResourceExhausted => match retry_info {
            Some(delay) => Verdict::Retry(Some(delay.min(MAX_ASKED))),
            None => Verdict::Hold,
        },
        Code::InvalidArgument => Verdict::RejectedItems,
        Code::AlreadyExists | Code::FailedPrecondition => Verdict::RejectedRequest,
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::NotFound
        | Code::Unimplemented
        | Code::Internal
        | Code::Unknown => Verdict::Hold,
    }
}

/// The delay in a `Retry-After` header: seconds or an HTTP date, at most 5 minutes; `None` when it is neither.
fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let delay = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            date.duration_since(now).unwrap_or(Duration::ZERO)
        }
    };
    Some(delay.min(MAX_ASKED))
}

/// The waits between the tries of one batch: exponential, with full jitter.
#[derive(Debug)]
pub(crate) struct Backoff {
    config: RetryConfig,
    /// The upper bound of the next wait.
    ceiling: Duration,
}

impl Backoff {
    pub(crate) fn new(config: RetryConfig) -> Self {
        let ceiling = config.initial;
        Self { config, ceiling }
    }

    /// The wait before the next try. `asked` is what the backend wants at least; later waits grow from it.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let ceiling = self.ceiling;
        match asked {
            Some(asked) => {
                // Everybody who was told the same time must not come back at the same time.
                self.ceiling = (asked * 2).clamp(self.config.initial, self.config.max.max(asked));
                asked + jitter(Duration::ZERO, (asked / 10).max(self.config.initial))
            }
            None => {
                self.ceiling = (ceiling * 2).min(self.config.max);
                jitter(Duration::ZERO, ceiling)
            }
        }
    }

    /// The wait before a try that is not expected to succeed soon.
    pub(crate) fn hold(&self) -> Duration {
        jitter(HOLD / 2, HOLD)
    }
}

/// A time drawn evenly from the range, at least 1 ms.
fn jitter(low: Duration, high: Duration) -> Duration {
    let high = high.max(low);
    rand::rng()
        .random_range(low..=high)
        .max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn http_answers() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let date = "Sun, 06 Nov 1994 08:49:47 GMT"; // ten seconds after `now`
        let past = "Sun, 06 Nov 1994 08:49:27 GMT";
        for (status, retry_after, expected) in [
            (200, None, Verdict::Accepted),
            (202, None, Verdict::Accepted),
            (429, None, Verdict::Retry(None)),
            (503, Some("2"), Verdict::Retry(secs(2))),
            (503, Some(" 120 "), Verdict::Retry(secs(120))),
            (503, Some("86400"), Verdict::Retry(secs(300))),
            (503, Some(date), Verdict::Retry(secs(10))),
            (503, Some(past), Verdict::Retry(secs(0))),
            (503, Some("soon"), Verdict::Retry(None)),
            (503, Some("-1"), Verdict::Retry(None)),
            (502, None, Verdict::Retry(None)),
            (504, None, Verdict::Retry(None)),
            (400, Some("2"), Verdict::RejectedItems),
            (413, None, Verdict::RejectedItems),
            (401, None, Verdict::Hold),
            (403, None, Verdict::Hold),
            (404, None, Verdict::Hold),
            (500, None, Verdict::Hold),
            (405, None, Verdict::RejectedRequest),
            (501, None, Verdict::RejectedRequest),
            (301, None, Verdict::RejectedRequest),
        ] {
            assert_eq!(
                http(status, retry_after, now),
                expected,
                "{status} {retry_after:?}"
            );
        }
    }

    #[test]
    fn grpc_answers() {
        for (code, retry_info, expected) in [
            (Code::Ok, None, Verdict::Accepted),
            (Code::Unavailable, None, Verdict::Retry(None)),
            (Code::Unavailable, secs(3), Verdict::Retry(secs(3))),
            (Code::Unavailable, secs(3_000), Verdict::Retry(secs(300))),
            (Code::DataLoss, None, Verdict::Retry(None)),
            (Code::ResourceExhausted, secs(1), Verdict::Retry(secs(1))),
            (Code::ResourceExhausted, None, Verdict::Hold),
            (Code::InvalidArgument, None, Verdict::RejectedItems),
            (Code::FailedPrecondition, None, Verdict::RejectedRequest),
            (Code::Unauthenticated, None, Verdict::Hold),
            (Code::Unimplemented, None, Verdict::Hold),
        ] {
            assert_eq!(grpc(code, retry_info), expected, "{code:?} {retry_info:?}");
        }
    }

    #[test]
    fn waits_grow_to_their_limit_and_obey_the_backend() {
        let config = RetryConfig {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(1),
        };
        let mut backoff = Backoff::new(config);
        for ceiling in [100, 200, 400, 800, 1_000, 1_000] {
            assert_eq!(backoff.ceiling, Duration::from_millis(ceiling));
            assert!(backoff.next(None) <= Duration::from_millis(ceiling));
        }
        let asked = Duration::from_secs(20);
        let wait = Backoff::new(config).next(Some(asked));
        assert!((asked..=asked + Duration::from_secs(2)).contains(&wait));
        assert!((HOLD / 2..=HOLD).contains(&backoff.hold()));
    }

    #[test]
    fn jitter_is_full() {
        let mut backoff = Backoff::new(RetryConfig {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(1),
        });
        let waits: Vec<_> = (0..200).map(|_| backoff.next(None)).collect();
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(250)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(750)));
    }
}
