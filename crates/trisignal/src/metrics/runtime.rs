//! Metrics of tokio runtimes, what `RuntimeMetrics` tells without `tokio_unstable`; and of the allocator.
//!
//! There are no semantic conventions for them yet. The names follow the rules for names, with a namespace that others
//! use as well.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use tokio::runtime::{Handle, RuntimeMetrics};

/// The attribute that tells runtimes apart.
const NAME: &str = "tokio.runtime.name";

/// Registers the instruments of one runtime. It may end before the meter does.
pub(crate) fn register(meter: &Meter, name: &str, runtime: &Handle) {
    let runtime = Runtime {
        meter,
        metrics: runtime.metrics(),
        attributes: [KeyValue::new(NAME, name.to_owned())],
    };
    runtime.amount(
        "tokio.runtime.worker.count",
        "{worker}",
        "Worker threads of the runtime.",
        RuntimeMetrics::num_workers,
    );
    runtime.amount(
        "tokio.runtime.task.count",
        "{task}",
        "Tasks that were spawned and have not ended.",
        RuntimeMetrics::num_alive_tasks,
    );
    runtime.amount(
        "tokio.runtime.global_queue.size",
        "{task}",
        "Tasks that are ready and wait in the queue for any worker. Where it grows, the workers are too busy.",
        RuntimeMetrics::global_queue_depth,
    );
    #[cfg(target_has_atomic = "64")]
    runtime.workers();
}

/// Registers what the allocator says about itself.
pub(crate) fn register_allocator(
    meter: &Meter,
    allocated: impl Fn() -> u64 + Send + Sync + 'static,
) {
    meter
        .i64_observable_up_down_counter("rust.memory.allocated")
        .with_unit("By")
        .with_description("Memory that the program has allocated and not freed, by its allocator.")
        .with_callback(move |amount| {
            amount.observe(i64::try_from(allocated()).unwrap_or(i64::MAX), &[]);
        })
        .build();
}

/// One runtime, while its instruments are made.
struct Runtime<'a> {
    meter: &'a Meter,
    metrics: RuntimeMetrics,
    attributes: [KeyValue; 1],
}

impl Runtime<'_> {
    fn amount(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        value: fn(&RuntimeMetrics) -> usize,
    ) {
        let (metrics, attributes) = (self.metrics.clone(), self.attributes.clone());
        self.meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |amount| {
                let value = i64::try_from(value(&metrics)).unwrap_or(i64::MAX);
                amount.observe(value, &attributes);
            })
            .build();
    }

    /// Sums over all workers: a machine with 128 of them has no 128 series.
    #[cfg(target_has_atomic = "64")]
    fn workers(&self) {
        let (metrics, attributes) = (self.metrics.clone(), self.attributes.clone());
        self.meter
            .f64_observable_counter("tokio.runtime.worker.busy_time")
            .with_unit("s")
            .with_description(
                "The time that all workers together were busy with tasks. Its rate divided by the number of workers is \
                 the load.",
            )
            .with_callback(move |time| {
                let workers = 0..metrics.num_workers();
                let busy = workers.map(|worker| metrics.worker_total_busy_duration(worker).as_secs_f64());
                time.observe(busy.sum(), &attributes);
            })
            .build();
        let (metrics, attributes) = (self.metrics.clone(), self.attributes.clone());
        self.meter
            .u64_observable_counter("tokio.runtime.worker.parks")
            .with_unit("{park}")
            .with_description("How often a worker had nothing to do and went to sleep.")
            .with_callback(move |parks| {
                let workers = 0..metrics.num_workers();
                parks.observe(
                    workers
                        .map(|worker| metrics.worker_park_count(worker))
                        .sum(),
                    &attributes,
                );
            })
            .build();
    }
}
