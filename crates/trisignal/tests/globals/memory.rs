//! What telemetry holds is bounded, measured as the system sees it: in a process of its own, where nobody else takes memory.
#![cfg(target_os = "linux")]

use std::time::Duration;

use tracing::{error, info_span, warn};
use trisignal::{Exporter, Protocol, Signal};

use super::common::{builder_to, shut_down};
use super::isolated::isolated;

/// Memory that this process has in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = line.unwrap().trim().trim_end_matches(" kB");
    value.parse().unwrap()
}

/// Row 31 of the faults: a span that is never entered, with 200,000 events, takes less than 2 MB more.
#[test]
fn a_span_with_endless_events_holds_few_of_them() {
    isolated(
        "memory::a_span_with_endless_events_holds_few_of_them",
        || {
            // Nobody is there, and nothing is sent while the span is open; the events alone, not their log records.
            let telemetry = builder_to("http://127.0.0.1:9".to_owned(), Protocol::HttpProtobuf)
                .exporters(Signal::Logs, [] as [Exporter; 0])
                .install()
                .unwrap();
            let span = info_span!("endless");
            (0..1_000_i64).for_each(|number| warn!(parent: &span, number, "again"));
            let before = resident();
            for number in 0..200_000_i64 {
                warn!(parent: &span, number, text = "some more of it", "again");
            }
            error!(parent: &span, "the reason");
            let more = resident().saturating_sub(before);
            assert!(more < 2_000, "{more} KiB more");
            drop(span);
            let report = shut_down(&telemetry, Duration::from_secs(1));
            assert_eq!(report.traces.produced, 1, "{report}");
        },
    );
}
