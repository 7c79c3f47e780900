//! A run without clocks: every candidate does its work once, and the sink says whether all of it came.

use super::child::{self, Programs};
use super::plan::{self, Part, Scale};
use super::service;
use crate::Result;
use crate::job::{Candidate, Export, Job, Mode, Work};
use crate::sink::{Sink, Totals};
use crate::work::TREE;

/// Runs every job of the plan once, with little to do.
///
/// # Errors
///
/// When something did not arrive that should have, or something arrived that should not.
pub(crate) fn smoke() -> Result {
    let programs = Programs {
        timing: std::env::current_exe()?,
        allocations: None,
    };
    let mut sink = Sink::start(true)?;
    let mut wrong = Vec::new();
    let jobs = plan::jobs(Part::ALL, Scale::Smoke);
    for job in &jobs {
        let outcome = match job.work {
            Work::Service => service::run(&programs.timing, job),
            _ => child::run(&programs.timing, job, &mut sink),
        };
        let verdict = outcome.and_then(|(figures, totals)| {
            let units = figures.get("units").copied();
            judge(job, units.unwrap_or(0.0) as u64, &totals)
        });
        if let Err(error) = verdict {
            eprintln!("{}: {error}", job.title());
            wrong.push(job.title());
        }
    }
    if wrong.is_empty() {
        println!("{} jobs delivered what they should", jobs.len());
        return Ok(());
    }
    Err(format!("not what it should be: {}", wrong.join("; ")).into())
}

/// Compares what arrived with what was made.
fn judge(job: &Job, units: u64, totals: &Totals) -> Result {
    let exports = job.mode != Mode::Disabled && job.export != Export::Null;
    let made = |work: &[Work]| {
        if exports && work.contains(&job.work) {
            units
        } else {
            0
        }
    };
    if job.work == Work::Service {
        return judge_service(job, units, totals);
    }
    let spans = match job.mode {
        Mode::Sampled | Mode::ContextOff => made(&[Work::Span, Work::Paced]),
        Mode::Unsampled | Mode::Disabled => 0,
    };
    if job.work == Work::Paced && job.candidate != Candidate::Trisignal {
        // A queue as it comes may be too small on a slow machine.
        return Ok(());
    }
    if matches!(job.work, Work::Span | Work::Paced) {
        same_spans(job, totals, spans)?;
        // For logfire an event is a log record, wherever it happens.
        let events = if job.candidate == Candidate::Logfire {
            totals.logs
        } else {
            totals.events
        };
        same("span events", events, spans / TREE)?;
        // Some add attributes of their own; nobody may leave one out.
        same("attributes", totals.attributes.min(5 * spans), 5 * spans)?;
    }
    if job.candidate != Candidate::Logfire || job.work == Work::Log {
        same("log records", totals.logs, made(&[Work::Log]))?;
    }
    let measured = made(&[
        Work::Counter,
        Work::CounterBound,
        Work::Histogram,
        Work::HistogramBound,
    ]);
    if job.candidate != Candidate::PrometheusClient {
        same("measurements", totals.measured, measured)?;
    }
    Ok(())
}

fn judge_service(job: &Job, requests: u64, totals: &Totals) -> Result {
    let each = if job.candidate == Candidate::None {
        0
    } else {
        requests
    };
    if requests == 0 {
        return Err("no request was answered".into());
    }
    same_spans(job, totals, 2 * each)?;
    same("log records", totals.logs, 2 * each)?;
    if each > 0 && totals.measured < each {
        return Err(format!("{} of {each} requests were measured", totals.measured).into());
    }
    Ok(())
}

/// logfire sends a span that is open when a batch is taken, and again with its end: then it is there twice.
fn same_spans(job: &Job, totals: &Totals, wanted: u64) -> Result {
    let twice = match job.candidate {
        Candidate::Logfire => totals.spans.saturating_sub(wanted).min(wanted),
        _ => 0,
    };
    same("spans", totals.spans - twice, wanted)
}

fn same(what: &str, found: u64, wanted: u64) -> Result {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{found} {what} arrived instead of {wanted}").into())
}
