//! The process that starts all others: candidates in turn, round after round.

mod child;
mod footprint;
mod machine;
mod plan;
mod results;
mod service;
mod smoke;

pub(crate) use self::plan::{Part, Scale};
pub(crate) use self::results::{Results, load, save};
pub(crate) use self::smoke::smoke;

use std::time::Instant;

use self::child::Programs;
use self::machine::Machine;
use self::results::Entry;
use crate::Result;
use crate::child::Figures;
use crate::sink::Sink;

/// Measures the parts of the plan and returns what came out.
///
/// # Errors
///
/// When a process can't be started. A job that fails is told and left out.
pub(crate) fn run(
    parts: &[Part],
    scale: Scale,
    only: Option<&str>,
    build: bool,
) -> Result<Results> {
    let mut machine = Machine::here();
    let programs = Programs::built()?;
    let mut sink = Sink::start(false)?;
    let mut jobs = plan::jobs(parts, scale);
    jobs.retain(|job| only.is_none_or(|word| job.title().contains(word)));
    let mut entries: Vec<Entry> = jobs.into_iter().map(Entry::new).collect();
    let rounds = scale.rounds();
    let begin = Instant::now();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: {} jobs", round + 1, entries.len());
        for index in 0..entries.len() {
            // Not always the same neighbour before it.
            let at = (index + round * 7) % entries.len();
            let entry = &mut entries[at];
            match child::measure(&programs, &entry.job, &mut sink, round == 0) {
                Ok(figures) => entry.rounds.push(figures),
                Err(error) => {
                    eprintln!("{}: {error}", entry.job.title());
                    // It may be what went wrong, and it may still get what the failed one has sent.
                    sink = Sink::start(false)?;
                }
            }
        }
        let minutes = begin.elapsed().as_secs_f64() / 60.0;
        eprintln!("{minutes:.1} minutes so far");
    }
    machine.ended();
    let wanted = build || parts.contains(&Part::Start);
    let mut results = Results {
        scale,
        machine,
        entries,
        footprints: Vec::new(),
    };
    if wanted {
        // Whatever becomes of the builds, the figures are there.
        save(&results)?;
        results.footprints = footprint::measure(build);
    }
    Ok(results)
}

/// Adds clean builds to results that were kept.
pub(crate) fn add_builds(results: &mut Results) {
    results.footprints = footprint::measure(true);
}
