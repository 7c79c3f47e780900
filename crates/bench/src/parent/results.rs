//! What came out of a run, and how it is asked for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::footprint::Footprint;
use super::machine::Machine;
use super::{Figures, Scale};
use crate::Result;
use crate::job::Job;
use crate::measure::{median, minimum};

/// The figures of all jobs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) scale: Scale,
    pub(crate) machine: Machine,
    pub(crate) entries: Vec<Entry>,
    pub(crate) footprints: Vec<Footprint>,
}

/// The figures of one job, of each round.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) job: Job,
    pub(crate) rounds: Vec<Figures>,
}

impl Results {
    /// The job, if it was measured.
    pub(crate) fn entry(&self, job: Job) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.job.is(job))
    }

    /// The median of the rounds of a figure.
    pub(crate) fn figure(&self, job: Job, figure: &str) -> Option<f64> {
        self.entry(job)?.median(figure)
    }
}

impl Entry {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            rounds: Vec::new(),
        }
    }

    /// The median of the rounds, if the figure was told at all.
    pub(crate) fn median(&self, figure: &str) -> Option<f64> {
        let values = self.values(figure);
        (!values.is_empty()).then(|| median(&values))
    }

    /// The smallest of the rounds.
    pub(crate) fn minimum(&self, figure: &str) -> Option<f64> {
        let values = self.values(figure);
        (!values.is_empty()).then(|| minimum(&values))
    }

    fn values(&self, figure: &str) -> Vec<f64> {
        self.rounds
            .iter()
            .filter_map(|round| round.get(figure))
            .copied()
            .collect()
    }
}

/// Where the results of the last run are kept: beside the program.
fn file() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("bench-results.json"))
}

/// Writes the results as JSON, so that a page can be written from them again.
///
/// # Errors
///
/// When the file can't be written.
pub(crate) fn save(results: &Results) -> Result {
    let file = file()?;
    std::fs::write(&file, serde_json::to_string_pretty(results)?)?;
    eprintln!("every figure of every round is in {}", file.display());
    Ok(())
}

/// Reads what [`save`] wrote.
///
/// # Errors
///
/// When it can't be read or is something else.
pub(crate) fn load(file: &str) -> Result<Results> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}
