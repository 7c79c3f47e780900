//! Waiting for arrivals, without polling, with or without an async runtime; and the error that says what was there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::model::{Printable, Signal};
use crate::request::Outcome;
use crate::store::Store;

/// How many different names of one kind the error lists.
const NAMES: usize = 20;

impl Store {
    /// Blocks until `condition` gives a value; it is asked at once, and again whenever something arrived.
    ///
    /// # Errors
    ///
    /// [`Timeout`] when it gave none within `deadline`.
    pub fn wait_for_blocking<T>(
        &self,
        deadline: Duration,
        mut condition: impl FnMut(&Store) -> Option<T>,
    ) -> Result<T, Timeout> {
        let started = Instant::now();
        loop {
            // Taken before the condition looks, so that an arrival in between is not slept through.
            let seen = self.version();
            if let Some(value) = condition(self) {
                return Ok(value);
            }
            if !self.wait_changed(seen, deadline.saturating_sub(started.elapsed())) {
                return Err(Timeout::new(self, started.elapsed()));
            }
        }
    }

    /// The same for any async runtime: `expired` is the future that ends the wait.
    pub(crate) async fn wait_until<T>(
        &self,
        expired: impl Future,
        mut condition: impl FnMut(&Store) -> Option<T>,
    ) -> Result<T, Timeout> {
        let started = Instant::now();
        let mut expired = std::pin::pin!(expired);
        let mut changes = self.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(value) = condition(self) {
                return Ok(value);
            }
            tokio::select! {
                // The sender lives as long as the store, so this cannot fail.
                _ = changes.changed() => {}
                _ = &mut expired => return Err(Timeout::new(self, started.elapsed())),
            }
        }
    }
}

/// Nothing that was waited for came in time. Says what was there instead; `Debug` is as readable as `Display`.
#[derive(Clone)]
pub struct Timeout {
    waited: Duration,
    held: String,
}

impl Timeout {
    fn new(store: &Store, waited: Duration) -> Self {
        Self {
            waited,
            held: Summary(store).to_string(),
        }
    }

    /// How long was waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not seen within {:.1?}; the receiver has {}",
            self.waited, self.held
        )
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Timeout {}

struct Summary<'a>(&'a Store);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans = self.0.spans().all();
        let logs = self.0.logs().all();
        let metrics = self.0.metrics().all();
        let kinds = [
            (
                "spans",
                spans.len(),
                count(spans.iter().map(|s| (&*s.service, s.name.clone()))),
            ),
            (
                "log records",
                logs.len(),
                count(logs.iter().map(|l| (&*l.service, l.body.to_string()))),
            ),
            (
                "metrics",
                metrics.len(),
                count(metrics.iter().map(|m| (&*m.service, m.name.clone()))),
            ),
        ];
        for (what, number, names) in kinds {
            write!(f, "{number} {what}")?;
            write_counts(f, names)?;
            f.write_str("; ")?;
        }
        let requests = self.0.requests();
        write!(f, "{} requests", requests.len())?;
        write_counts(f, count(requests.iter().map(|r| ("", outcome(r.outcome)))))?;
        for signal in Signal::ALL {
            let dropped = self.0.dropped(signal);
            if dropped > 0 {
                write!(
                    f,
                    "; {dropped} items of {signal} were dropped by the bounds of the store"
                )?;
            }
        }
        Ok(())
    }
}

fn count<'a>(names: impl Iterator<Item = (&'a str, String)>) -> BTreeMap<(&'a str, String), usize> {
    names.fold(BTreeMap::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

/// ` (gateway: GET /pay ×2, orders: charge)`, or nothing.
fn write_counts(
    f: &mut fmt::Formatter<'_>,
    counts: BTreeMap<(&str, String), usize>,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let more = counts.len().saturating_sub(NAMES);
    for (index, ((service, name), number)) in counts.into_iter().take(NAMES).enumerate() {
        f.write_str(if index == 0 { " (" } else { ", " })?;
        if !service.is_empty() {
            write!(f, "{}: ", Printable(service))?;
        }
        let short: String = name.chars().take(80).collect();
        write!(f, "{}", Printable(&short))?;
        if number > 1 {
            write!(f, " ×{number}")?;
        }
    }
    if more > 0 {
        write!(f, ", {more} more")?;
    }
    f.write_str(")")
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Pending => "unanswered".to_owned(),
        Outcome::Http(status) => format!("HTTP {status}"),
        Outcome::Grpc(code) => format!("gRPC {code}"),
        Outcome::Hung => "hung".to_owned(),
        Outcome::Reset => "reset".to_owned(),
        Outcome::Abandoned => "abandoned".to_owned(),
    }
}
