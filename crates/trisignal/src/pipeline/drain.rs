//! Flush and shutdown: everything that was produced before goes out, as far as the deadline allows.

use std::sync::Arc;
use std::time::Duration;

use super::signal::Signal;
use super::{Phase, Shared};
use crate::report::Accounts;

/// Has the SDK hand over what it still has. It runs code of the user and may hang.
pub(crate) type Collect = Box<dyn FnOnce() + Send>;

/// A flush or a shutdown that is about to run, on the runtime of the sender.
pub(crate) struct Drain {
    shared: Arc<Shared>,
    collect: Collect,
}

/// How it ended.
#[derive(Clone, Debug)]
pub(crate) struct Drained {
    /// The accounts at the end.
    pub(crate) accounts: Accounts,
    /// Whether all that was produced before the drain began has left the pipeline.
    pub(crate) complete: bool,
}

impl Drain {
    pub(super) fn new(shared: Arc<Shared>, collect: Collect) -> Self {
        Self { shared, collect }
    }

    /// Waits until what was produced so far is delivered or dropped, at most until the deadline.
    pub(crate) async fn flush(self, deadline: Duration) -> Drained {
        let Self { shared, collect } = self;
        let work = async {
            tokio::join!(run(&shared, collect, deadline), encode_queued(&shared));
            let mark = shared.outbox.mark();
            shared.kick.send_modify(|kick| *kick = kick.wrapping_add(1));
            settled(&shared, mark).await;
        };
        let complete = tokio::time::timeout(deadline, work).await.is_ok();
        Drained {
            accounts: shared.accounts(),
            complete,
        }
    }

    /// Refuses new items, delivers what it can until the deadline, ends the pipeline and drops the rest.
    pub(crate) async fn shutdown(self, deadline: Duration) -> Drained {
        let Self { shared, collect } = self;
        let work = async {
            tokio::join!(run(&shared, collect, deadline), encode_queued(&shared));
            shared.queues.close();
            encode_queued(&shared).await;
            let mark = shared.outbox.mark();
            shared.phase.send_replace(Phase::Draining);
            settled(&shared, mark).await;
        };
        // Whether it came to its end is in the accounts.
        let _ = tokio::time::timeout(deadline, work).await;
        shared.queues.close();
        shared.queues.stop();
        let lost: u64 = Signal::ALL
            .into_iter()
            .map(|signal| shared.ledger.close(signal))
            .sum();
        shared.phase.send_replace(Phase::Ended);
        Drained {
            accounts: shared.accounts(),
            complete: lost == 0,
        }
    }
}

/// Collects on a thread of its own. It gets half of the time at most: the other signals must not lose theirs to a
/// callback of the user that hangs.
async fn run(shared: &Shared, collect: Collect, deadline: Duration) {
    let work = async {
        // One at a time, however many flushes are given up while it runs: each would cost the host a thread.
        let turn = Arc::clone(&shared.collecting).lock_owned().await;
        let collect = move || {
            let _turn = turn;
            collect();
        };
        let _ = tokio::task::spawn_blocking(collect).await;
    };
    let _ = tokio::time::timeout(deadline / 2, work).await;
}

/// Has the encoder work off its queues; asked again when it panics meanwhile.
async fn encode_queued(shared: &Shared) {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        if shared.queues.flush().await.is_ok() {
            return;
        }
    }
}

async fn settled(shared: &Shared, mark: u64) {
    let mut changes = shared.outbox.changes();
    while !shared.outbox.is_settled(mark) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}
