//! Spans from several threads, as fast as they can, with everything as it comes.

use std::time::{Duration, Instant};

use super::{Figures, tell_dropped};
use crate::Result;
use crate::candidates;
use crate::job::Job;
use crate::measure::{process_time, resident};
use crate::work;

/// Trees between two looks at the clock.
const TURNS: u64 = 50;

/// How long a full flood is.
const TIME: Duration = Duration::from_secs(3);

/// Floods, and tells how much was made in which time, the end of the delivery included.
pub(super) fn run(job: &Job) -> Result<Figures> {
    let program = work::program(job)?;
    let mut running = candidates::start(job)?;
    (program.run)(TURNS);
    running.flush();
    let time = TIME.mul_f64(job.percent as f64 / 100.0);
    let before = process_time();
    let begin = Instant::now();
    let turns: u64 = std::thread::scope(|scope| {
        let flood = || {
            let mut turns = 0;
            while begin.elapsed() < time {
                (program.run)(TURNS);
                turns += TURNS;
            }
            turns
        };
        let started: Vec<_> = (0..job.threads).map(|_| scope.spawn(flood)).collect();
        started
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .sum()
    });
    running.finish();
    let units = (turns * program.units) as f64;
    let mut figures = Figures::from([
        ("units".to_owned(), units + (TURNS * program.units) as f64),
        ("seconds".to_owned(), begin.elapsed().as_secs_f64()),
        ("whole".to_owned(), (process_time() - before) / units),
        ("resident_mib".to_owned(), resident("VmHWM")),
    ]);
    tell_dropped(&mut figures, &*running);
    Ok(figures)
}
