//! The three signals, as the pipeline tells them apart.

use std::fmt;

/// One of OpenTelemetry's three signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All signals, in the order of [`Signal::index`].
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// A dense number, to index arrays by signal.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Traces => 0,
            Self::Metrics => 1,
            Self::Logs => 2,
        }
    }

    /// What one item of the signal is called, in the plural.
    pub(crate) fn items(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metric points",
            Self::Logs => "log records",
        }
    }
}

/// One place that a signal goes to: the number of its lane in the outbox, and of its account in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) signal: Signal,
    /// Counts the destinations of the signal from 0, which is the one that reports speak of.
    pub(crate) index: usize,
}

impl Destination {
    /// The one of a signal that has no more than one.
    #[cfg(test)]
    pub(crate) fn first(signal: Signal) -> Self {
        Self { signal, index: 0 }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        })
    }
}
