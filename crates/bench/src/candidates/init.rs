//! init-tracing-opentelemetry in its preset for production.

use init_tracing_opentelemetry::{Guard, TracingConfig};

use super::Running;
use crate::Result;
use crate::job::Job;

struct Init(Option<Guard>);

/// Its lines on standard output can't be switched off alone: one filter decides about them and about spans. They go
/// to nowhere here.
pub(super) fn start(job: &Job) -> Result<Box<dyn Running>> {
    let guard = TracingConfig::production()
        .with_log_directives("info")
        .with_file("/dev/null")
        .with_logs(job.has_logs())
        .with_metrics(false)
        .init_subscriber()?;
    Ok(Box::new(Init(Some(guard))))
}

impl Running for Init {
    /// It flushes when its guard is dropped, and has no other way.
    fn flush(&self) {}

    fn finish(&mut self) {
        self.0 = None;
    }
}
