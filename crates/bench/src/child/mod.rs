//! A child process: one job, whose figures are the last line on standard output.

mod flood;
mod micro;
mod paced;
mod start;

use std::collections::BTreeMap;

use crate::candidates::Running;
use crate::job::{Job, Work};
use crate::{CountAllocations, Result, service};

/// Figures by name, in the units that their names say.
pub(crate) type Figures = BTreeMap<String, f64>;

/// Adds what the candidate says that it has lost, if it says that.
pub(crate) fn tell_dropped(figures: &mut Figures, running: &dyn Running) {
    let dropped = running.dropped();
    figures.extend(dropped.map(|dropped| ("dropped".to_owned(), dropped as f64)));
}

/// Does the job that is given as JSON.
///
/// # Errors
///
/// When it is no job, or the candidate can't do it.
pub(crate) fn run(job: &str, count: Option<CountAllocations>) -> Result {
    let job: Job = serde_json::from_str(job)?;
    let figures = match job.work {
        Work::Flood => flood::run(&job)?,
        Work::Paced => paced::run(&job)?,
        Work::Start => start::run(&job)?,
        Work::Service => service::serve(&job)?,
        _ => micro::run(&job, count)?,
    };
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}
