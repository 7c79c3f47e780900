//! What is measured without being asked for: the process and its runtimes.

use std::collections::{BTreeMap, BTreeSet};

use trisignal::{Builder, ConsoleFormat, OwnMetrics, Telemetry};
use trisignal_receiver::{Metric, MetricKind, Receiver, Temporality};

use super::common::{PATIENCE, eventually, receiver};

/// Deaf and silent, with the default groups.
fn builder(receiver: &Receiver) -> Builder {
    trisignal::builder("checkout")
        .environment(BTreeMap::new())
        .console(ConsoleFormat::Off)
        .endpoint(receiver.http_endpoint())
}

fn flush(telemetry: &Telemetry) {
    assert!(telemetry.flush_blocking(PATIENCE).complete);
}

const UP_DOWN: MetricKind = MetricKind::Sum {
    monotonic: false,
    temporality: Temporality::Cumulative,
};
const COUNTER: MetricKind = MetricKind::Sum {
    monotonic: true,
    temporality: Temporality::Cumulative,
};

/// Names, units, kinds and attributes are those of the semantic conventions.
#[cfg(target_os = "linux")]
#[test]
fn the_process_is_measured_by_convention() {
    use opentelemetry_semantic_conventions::{attribute, metric};

    let modes: &[&str] = &["user", "system"];
    let expected: &[(&str, &str, MetricKind, &str, &[&str])] = &[
        (
            metric::PROCESS_CPU_TIME,
            "s",
            COUNTER,
            attribute::CPU_MODE,
            modes,
        ),
        (
            metric::PROCESS_CPU_UTILIZATION,
            "1",
            MetricKind::Gauge,
            attribute::CPU_MODE,
            modes,
        ),
        (metric::PROCESS_MEMORY_USAGE, "By", UP_DOWN, "", &[]),
        (metric::PROCESS_MEMORY_VIRTUAL, "By", UP_DOWN, "", &[]),
        (metric::PROCESS_THREAD_COUNT, "{thread}", UP_DOWN, "", &[]),
        (
            metric::PROCESS_UNIX_FILE_DESCRIPTOR_COUNT,
            "{file_descriptor}",
            UP_DOWN,
            "",
            &[],
        ),
        (metric::PROCESS_UPTIME, "s", MetricKind::Gauge, "", &[]),
        (
            metric::PROCESS_CONTEXT_SWITCHES,
            "{context_switch}",
            COUNTER,
            attribute::PROCESS_CONTEXT_SWITCH_TYPE,
            &["voluntary", "involuntary"],
        ),
        (
            metric::PROCESS_PAGING_FAULTS,
            "{fault}",
            COUNTER,
            attribute::SYSTEM_PAGING_FAULT_TYPE,
            &["minor", "major"],
        ),
    ];
    let receiver = receiver();
    let telemetry = builder(&receiver).build().unwrap();
    // Utilization needs a second to be told.
    eventually("process.cpu.utilization", || {
        flush(&telemetry);
        !receiver
            .metrics()
            .name(metric::PROCESS_CPU_UTILIZATION)
            .is_empty()
    });
    for (name, unit, kind, attribute, values) in expected {
        let metric = receiver.metrics().name(name).last().unwrap();
        assert_eq!(
            (metric.unit.as_str(), metric.kind),
            (*unit, *kind),
            "{name}"
        );
        assert_eq!(metric.scope.name, "trisignal");
        let series: Vec<_> = metric
            .points
            .iter()
            .map(|point| point.attributes.len())
            .collect();
        if values.is_empty() {
            assert_eq!(series, [0], "{name}");
        }
        for value in *values {
            let point = metric.point(attribute, *value);
            assert!(
                point.is_some_and(|point| point.as_f64() >= Some(0.0)),
                "{name}: {value}"
            );
            assert_eq!(series, [1, 1], "{name}");
        }
    }
    let value = |name| {
        receiver
            .metrics()
            .name(name)
            .point()
            .unwrap()
            .as_f64()
            .unwrap()
    };
    assert!(
        value(metric::PROCESS_MEMORY_USAGE) > 1e6,
        "a test runner has more than a megabyte"
    );
    assert!(
        value(metric::PROCESS_THREAD_COUNT) >= 3.0,
        "the pipeline alone has two"
    );
    assert!(value(metric::PROCESS_UPTIME) < 86_400.0);
    assert!(value(metric::PROCESS_UNIX_FILE_DESCRIPTOR_COUNT) >= 3.0);
}

/// The workers and the load of the runtime in which telemetry was set up, and of one that it was shown.
#[test]
fn runtimes_are_measured() {
    let receiver = receiver();
    let runtime = |workers| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .build()
            .unwrap()
    };
    let (main, jobs) = (runtime(3), runtime(2));
    let telemetry = main.block_on(async { builder(&receiver).build().unwrap() });
    telemetry.observe_runtime("jobs", jobs.handle());
    let _waiting = (0..7)
        .map(|_| jobs.spawn(std::future::pending::<()>()))
        .collect::<Vec<_>>();
    flush(&telemetry);
    let metric = |name: &str| receiver.metrics().name(name).last().unwrap();
    let value = |metric: &Metric, runtime: &str| {
        metric
            .point("tokio.runtime.name", runtime)
            .and_then(|point| point.as_f64())
    };
    let workers = metric("tokio.runtime.worker.count");
    assert_eq!((workers.unit.as_str(), workers.kind), ("{worker}", UP_DOWN));
    assert_eq!(
        (value(&workers, "main"), value(&workers, "jobs")),
        (Some(3.0), Some(2.0))
    );
    let tasks = metric("tokio.runtime.task.count");
    assert_eq!((tasks.unit.as_str(), tasks.kind), ("{task}", UP_DOWN));
    assert_eq!(
        (value(&tasks, "main"), value(&tasks, "jobs")),
        (Some(0.0), Some(7.0))
    );
    assert!(value(&metric("tokio.runtime.global_queue.size"), "main").is_some());
    for (name, unit) in [
        ("tokio.runtime.worker.busy_time", "s"),
        ("tokio.runtime.worker.parks", "{park}"),
    ] {
        let counter = metric(name);
        assert_eq!(
            (counter.unit.as_str(), counter.kind),
            (unit, COUNTER),
            "{name}"
        );
        assert!(value(&counter, "jobs") >= Some(0.0), "{name}");
    }

    // A runtime that is gone does no harm.
    drop(jobs);
    flush(&telemetry);
    assert_eq!(
        value(&metric("tokio.runtime.task.count"), "jobs"),
        Some(0.0)
    );
    assert_eq!(telemetry.health().callback_panics, 0);
}

#[test]
fn what_is_not_wanted_is_not_measured() {
    for (wanted, prefixes) in [
        (&[][..], &[][..]),
        (&[OwnMetrics::Process], &["process"]),
        (&[OwnMetrics::Runtime], &["tokio"]),
        (&[OwnMetrics::Pipeline], &["otel"]),
        (&OwnMetrics::ALL, &["otel", "process", "tokio"]),
    ] {
        let receiver = receiver();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let builder = builder(&receiver).own_metrics(wanted.iter().copied());
        let telemetry = runtime.block_on(async { builder.build().unwrap() });
        telemetry.observe_runtime("once more", runtime.handle());
        assert!(telemetry.shutdown_blocking(PATIENCE).complete);
        let names = receiver.metrics().names();
        let found: BTreeSet<_> = names
            .iter()
            .filter_map(|name| name.split('.').next())
            .collect();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            prefixes,
            "{wanted:?}"
        );
    }
}

#[test]
fn an_allocator_is_measured_when_it_is_asked_for() {
    let receiver = receiver();
    let telemetry = builder(&receiver).own_metrics([]).build().unwrap();
    telemetry.observe_allocator(|| 4_711);
    flush(&telemetry);
    let metric = receiver
        .metrics()
        .name("rust.memory.allocated")
        .one()
        .unwrap();
    assert_eq!((metric.unit.as_str(), metric.kind), ("By", UP_DOWN));
    assert_eq!(metric.points[0].as_i64(), Some(4_711));
}
