//! What telemetry says about itself to the program: accounts, never just "ok".

use std::fmt;
use std::time::Duration;

use crate::pipeline::ledger::SignalAccount;
use crate::pipeline::signal::Signal;

/// What a flush or a shutdown achieved, in the accounts of the three signals.
///
/// Its [`Display`](fmt::Display) is fit for a log line or standard error.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use = "a report says what was lost"]
pub struct Report {
    /// Spans.
    pub traces: SignalAccount,
    /// Metric data points.
    pub metrics: SignalAccount,
    /// Log records.
    pub logs: SignalAccount,
    /// For a flush: whether all that was produced before it was delivered or dropped, and so counted, in time. For a
    /// shutdown: whether nothing was left to be dropped at its end.
    pub complete: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// What [`Telemetry::flush`](crate::Telemetry::flush) answers.
pub type FlushReport = Report;
/// What [`Telemetry::shutdown`](crate::Telemetry::shutdown) answers.
pub type ShutdownReport = Report;

impl Report {
    pub(crate) fn new(accounts: [SignalAccount; 3], complete: bool, elapsed: Duration) -> Self {
        let [traces, metrics, logs] = accounts;
        Self {
            traces,
            metrics,
            logs,
            complete,
            elapsed,
        }
    }

    /// The account of `signal`.
    #[must_use]
    pub fn account(&self, signal: Signal) -> &SignalAccount {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }

    /// Items of all signals that are lost since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        Signal::ALL
            .into_iter()
            .map(|signal| self.account(signal).dropped.total())
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, signal) in Signal::ALL.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", signal.items(), self.account(signal))?;
        }
        Ok(())
    }
}

/// The state of telemetry at a moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Spans.
    pub traces: SignalAccount,
    /// Metric data points.
    pub metrics: SignalAccount,
    /// Log records.
    pub logs: SignalAccount,
    /// Bytes of encoded requests that wait for the backend or are on their way.
    pub outbox_bytes: u64,
    /// How often the encoder thread died and was started again.
    pub encoder_restarts: u64,
    /// How often a sampler, processor, observable instrument or rule of redaction of the user panicked.
    pub callback_panics: u64,
    /// Lines that the console could not write.
    pub console_errors: u64,
    /// Events of this process that got lost on their way to console and export, because formatting them panicked or
    /// made events without end.
    pub lost_events: u64,
}
