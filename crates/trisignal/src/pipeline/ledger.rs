//! The account of every item: `produced = delivered + held + dropped{reason}`, exact at any time.
//!
//! Each move of items is one step under the lock of its signal, so a reading never sees an item in two places
//! or in none. Items enter by [`Ledger::produced`], or by the [`Tally`] of a thread, and leave by [`Ledger::delivered`]
//! or [`Ledger::dropped`]; between the two they are held by the pipeline, in a buffer of a thread, in a queue, in the
//! encoder, in the outbox or on the wire.
//!
//! A signal with several destinations has an account for each: an item enters all of them, what is lost before the
//! outbox is lost to all of them, and each destination settles its own. So every account balances by itself.

mod account;
mod tally;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::account::{DropReason, Dropped, SignalAccount};
pub(crate) use self::tally::Tally;

use self::tally::Enrolled;
use super::signal::{Destination, Signal};
use crate::metrics::selfmetrics::SpanCounts;

/// Where the items of a signal are: before the outbox, which is the same for all destinations, and behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    /// Items handed to the outbox.
    pub(crate) submitted: u64,
    /// Items that wait for that.
    pub(crate) waiting: u64,
    /// Items lost before that.
    pub(crate) dropped: Dropped,
    /// By the index of the destination.
    pub(crate) exports: Vec<ExportStage>,
}

/// What became of the items that one destination was to get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportStage {
    pub(crate) delivered: u64,
    pub(crate) inflight: u64,
    pub(crate) dropped: Dropped,
}

/// The accounts of all destinations, shared by all parts of one pipeline.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// By the signal's index. One lock for all destinations of a signal, so that an item enters them in one step.
    accounts: [Mutex<Accounts>; 3],
    /// Always locked after an account.
    tallies: Mutex<Vec<Enrolled>>,
    /// Spans that begin and end.
    pub(crate) spans: SpanCounts,
    callback_panics: AtomicU64,
    encoder_restarts: AtomicU64,
}

/// The accounts of one signal.
#[derive(Debug, Default)]
struct Accounts {
    /// Also there when the signal goes nowhere.
    first: SignalAccount,
    others: Vec<SignalAccount>,
    /// Handed to the outbox.
    submitted: u64,
    /// Lost before that.
    dropped: Dropped,
}

impl Accounts {
    fn all(&mut self) -> impl Iterator<Item = &mut SignalAccount> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    fn take_in(&mut self, items: u64) {
        for account in self.all() {
            account.produced += items;
            account.held += items;
        }
    }

    fn of(&mut self, destination: Destination) -> &mut SignalAccount {
        match destination.index.checked_sub(1) {
            // Destinations are made with the ledger, so each has its account.
            Some(other) => &mut self.others[other],
            None => &mut self.first,
        }
    }

    /// Items that are before the outbox.
    fn waiting(&self) -> u64 {
        self.first.produced - self.submitted - self.dropped.total()
    }

    fn drop_waiting(&mut self, reason: DropReason, items: u64) {
        self.dropped.add(reason, items.min(self.waiting()));
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new([1; 3])
    }
}

impl Ledger {
    /// A ledger for so many destinations of each signal.
    pub(crate) fn new(destinations: [usize; 3]) -> Self {
        let accounts = destinations.map(|count| {
            let others = vec![SignalAccount::default(); count.saturating_sub(1)];
            Mutex::new(Accounts {
                others,
                ..Accounts::default()
            })
        });
        Self {
            accounts,
            tallies: Mutex::default(),
            spans: SpanCounts::default(),
            callback_panics: AtomicU64::new(0),
            encoder_restarts: AtomicU64::new(0),
        }
    }

    /// Takes `items` into the pipeline.
    pub(crate) fn produced(&self, signal: Signal, items: u64) {
        self.lock(signal).take_in(items);
    }

    /// Takes what `tally` counts into the pipeline, from now on.
    pub(crate) fn enrol(&self, tally: Arc<Tally>) {
        self.tallies().push(Enrolled::new(tally));
    }

    /// Forgets a tally that counts no more, and keeps what it has counted.
    pub(crate) fn retire(&self, tally: &Arc<Tally>) {
        for signal in Signal::ALL {
            drop(self.lock(signal));
        }
        self.tallies()
            .retain(|other| !Arc::ptr_eq(&other.tally, tally));
    }

    /// Moves `items` from held to dropped, for all destinations: before the outbox.
    pub(crate) fn dropped(&self, signal: Signal, reason: DropReason, items: u64) {
        let mut accounts = self.lock(signal);
        accounts.drop_waiting(reason, items);
        for account in accounts.all() {
            account.drop_held(reason, items);
        }
    }

    /// Notes that `items` go to the outbox. They stay held.
    pub(crate) fn submitted(&self, signal: Signal, items: u64) {
        let mut accounts = self.lock(signal);
        accounts.submitted += items.min(accounts.waiting());
    }

    /// Moves `items` of one destination from held to delivered.
    pub(crate) fn delivered(&self, destination: Destination, items: u64) {
        let mut accounts = self.lock(destination.signal);
        let account = accounts.of(destination);
        let items = items.min(account.held);
        account.held -= items;
        account.delivered += items;
    }

    /// Moves `items` of one destination from held to dropped.
    pub(crate) fn dropped_at(&self, destination: Destination, reason: DropReason, items: u64) {
        self.lock(destination.signal)
            .of(destination)
            .drop_held(reason, items);
    }

    /// Drops all that is held, and answers how much that was: the last entry of a pipeline that ends.
    pub(crate) fn close(&self, signal: Signal) -> u64 {
        let mut lost = 0;
        let mut accounts = self.lock(signal);
        accounts.drop_waiting(DropReason::Shutdown, u64::MAX);
        for account in accounts.all() {
            lost += account.held;
            account.drop_held(DropReason::Shutdown, account.held);
        }
        lost
    }

    /// The account of the first destination of `signal` as it stands.
    pub(crate) fn account(&self, signal: Signal) -> SignalAccount {
        self.lock(signal).first
    }

    /// The account of `destination` as it stands.
    pub(crate) fn account_at(&self, destination: Destination) -> SignalAccount {
        *self.lock(destination.signal).of(destination)
    }

    /// Where the items of `signal` are, in one reading.
    pub(crate) fn stages(&self, signal: Signal) -> Stages {
        let mut accounts = self.lock(signal);
        let (submitted, dropped) = (accounts.submitted, accounts.dropped);
        let waiting = accounts.waiting();
        let exports = accounts.all().map(|account| ExportStage {
            delivered: account.delivered,
            inflight: account.held.saturating_sub(waiting),
            dropped: account.dropped.without(&dropped),
        });
        Stages {
            exports: exports.collect(),
            submitted,
            waiting,
            dropped,
        }
    }

    /// A callback of the user (sampler, processor, observable instrument) panicked and was contained.
    pub(crate) fn count_callback_panic(&self) {
        self.callback_panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn callback_panics(&self) -> u64 {
        self.callback_panics.load(Ordering::Relaxed)
    }

    /// The encoder thread died and was started again.
    pub(crate) fn count_encoder_restart(&self) {
        self.encoder_restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn encoder_restarts(&self) -> u64 {
        self.encoder_restarts.load(Ordering::Relaxed)
    }

    /// The accounts of `signal`, with all that threads have counted.
    fn lock(&self, signal: Signal) -> MutexGuard<'_, Accounts> {
        // Nothing panics under this lock, and the counts are valid after every statement.
        let mut accounts = self.accounts[signal.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut tallies = self.tallies();
        let counted = tallies.iter_mut().map(|tally| tally.take(signal)).sum();
        drop(tallies);
        accounts.take_in(counted);
        accounts
    }

    fn tallies(&self) -> MutexGuard<'_, Vec<Enrolled>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_keeps_the_balance() {
        let ledger = Ledger::default();
        ledger.produced(Signal::Traces, 10);
        ledger.delivered(Destination::first(Signal::Traces), 4);
        ledger.dropped(Signal::Traces, DropReason::Rejected, 1);
        let account = ledger.account(Signal::Traces);
        assert!(account.balances());
        assert_eq!(
            (account.held, account.delivered, account.dropped.total()),
            (5, 4, 1)
        );
        assert_eq!(
            account.to_string(),
            "10 produced, 4 delivered, 5 held, 1 dropped (rejected 1)"
        );
        assert_eq!(ledger.close(Signal::Traces), 5);
        let account = ledger.account(Signal::Traces);
        assert!(account.balances() && !account.is_complete());
        assert_eq!(account.dropped.get(DropReason::Shutdown), 5);
        assert_eq!(ledger.account(Signal::Logs), SignalAccount::default());
    }

    #[test]
    fn each_destination_has_an_account_of_its_own() {
        let ledger = Ledger::new([2, 1, 0]);
        let [first, second] = [0, 1].map(|index| Destination {
            signal: Signal::Traces,
            index,
        });
        ledger.produced(Signal::Traces, 10);
        ledger.dropped(Signal::Traces, DropReason::QueueFull, 1);
        ledger.delivered(first, 9);
        ledger.dropped_at(second, DropReason::Rejected, 4);
        let account = ledger.account(Signal::Traces);
        assert_eq!(
            account.to_string(),
            "10 produced, 9 delivered, 0 held, 1 dropped (queue_full 1)"
        );
        let account = ledger.account_at(second);
        assert!(account.balances());
        assert_eq!(
            account.to_string(),
            "10 produced, 0 delivered, 5 held, 5 dropped (queue_full 1, rejected 4)"
        );
        assert_eq!(ledger.close(Signal::Traces), 5);
        assert!(ledger.account_at(first).balances() && ledger.account_at(second).balances());
    }

    #[test]
    fn what_threads_count_is_produced_and_stays_when_they_end() {
        let ledger = Ledger::default();
        let tallies = [(); 2].map(|()| Arc::<Tally>::default());
        for tally in &tallies {
            ledger.enrol(Arc::clone(tally));
            tally.count(Signal::Logs);
            tally.count(Signal::Logs);
        }
        ledger.delivered(Destination::first(Signal::Logs), 3);
        for _ in 0..2 {
            let account = ledger.account(Signal::Logs);
            assert!(account.balances(), "{account}");
            assert_eq!((account.produced, account.held), (4, 1));
            ledger.retire(&tallies[0]);
        }
        assert_eq!(ledger.account(Signal::Traces), SignalAccount::default());
    }

    #[test]
    fn items_are_before_the_outbox_or_behind_it() {
        let ledger = Ledger::new([2, 1, 0]);
        let [first, second] = [0, 1].map(|index| Destination {
            signal: Signal::Traces,
            index,
        });
        ledger.produced(Signal::Traces, 20);
        ledger.dropped(Signal::Traces, DropReason::QueueFull, 3);
        ledger.submitted(Signal::Traces, 10);
        ledger.delivered(first, 4);
        ledger.dropped_at(first, DropReason::QueueFull, 1);
        ledger.dropped_at(second, DropReason::Expired, 10);
        let check = || {
            let stages = ledger.stages(Signal::Traces);
            let produced = ledger.account(Signal::Traces).produced;
            assert_eq!(
                stages.submitted + stages.waiting + stages.dropped.total(),
                produced
            );
            for export in &stages.exports {
                let exported = export.delivered + export.dropped.total();
                assert_eq!(exported + export.inflight, stages.submitted);
            }
            stages
        };
        let stages = check();
        assert_eq!((stages.submitted, stages.waiting), (10, 7));
        assert_eq!(stages.dropped.get(DropReason::QueueFull), 3);
        let exports = stages
            .exports
            .iter()
            .map(|export| (export.delivered, export.inflight));
        assert_eq!(exports.collect::<Vec<_>>(), [(4, 5), (0, 0)]);
        assert_eq!(stages.exports[0].dropped.get(DropReason::QueueFull), 1);

        ledger.close(Signal::Traces);
        // What an encoder brings after the end is counted already.
        ledger.submitted(Signal::Traces, 5);
        let stages = check();
        assert_eq!(stages.dropped.get(DropReason::Shutdown), 7);
        assert_eq!(stages.exports[0].dropped.get(DropReason::Shutdown), 5);
        ledger.produced(Signal::Traces, 1);
        ledger.dropped(Signal::Traces, DropReason::Shutdown, 1);
        assert_eq!(check().dropped.get(DropReason::Shutdown), 8);
    }
}
