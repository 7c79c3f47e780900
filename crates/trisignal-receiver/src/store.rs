//! The bounded store: rings of records, exact totals, and the wake-up of those who wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::limits::StoreLimits;
use crate::model::{Batch, Identity, LogRecord, Metric, Signal, Span};
use crate::query::Query;
use crate::request::{Outcome, RequestInfo};
use crate::ring::Ring;
use crate::tree::TraceTree;

/// What a receiver has stored; a cheap handle, all clones see the same records.
///
/// Records and totals change together: a query never sees half a request.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    limits: StoreLimits,
    version: u64,
    spans: Ring<Arc<Span>>,
    logs: Ring<Arc<LogRecord>>,
    metrics: Ring<Arc<Metric>>,
    requests: VecDeque<RequestInfo>,
    /// Number of the first entry of `requests`; numbers are never used twice.
    first_request: u64,
    totals: [Totals; 3],
}

#[derive(Debug, Default)]
struct Totals {
    received: Received,
    /// Payload hash of each item seen, by its identity.
    seen: HashMap<(u128, u64), u64>,
}

/// Totals of one signal since the start: exact also after records were dropped from the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Requests of this signal, whatever the answer.
    pub requests: u64,
    /// Items taken: spans, log records or data points.
    pub items: u64,
    /// Different items among them. Spans differ by trace and span ID, log records and data points by
    /// their payload, or by the attribute that [`log_identity`](crate::ReceiverBuilder::log_identity) names.
    pub unique: u64,
    /// Items that had been taken before: `items - unique`.
    pub duplicates: u64,
    /// Duplicates with another payload than the first delivery: a sender that changed an item, or used an ID twice.
    pub conflicts: u64,
    /// Items that a scripted answer refused, those of a partial success included.
    pub rejected: u64,
    /// Set when more different items came than [`StoreLimits::identities`] remembers: `unique` is
    /// then too high, `duplicates` too low.
    pub inexact: bool,
}

impl Store {
    /// An empty store.
    pub fn new(limits: StoreLimits) -> Self {
        let state = State {
            version: 0,
            spans: Ring::new(limits.items, limits.bytes),
            logs: Ring::new(limits.items, limits.bytes),
            metrics: Ring::new(limits.items, limits.bytes),
            requests: VecDeque::new(),
            first_request: 0,
            totals: Default::default(),
            limits,
        };
        let shared = Shared {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            version: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A query over the spans.
    pub fn spans(&self) -> Query<Span> {
        Query::new(self.lock().spans.to_vec())
    }

    /// A query over the log records.
    pub fn logs(&self) -> Query<LogRecord> {
        Query::new(self.lock().logs.to_vec())
    }

    /// A query over the metrics; each export of a metric is a record of its own.
    pub fn metrics(&self) -> Query<Metric> {
        Query::new(self.lock().metrics.to_vec())
    }

    /// All spans of one trace as a tree.
    pub fn trace(&self, trace_id: &str) -> TraceTree {
        self.spans().trace(trace_id).tree()
    }

    /// The requests that came, oldest first.
    pub fn requests(&self) -> Vec<RequestInfo> {
        self.lock().requests.iter().cloned().collect()
    }

    /// The totals of one signal.
    pub fn received(&self, signal: Signal) -> Received {
        self.lock().totals[signal as usize].received
    }

    /// How many items were dropped from the store of one signal because a bound was hit.
    pub fn dropped(&self, signal: Signal) -> u64 {
        let state = self.lock();
        match signal {
            Signal::Traces => state.spans.dropped(),
            Signal::Metrics => state.metrics.dropped(),
            Signal::Logs => state.logs.dropped(),
        }
    }

    /// Forgets all records, requests and totals.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.spans.clear();
        state.logs.clear();
        state.metrics.clear();
        state.first_request += state.requests.len() as u64;
        state.requests.clear();
        state.totals = Default::default();
        self.changed(state);
    }

    /// Enters a request that has been read; answers its number.
    pub(crate) fn open_request(&self, info: RequestInfo) -> u64 {
        let mut state = self.lock();
        if let Some(signal) = info.signal {
            state.totals[signal as usize].received.requests += 1;
        }
        if state.requests.len() >= state.limits.requests {
            state.requests.pop_front();
            state.first_request += 1;
        }
        state.requests.push_back(info);
        let number = state.first_request + state.requests.len() as u64 - 1;
        self.changed(state);
        number
    }

    /// Takes the items of request `number`, and says how it ended.
    pub(crate) fn accept(&self, number: u64, batch: Batch, rejected: usize, outcome: Outcome) {
        let mut state = self.lock();
        let limit = state.limits.identities;
        let accepted = batch.items();
        let totals = &mut state.totals[batch.signal as usize];
        totals.received.rejected += rejected as u64;
        batch
            .identities()
            .iter()
            .for_each(|identity| totals.count(identity, limit));
        let mut costs = batch.costs().to_vec().into_iter();
        let mut cost = || costs.next().unwrap_or_default();
        batch
            .spans
            .into_iter()
            .for_each(|span| state.spans.push(Arc::new(span), 1, cost()));
        batch
            .logs
            .into_iter()
            .for_each(|log| state.logs.push(Arc::new(log), 1, cost()));
        for metric in batch.metrics {
            let points = metric.points.len();
            state.metrics.push(Arc::new(metric), points, cost());
        }
        state.close(number, outcome, accepted);
        self.changed(state);
    }

    /// Says how request `number` ended when nothing of it was taken.
    pub(crate) fn refuse(&self, number: u64, refused: Option<(Signal, usize)>, outcome: Outcome) {
        let mut state = self.lock();
        if let Some((signal, items)) = refused {
            state.totals[signal as usize].received.rejected += items as u64;
        }
        state.close(number, outcome, 0);
        self.changed(state);
    }

    /// Changes with everything that a condition could see.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Blocks until the version is no longer `seen`, at most for `patience`; says whether it changed.
    pub(crate) fn wait_changed(&self, seen: u64, patience: Duration) -> bool {
        let unchanged = |state: &mut State| state.version == seen;
        let arrived = &self.shared.arrived;
        let waited = arrived.wait_timeout_while(self.lock(), patience, unchanged);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn changed(&self, mut state: MutexGuard<'_, State>) {
        state.version += 1;
        let version = state.version;
        drop(state);
        self.shared.arrived.notify_all();
        // Two threads may come here in the wrong order: only the change matters to those who wait.
        self.shared.version.send_replace(version);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of users runs under this lock, and the state is whole after each statement.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, number: u64, outcome: Outcome, accepted: usize) {
        // The entry is gone when the bound of the list was hit while the request was under way.
        let index = number
            .checked_sub(self.first_request)
            .and_then(|i| usize::try_from(i).ok());
        if let Some(info) = index.and_then(|index| self.requests.get_mut(index)) {
            info.outcome = outcome;
            info.accepted = accepted;
        }
    }
}

impl Totals {
    fn count(&mut self, identity: &Identity, limit: usize) {
        self.received.items += 1;
        match self.seen.get(&identity.key) {
            Some(payload) => {
                self.received.duplicates += 1;
                self.received.conflicts += u64::from(*payload != identity.payload);
            }
            None => {
                self.received.unique += 1;
                if self.seen.len() < limit {
                    self.seen.insert(identity.key, identity.payload);
                } else {
                    self.received.inexact = true;
                }
            }
        }
    }
}
