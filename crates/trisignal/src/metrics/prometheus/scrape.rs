//! Collects when a page is asked for, on a thread of its own: callbacks of observable instruments are code of the user,
//! and may take their time.

use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};
use tokio::sync::oneshot;

use super::accept::Format;
use super::write::{self, Page};
use crate::metrics::cardinality::OverflowWatch;
use crate::metrics::exemplar::Store;

/// A collection that takes longer is stuck, as far as others are concerned that ask meanwhile.
const STUCK: Duration = Duration::from_secs(10);
/// Metrics that are named because something of them is not on the page, at most.
const MOST_NAMES: usize = 1_000;

/// The reader that the SDK has, shared with who asks for pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct PullReader(Arc<ManualReader>);

impl MetricReader for PullReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    /// Prometheus knows only sums since the start.
    fn temporality(&self, _: InstrumentKind) -> Temporality {
        Temporality::Cumulative
    }
}

/// Makes pages of metrics.
#[derive(Clone)]
pub(crate) struct Scraper {
    shared: Arc<Shared>,
}

struct Shared {
    reader: PullReader,
    exemplars: Arc<Store>,
    overflows: Arc<OverflowWatch>,
    /// Called after each collection, on its thread.
    on_collected: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// One page after the other: the SDK collects one at a time as well.
    turn: Arc<tokio::sync::Mutex<Buffers>>,
}

#[derive(Default)]
struct State {
    /// Since when a collection is under way.
    begun: Option<Instant>,
    /// Metrics that were named as left out.
    named: HashSet<String>,
}

/// What is used again from page to page.
#[derive(Default)]
struct Buffers {
    collected: ResourceMetrics,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// Another collection does not end.
    Stuck,
    /// Telemetry has ended, or the system gives no thread.
    Unavailable,
}

impl Scraper {
    pub(crate) fn new(
        reader: PullReader,
        exemplars: Arc<Store>,
        overflows: Arc<OverflowWatch>,
        on_collected: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                reader,
                exemplars,
                overflows,
                on_collected: Box::new(on_collected),
                state: Mutex::default(),
                turn: Arc::default(),
            }),
        }
    }

    /// A page of what has been measured up to now.
    pub(super) async fn page(&self, format: Format) -> Result<String, NoPage> {
        if self.shared.is_stuck() {
            return Err(NoPage::Stuck);
        }
        let mut buffers = Arc::clone(&self.shared.turn).lock_owned().await;
        let shared = Arc::clone(&self.shared);
        let (done, page) = oneshot::channel();
        let work = move || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            let page = shared.collect(&mut buffers, format);
            // In this order, so that whoever has the page may ask for the next one.
            drop(buffers);
            let _ = done.send(page);
        };
        std::thread::Builder::new()
            .name("trisignal-scrape".to_owned())
            .spawn(work)
            .map_err(|_| NoPage::Unavailable)?;
        page.await.unwrap_or(Err(NoPage::Unavailable))
    }
}

impl Shared {
    fn is_stuck(&self) -> bool {
        let begun = self.state().begun;
        begun.is_some_and(|begun| begun.elapsed() > STUCK)
    }

    fn collect(&self, buffers: &mut Buffers, format: Format) -> Result<String, NoPage> {
        self.state().begun = Some(Instant::now());
        // Callbacks are guarded one by one; this is for everything else.
        let page = catch_unwind(AssertUnwindSafe(|| {
            self.reader.collect(&mut buffers.collected).ok()?;
            (self.on_collected)();
            let page = write::page(&buffers.collected, &self.exemplars, format);
            self.exemplars.collected();
            self.overflows.look(&buffers.collected);
            Some(page)
        }));
        self.state().begun = None;
        let Ok(Some(Page { text, left_out })) = page else {
            return Err(NoPage::Unavailable);
        };
        self.name(left_out);
        Ok(text)
    }

    /// Says once for each metric that something of it is not on the page.
    fn name(&self, left_out: Vec<String>) {
        for metric in left_out {
            let mut state = self.state();
            if state.named.len() < MOST_NAMES && state.named.insert(metric.clone()) {
                drop(state);
                tracing::warn!(
                    target: "trisignal",
                    metric,
                    "a metric is not on the page for Prometheus, or not all of it: its name and labels are taken, or its value is none for a counter"
                );
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scraper")
    }
}
