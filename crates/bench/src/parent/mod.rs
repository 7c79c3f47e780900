//! The process that starts all others: candidates in turn, round after round.

mod child;
mod footprint;
mod machine;
mod plan;
mod results;
mod service;
mod smoke;

pub(crate) use self::plan::{Part, Scale};
pub(crate) use self::results::{Query, Results, load, save};
pub(crate) use self::smoke::smoke;

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
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: {} jobs", round + 1, entries.len());
        for index in 0..entries.len() {
            // Not always the same neighbour before it.
            let at = (index + round * 7) % entries.len();
            let entry = &mut entries[at];
            match child::measure(&programs, &entry.job, &mut sink, round == 0) {
                Ok(figures) => entry.rounds.push(figures),
                Err(error) => eprintln!("{}: {error}", entry.job.title()),
            }
        }
    }
    machine.ended();
    let wanted = build || parts.contains(&Part::Start);
    let footprints = if wanted {
        footprint::measure(build)?
    } else {
        Vec::new()
    };
    Ok(Results {
        scale,
        machine,
        entries,
        footprints,
    })
}
