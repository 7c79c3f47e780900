//! What is measured: a unit of work, done `times` times on this thread, in the API that a candidate has for it.

mod logs;
mod metrics;
mod spans;

use crate::Result;
use crate::job::{Candidate, Job, Mode, Work};

/// Does something so many times.
pub(crate) type Loop = fn(u64);

/// How a piece of work is done for a candidate.
pub(crate) struct Program {
    pub(crate) run: Loop,
    /// Units, as the tables count them, in one turn of the loop.
    pub(crate) units: u64,
    /// Turns of the loop in one block of a full run.
    pub(crate) turns: u64,
}

/// Spans in a tree.
pub(crate) const TREE: u64 = 4;

/// The program for a job.
///
/// # Errors
///
/// When the candidate can't do this work.
pub(crate) fn program(job: &Job) -> Result<Program> {
    let run: Option<Loop> = match job.work {
        Work::Span | Work::Flood | Work::Paced => match job.candidate {
            Candidate::Fastrace if job.mode == Mode::Unsampled => Some(spans::fastrace_unsampled),
            Candidate::Fastrace => Some(spans::fastrace),
            Candidate::Otel => Some(spans::otel),
            Candidate::FmtJson | Candidate::PrometheusClient => None,
            _ => Some(spans::tracing),
        },
        Work::Reenter => match job.candidate {
            Candidate::Fastrace => Some(spans::fastrace_reenter),
            Candidate::Otel => Some(spans::otel_reenter),
            Candidate::FmtJson | Candidate::PrometheusClient => None,
            _ => Some(spans::tracing_reenter),
        },
        Work::Log => match job.candidate {
            Candidate::Fastrace | Candidate::Otel | Candidate::PrometheusClient => None,
            _ => Some(logs::tracing),
        },
        Work::Counter => metrics::counter(job.candidate),
        Work::CounterBound => metrics::bound(job.candidate),
        Work::Histogram => metrics::histogram(job.candidate),
        Work::HistogramBound => metrics::bound_histogram(job.candidate),
        Work::Service | Work::Start => None,
    };
    let run = run.ok_or_else(|| format!("{:?} has no {:?}", job.candidate, job.work))?;
    let (units, turns) = match job.work {
        Work::Span | Work::Flood | Work::Paced => (TREE, 10_000),
        Work::Log => (1, 40_000),
        _ => (1, 200_000),
    };
    Ok(Program { run, units, turns })
}
