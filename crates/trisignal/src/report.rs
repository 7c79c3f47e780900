//! What telemetry says about itself to the program: accounts, never just "ok".

use std::fmt;
use std::time::Duration;

use crate::pipeline::ledger::SignalAccount;
use crate::pipeline::signal::Signal;

/// What a flush or a shutdown achieved, in the accounts of the three signals.
///
/// Where a signal has several destinations, each of them has an account of its own in
/// [`destinations`](Self::destinations), and the signal's account is that of the first: of the first backend that speaks
/// OTLP, where there is one.
///
/// Its [`Display`](fmt::Display) is fit for a log line or standard error.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a report says what was lost"]
pub struct Report {
    /// Spans.
    pub traces: SignalAccount,
    /// Metric data points.
    pub metrics: SignalAccount,
    /// Log records.
    pub logs: SignalAccount,
    /// Every destination, by signal, then in the order of configuration with those of OTLP first.
    pub destinations: Vec<DestinationAccount>,
    /// For a flush: whether all that was produced before it was delivered or dropped, and so counted, in time. For a
    /// shutdown: whether nothing was left to be dropped at its end.
    pub complete: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// The account of one destination of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationAccount {
    /// What goes there.
    pub signal: Signal,
    /// The endpoint without secrets, or the name of the exporter.
    pub name: String,
    /// It balances by itself: every item of the signal was produced for every destination.
    pub account: SignalAccount,
}

/// The accounts of a pipeline at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) signals: [SignalAccount; 3],
    pub(crate) destinations: Vec<DestinationAccount>,
}

/// What [`Telemetry::flush`](crate::Telemetry::flush) answers.
pub type FlushReport = Report;
/// What [`Telemetry::shutdown`](crate::Telemetry::shutdown) answers.
pub type ShutdownReport = Report;

impl Report {
    pub(crate) fn new(accounts: Accounts, complete: bool, elapsed: Duration) -> Self {
        let [traces, metrics, logs] = accounts.signals;
        Self {
            traces,
            metrics,
            logs,
            destinations: accounts.destinations,
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

    /// Items of all signals that are lost since the start. What is lost to two destinations counts twice.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let accounts = self.destinations.iter().map(|it| &it.account);
        accounts.map(|account| account.dropped.total()).sum()
    }

    /// Those besides the one that the signal's own account is of.
    fn further_destinations(&self) -> impl Iterator<Item = &DestinationAccount> {
        self.destinations
            .iter()
            .enumerate()
            .filter(|(index, it)| {
                self.destinations[..*index]
                    .iter()
                    .any(|earlier| earlier.signal == it.signal)
            })
            .map(|(_, it)| it)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, signal) in Signal::ALL.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", signal.items(), self.account(signal))?;
        }
        for DestinationAccount {
            signal,
            name,
            account,
        } in self.further_destinations()
        {
            write!(f, "; {} to {name}: {account}", signal.items())?;
        }
        Ok(())
    }
}

/// The state of telemetry at a moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Spans.
    pub traces: SignalAccount,
    /// Metric data points.
    pub metrics: SignalAccount,
    /// Log records.
    pub logs: SignalAccount,
    /// Every destination; see [`Report::destinations`].
    pub destinations: Vec<DestinationAccount>,
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
    /// Events that were neither written nor exported because [`Suppression`](crate::Suppression) asks for it.
    pub suppressed_events: u64,
}
