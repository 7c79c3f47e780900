//! Setting up, and ending with nothing to send.

use std::time::Instant;

use super::Figures;
use crate::Result;
use crate::candidates;
use crate::job::Job;
use crate::measure::{process_time, resident};

/// Tells how long it takes, and the memory that it leaves in use.
pub(super) fn run(job: &Job) -> Result<Figures> {
    let without = resident("VmRSS");
    let before = process_time();
    let begin = Instant::now();
    let mut running = candidates::start(job)?;
    let started = begin.elapsed().as_secs_f64();
    let cpu = process_time() - before;
    let with = resident("VmRSS");
    let begin = Instant::now();
    running.finish();
    Ok(Figures::from([
        ("start_us".to_owned(), started * 1e6),
        ("start_cpu_us".to_owned(), cpu / 1e3),
        ("finish_us".to_owned(), begin.elapsed().as_secs_f64() * 1e6),
        ("added_mib".to_owned(), with - without),
    ]))
}
