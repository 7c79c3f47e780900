//! Trisignal.

use std::collections::BTreeMap;
use std::ffi::OsString;

use trisignal::{ByteSize, Environment, Limits, ProcessEnvironment, Telemetry};

use super::Running;
use crate::Result;
use crate::job::{Job, Mode};
use crate::measure::FLUSH;

/// The environment of the process, and what a job wants besides.
struct WithExtra(BTreeMap<&'static str, &'static str>);

impl Environment for WithExtra {
    fn var(&self, name: &str) -> Option<OsString> {
        let extra = self.0.get(name).map(OsString::from);
        extra.or_else(|| ProcessEnvironment.var(name))
    }
}

struct Trisignal(Telemetry);

pub(super) fn start(job: &Job) -> Result<Box<dyn Running>> {
    let mut extra = BTreeMap::new();
    if !job.has_logs() {
        extra.insert("OTEL_LOGS_EXPORTER", "none");
    }
    let mut builder = trisignal::builder("bench")
        .console_filter("off")
        .environment(WithExtra(extra));
    if job.mode == Mode::ContextOff {
        builder = builder.context_activation(false);
    }
    if job.needs_room() {
        builder = builder.limits(Limits {
            queue_bytes: Some(ByteSize::from_mib(1024)),
            outbox: Some(ByteSize::from_mib(1024)),
            ..Limits::default()
        });
    }
    Ok(Box::new(Trisignal(builder.install()?)))
}

impl Running for Trisignal {
    fn flush(&self) {
        let report = self.0.flush_blocking(FLUSH);
        if !report.complete {
            eprintln!("trisignal: not everything was delivered in time: {report}");
        }
    }

    fn dropped(&self) -> Option<u64> {
        let health = self.0.health();
        Some(
            health.traces.dropped.total()
                + health.logs.dropped.total()
                + health.metrics.dropped.total(),
        )
    }
}
