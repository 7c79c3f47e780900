//! Invariant H: what telemetry costs a process in threads and descriptors.

use std::time::{Duration, Instant};

use trisignal::Protocol;
use trisignal_receiver::Signal;

use super::common::{PATIENCE, await_unique, brisk, builder_to, eventually, logs, receiver, spans};
use super::isolated::{Process, told};

/// Encoder, sender and the reader of metrics.
const THREADS: usize = 3;
/// A flush waits for the reader and for processors of the user on a thread more; the one of the flush before may
/// be about to end.
const FLUSHING: usize = 2;
const DESCRIPTORS: usize = 16;

/// Threads and descriptors of this process now.
fn usage() -> (usize, usize) {
    let count = |directory| std::fs::read_dir(directory).unwrap().count();
    // One descriptor is the directory that is being read.
    (count("/proc/self/task"), count("/proc/self/fd") - 1)
}

fn names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks
        .filter_map(|task| name(task.unwrap()))
        .map(|name| name.trim().to_owned())
        .collect()
}

/// The most that was used while `step` was repeated for half a second.
fn most_of(mut step: impl FnMut()) -> (usize, usize) {
    let begin = Instant::now();
    let mut most = (0, 0);
    while begin.elapsed() < Duration::from_millis(500) {
        step();
        let now = usage();
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    most
}

fn work(protocol: Protocol, endpoint: String) {
    let before = usage();
    let telemetry = builder_to(endpoint, protocol)
        .limits(brisk())
        .metric_interval(Duration::from_millis(50))
        .build()
        .unwrap();
    telemetry
        .meter("orders")
        .u64_counter("orders.placed")
        .build()
        .add(1, &[]);
    drop(telemetry.signal());
    let working = most_of(|| {
        spans(&telemetry, 10);
        logs(&telemetry, 10);
        std::thread::sleep(Duration::from_millis(5));
    });
    let flushing = most_of(|| {
        spans(&telemetry, 10);
        // Most of these are given up before the metrics are collected.
        let _ = telemetry.flush_blocking(Duration::from_millis(1));
    });
    let more =
        |(threads, descriptors): (usize, usize)| (threads - before.0, descriptors - before.1);
    let (working, flushing) = (more(working), more(flushing));
    println!("cost in threads and descriptors: {working:?} working, {flushing:?} flushing");
    assert!(working.0 <= THREADS, "{working:?}: {:?}", names());
    assert!(
        flushing.0 <= THREADS + FLUSHING,
        "{flushing:?}: {:?}",
        names()
    );
    assert!(
        working.1.max(flushing.1) <= DESCRIPTORS,
        "{working:?} {flushing:?}"
    );
    eventually("the thread of the flush ends", || {
        usage().0 - before.0 <= THREADS
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    drop(telemetry);
    // Signals of the process keep two descriptors for ever.
    eventually("the threads end", || {
        usage().0 == before.0 && usage().1 <= before.1 + 3
    });
}

#[test]
fn telemetry_costs_three_threads_and_sixteen_descriptors() {
    if let Some(told) = told() {
        let (protocol, endpoint) = told.split_once(' ').unwrap();
        let protocol = if protocol == "grpc" {
            Protocol::Grpc
        } else {
            Protocol::HttpProtobuf
        };
        return work(protocol, endpoint.to_owned());
    }
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        // In the parent: its threads and descriptors are not telemetry's.
        let receiver = receiver();
        let endpoint = match protocol {
            Protocol::Grpc => receiver.grpc_endpoint(),
            _ => receiver.http_endpoint(),
        };
        let test = "host::telemetry_costs_three_threads_and_sixteen_descriptors";
        let process = Process::start(test, &format!("{protocol} {endpoint}"));
        let output = process.finish();
        println!(
            "{protocol} {}",
            output
                .lines()
                .find(|line| line.contains("cost in"))
                .unwrap()
        );
        await_unique(&receiver, Signal::Traces, 10);
    }
}
