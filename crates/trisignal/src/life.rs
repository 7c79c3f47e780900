//! The end of telemetry: one shutdown, however many ask for it, and one report for all of them.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::pipeline::{Drained, Pipeline};
use crate::report::Report;
use crate::telemetry::Inner;

/// Called with the report of a shutdown.
pub(crate) type Waiter = Box<dyn FnOnce(Report) + Send>;

/// The life of telemetry.
#[derive(Default)]
pub(crate) enum Life {
    #[default]
    Running,
    /// A shutdown is under way; these want to know how it ends.
    Ending(Vec<Waiter>),
    Ended(Box<Report>),
}

impl Inner {
    /// Whether a shutdown is over.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(
            *self.life.lock().unwrap_or_else(PoisonError::into_inner),
            Life::Ended(_)
        )
    }

    /// Begins a shutdown, or waits for the one that is under way or over.
    pub(crate) fn start_shutdown(self: &Arc<Self>, deadline: Duration, waiter: Waiter) {
        let begin = Instant::now();
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *life {
            Life::Ended(report) => {
                let report = Report::clone(report);
                drop(life);
                return waiter(report);
            }
            Life::Ending(waiters) => return waiters.push(waiter),
            Life::Running => *life = Life::Ending(vec![waiter]),
        }
        drop(life);
        let ending = Ending {
            inner: Arc::clone(self),
            begin,
            report: None,
        };
        let Some(pipeline) = &self.pipeline else {
            return;
        };
        let drain = pipeline.drain(self.providers.finish());
        pipeline.runtime().spawn(async move {
            // The whole of it: a closure would capture the one field, and end the life too early.
            let mut ending = ending;
            let Drained { accounts, complete } = drain.shutdown(deadline).await;
            ending.report = Some(Report::new(accounts, complete, begin.elapsed()));
        });
    }

    /// The accounts as they stand; complete when nothing is held.
    pub(crate) fn snapshot(&self, elapsed: Duration) -> Report {
        let accounts = self
            .pipeline
            .as_ref()
            .map(Pipeline::accounts)
            .unwrap_or_default();
        let mut destinations = accounts.destinations.iter();
        let complete = destinations.all(|destination| destination.account.held == 0);
        Report::new(accounts, complete, elapsed)
    }
}

/// Ends the life of the telemetry when a shutdown is over, also when its task was dropped.
struct Ending {
    inner: Arc<Inner>,
    begin: Instant,
    report: Option<Report>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let report = self
            .report
            .take()
            .unwrap_or_else(|| self.inner.snapshot(self.begin.elapsed()));
        let mut life = self
            .inner
            .life
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *life, Life::Ended(Box::new(report.clone())));
        drop(life);
        if let Life::Ending(waiters) = before {
            for waiter in waiters {
                waiter(report.clone());
            }
        }
    }
}
