//! Health as a page, for monitors that ask by HTTP: what the ledger says, and whether it is good.
//!
//! The page speaks of telemetry, not of the service: where it is mounted beside a service's own checks, nothing
//! should restart the service because of it. So it answers 200 also when telemetry is degraded, and says so in its body.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower_service::Service;

use super::prometheus::MetricsBody;
use crate::pipeline::ledger::SignalAccount;
use crate::pipeline::signal::Signal;
use crate::pipeline::{Phase, Shared};

/// How far back a loss still counts.
const WINDOW: Duration = Duration::from_secs(300);
/// The time between two samples that are kept, so that there are few of them however often somebody asks.
const SPACING: Duration = Duration::from_secs(10);
/// For how long a backend may take nothing before that is worth a warning.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers each `GET` with the health of telemetry, as JSON:
///
/// ```json
/// {
///   "status": "degraded",
///   "reasons": ["the backend has taken nothing for 75 s", "12 items were dropped in the last 300 s"],
///   "waiting_seconds": 75, "outbox_bytes": 52310,
///   "traces": { "produced": 900, "delivered": 500, "held": 388, "dropped": { "outbox_full": 12 } },
///   "metrics": { "produced": 80, "delivered": 80, "held": 0, "dropped": {} },
///   "logs": { "produced": 400, "delivered": 400, "held": 0, "dropped": {} }
/// }
/// ```
///
/// `status` is `ok`, `degraded` (something was dropped in the last five minutes, or a backend has taken nothing for a
/// minute), `off` where nothing is exported, or `ended` after a shutdown. The HTTP status is 200, and 503 for `ended`:
/// a service does not have to be restarted because its telemetry can't be delivered.
///
/// From [`Telemetry::health_service`](crate::Telemetry::health_service). It takes requests with any body, and never
/// fails.
#[derive(Clone)]
pub struct HealthService {
    shared: Option<Arc<Shared>>,
    history: Arc<Mutex<History>>,
}

impl HealthService {
    pub(crate) fn new(shared: Option<Arc<Shared>>) -> Self {
        Self {
            shared,
            history: Arc::default(),
        }
    }

    fn answer(&self, method: &Method) -> Response<MetricsBody> {
        if method != Method::GET && method != Method::HEAD {
            let mut refused = Response::new(MetricsBody::default());
            *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refused
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let (status, body) = match &self.shared {
            Some(shared) => self.state(shared),
            None => (StatusCode::OK, json!({ "status": "off", "reasons": [] })),
        };
        let body = if method == Method::HEAD {
            MetricsBody::default()
        } else {
            MetricsBody::from(format!("{body}\n"))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn state(&self, shared: &Shared) -> (StatusCode, Value) {
        let accounts = Signal::ALL.map(|signal| worst(shared, signal));
        let lost = accounts.iter().map(|account| account.dropped.total()).sum();
        let lost = self
            .history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lost_lately(lost, Instant::now());
        let waiting = shared.outbox.oldest().unwrap_or_default();
        let reasons = reasons(waiting, lost);
        let (code, status) = match (*shared.phase().borrow(), reasons.is_empty()) {
            (Phase::Ended, _) => (StatusCode::SERVICE_UNAVAILABLE, "ended"),
            (_, true) => (StatusCode::OK, "ok"),
            (_, false) => (StatusCode::OK, "degraded"),
        };
        let mut body = json!({
            "status": status,
            "reasons": reasons,
            "waiting_seconds": waiting.as_secs(),
            "outbox_bytes": shared.outbox.bytes(),
            "encoder_restarts": shared.ledger.encoder_restarts(),
            "callback_panics": shared.ledger.callback_panics(),
        });
        for (signal, account) in Signal::ALL.into_iter().zip(&accounts) {
            body[signal.to_string()] = shown(account);
        }
        (code, body)
    }
}

/// The account of the destination that has lost most, where there are several.
fn worst(shared: &Shared, signal: Signal) -> SignalAccount {
    let accounts = shared.accounts();
    let of_signal = accounts.destinations.into_iter();
    let of_signal = of_signal.filter(|destination| destination.signal == signal);
    let worst = of_signal.max_by_key(|destination| destination.account.dropped.total());
    worst.map_or_else(
        || shared.ledger.account(signal),
        |destination| destination.account,
    )
}

fn reasons(waiting: Duration, lost: u64) -> Vec<String> {
    let mut reasons = Vec::new();
    if waiting >= PATIENCE {
        let seconds = waiting.as_secs();
        reasons.push(format!("the backend has taken nothing for {seconds} s"));
    }
    if lost > 0 {
        let seconds = WINDOW.as_secs();
        reasons.push(format!("{lost} items were dropped in the last {seconds} s"));
    }
    reasons
}

fn shown(account: &SignalAccount) -> Value {
    let dropped: serde_json::Map<_, _> = account
        .dropped
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), count.into()))
        .collect();
    json!({
        "produced": account.produced,
        "delivered": account.delivered,
        "held": account.held,
        "dropped": dropped,
    })
}

/// What was lost up to some moments of the last while.
#[derive(Debug, Default)]
struct History {
    /// The oldest first; one of them may be older than the window.
    samples: VecDeque<(Instant, u64)>,
}

impl History {
    /// How much of `total` was lost within the window, as far as anybody has asked; else since the start.
    fn lost_lately(&mut self, total: u64, now: Instant) -> u64 {
        let age = |(then, _): &(Instant, u64)| now.saturating_duration_since(*then);
        // The newest of those that are out of the window tells what was lost before it.
        while self
            .samples
            .get(1)
            .is_some_and(|sample| age(sample) >= WINDOW)
        {
            self.samples.pop_front();
        }
        let before = match self.samples.front() {
            Some(sample) if age(sample) >= WINDOW => sample.1,
            _ => 0,
        };
        if self
            .samples
            .back()
            .is_none_or(|sample| age(sample) >= SPACING)
        {
            self.samples.push_back((now, total));
        }
        total.saturating_sub(before)
    }
}

impl<B> Service<Request<B>> for HealthService {
    type Response = Response<MetricsBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<MetricsBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

impl fmt::Debug for HealthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthService")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_counts_for_five_minutes() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut history = History::default();
        assert_eq!(
            history.lost_lately(3, at(0)),
            3,
            "since the start, nobody asked before"
        );
        assert_eq!(history.lost_lately(3, at(100)), 3);
        assert_eq!(history.lost_lately(7, at(200)), 7);
        assert_eq!(history.lost_lately(7, at(299)), 7);
        assert_eq!(
            history.lost_lately(7, at(300)),
            4,
            "the first three are five minutes old"
        );
        assert_eq!(history.lost_lately(7, at(499)), 4);
        assert_eq!(history.lost_lately(7, at(500)), 0);
        assert_eq!(history.lost_lately(8, at(10_000)), 1);
        for second in 0..10_000 {
            history.lost_lately(8, at(10_000 + second));
        }
        assert!(
            history.samples.len() <= 32,
            "{} samples",
            history.samples.len()
        );
    }

    #[test]
    fn patience_ends_after_a_minute() {
        assert_eq!(reasons(Duration::from_secs(59), 0), [""; 0]);
        let told = reasons(Duration::from_secs(61), 2);
        assert_eq!(
            told,
            [
                "the backend has taken nothing for 61 s",
                "2 items were dropped in the last 300 s"
            ]
        );
    }
}
