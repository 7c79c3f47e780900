//! One pipeline for three signals: bounded queues, one encoder, an outbox, one sender, and the ledger over all.
//!
//! The signals differ only up to the bytes. Everything behind the encoder (limits, retries, TLS, counting) exists
//! once. See `ARCHITECTURE.md` for the way of the data.

pub(crate) mod batch;
mod bisect;
pub(crate) mod chunks;
mod drain;
pub(crate) mod encode;
pub(crate) mod ledger;
mod outbox;
pub(crate) mod pieces;
pub(crate) mod processors;
mod queue;
mod redaction;
pub(crate) mod retry;
mod sender;
pub(crate) mod signal;
mod size;
mod split;
mod stdout;
mod worker;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use self::batch::BATCH_BYTES;
use self::chunks::Chunks;
pub(crate) use self::drain::{Collect, Drain, Drained};
use self::encode::{LogEncoder, SpanEncoder};
use self::ledger::Ledger;
use self::outbox::Outbox;
use self::queue::Queue;
use self::sender::{Lane, Sender};
use self::signal::{Destination, Signal};
use self::worker::Queues;
use crate::config::{Config, RetryConfig};
use crate::console::ConsoleWriter;
use crate::diagnostics::Diagnostics;
use crate::error::Error;
use crate::limits::Limits;
use crate::metrics::selfmetrics::Durations;
use crate::otlp::request::ResourceHead;
use crate::report::{Accounts, DestinationAccount};

/// What all parts of a pipeline share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) queues: Queues,
    pub(crate) outbox: Outbox,
    pub(crate) diagnostics: Diagnostics,
    /// Where how long things take is recorded; absent where nobody wants to know.
    pub(crate) durations: OnceLock<Durations>,
    /// With their names, fit for people.
    destinations: Vec<(Destination, String)>,
    /// What is kept of an item.
    pub(crate) limits: Limits,
    retry: RetryConfig,
    max_age: Duration,
    /// How the lanes of the sender are to behave.
    phase: watch::Sender<Phase>,
    /// Changes when somebody wants waiting lanes to try at once.
    kick: watch::Sender<u64>,
    /// Held while a flush has the SDK collect.
    collecting: Arc<tokio::sync::Mutex<()>>,
}

/// The life of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Deliver, and wait for as long as it takes.
    Running,
    /// Deliver what is there; a backend that can't be reached is not waited for.
    Draining,
    /// Stop at once.
    Ended,
}

/// A running pipeline: its two threads and what they share.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    sender: Sender,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("ledger", &self.shared.ledger)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// How the pipeline's life goes on.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

impl Pipeline {
    /// Starts the encoder and the sender.
    ///
    /// # Errors
    ///
    /// When a TLS file can't be used or a thread can't be started; no thread is left behind then.
    pub(crate) fn start(config: &Config, console: &ConsoleWriter) -> Result<Self, Error> {
        let spans = SpanEncoder::new(&config.resource);
        let logs = LogEncoder::new(&config.resource, config.limits.logs);
        let resource = ResourceHead::new(&config.resource);
        let lanes = Lane::for_config(config, console)?;
        let named = lanes
            .iter()
            .map(|lane| (lane.destination(), lane.name().to_owned()));
        let named: Vec<_> = named.collect();
        let mut destinations = [0; 3];
        for (destination, _) in &named {
            destinations[destination.signal.index()] += 1;
        }
        let ledger = Arc::new(Ledger::new(destinations));
        let bell = Arc::default();
        let chunks = Chunks::new(
            [config.span_batch, config.log_batch],
            Arc::clone(&ledger),
            Arc::clone(&bell),
        );
        let queues = Queues::new(
            Queue::new(config.span_batch, BATCH_BYTES),
            Queue::new(config.log_batch, BATCH_BYTES),
            chunks,
            bell,
        );
        let shared = Arc::new(Shared {
            ledger,
            queues,
            outbox: Outbox::new(config.outbox.as_usize(), destinations),
            diagnostics: Diagnostics::default(),
            durations: OnceLock::new(),
            destinations: named,
            limits: config.limits,
            retry: config.retry,
            max_age: config.max_age,
            phase: watch::Sender::new(Phase::Running),
            kick: watch::Sender::new(0),
            collecting: Arc::default(),
        });
        let sender = Sender::spawn(Arc::clone(&shared), lanes)?;
        if let Err(error) = worker::spawn(Arc::clone(&shared), spans, logs, resource) {
            shared.phase.send_replace(Phase::Ended);
            return Err(error);
        }
        Ok(Self { shared, sender })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The runtime of the sender, for what must not depend on the runtime of the host.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.sender.runtime()
    }

    /// Prepares a flush or a shutdown, to be run to its end in the background.
    pub(crate) fn drain(&self, collect: Collect) -> Drain {
        Drain::new(Arc::clone(&self.shared), collect)
    }

    pub(crate) fn accounts(&self) -> Accounts {
        self.shared.accounts()
    }
}

impl Shared {
    /// The accounts as they stand.
    pub(crate) fn accounts(&self) -> Accounts {
        let named = self.destinations.iter();
        let destinations = named.map(|(destination, name)| DestinationAccount {
            signal: destination.signal,
            name: name.clone(),
            account: self.ledger.account_at(*destination),
        });
        Accounts {
            signals: Signal::ALL.map(|signal| self.ledger.account(signal)),
            destinations: destinations.collect(),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Telemetry has shut down in an orderly way by now, or could not; its threads must not outlive it.
        self.shared.queues.close();
        self.shared.queues.stop();
        self.shared.phase.send_replace(Phase::Ended);
    }
}
