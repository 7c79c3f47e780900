//! 100,000 spans a second, evenly, with everything as it comes.

use std::time::{Duration, Instant};

use super::{Figures, tell_dropped};
use crate::Result;
use crate::candidates;
use crate::job::Job;
use crate::measure::{process_time, resident};
use crate::work::{self, TREE};

const SPANS_PER_SECOND: u64 = 100_000;
const TICK: Duration = Duration::from_millis(2);

/// How long a full run is.
const TIME: Duration = Duration::from_secs(5);

/// Makes spans at a steady rate, and tells what they cost.
pub(super) fn run(job: &Job) -> Result<Figures> {
    let program = work::program(job)?;
    let mut running = candidates::start(job)?;
    let time = TIME.mul_f64(job.percent as f64 / 100.0);
    let per_tick = SPANS_PER_SECOND * TICK.as_millis() as u64 / 1000 / TREE;
    let before = process_time();
    let begin = Instant::now();
    let mut ticks = 0_u32;
    while begin.elapsed() < time {
        (program.run)(per_tick);
        ticks += 1;
        std::thread::sleep((begin + TICK * ticks).saturating_duration_since(Instant::now()));
    }
    let made_in = begin.elapsed().as_secs_f64();
    let at_end = resident("VmRSS");
    running.finish();
    let units = f64::from(ticks) * (per_tick * TREE) as f64;
    let mut figures = Figures::from([
        ("units".to_owned(), units),
        ("spans_per_s".to_owned(), units / made_in),
        ("whole".to_owned(), (process_time() - before) / units),
        ("resident_mib".to_owned(), resident("VmHWM")),
        ("resident_at_end_mib".to_owned(), at_end),
    ]);
    tell_dropped(&mut figures, &*running);
    Ok(figures)
}
