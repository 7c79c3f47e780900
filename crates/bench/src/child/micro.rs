//! Small work, again and again.

use std::sync::{Arc, Barrier};
use std::time::Instant;

use super::{Figures, tell_dropped};
use crate::candidates::{self, Running};
use crate::job::Job;
use crate::measure::{self, median, minimum, process_time, thread_time};
use crate::work::{self, Program};
use crate::{CountAllocations, Result};

/// Blocks that are measured; what is told is the median and the minimum of them.
const BLOCKS: usize = 5;

/// What one thread measured, in nanoseconds per unit.
struct Measured {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

/// Does the job's work in blocks and tells what a unit costs: the thread that does it, and the whole process.
pub(super) fn run(job: &Job, count: Option<CountAllocations>) -> Result<Figures> {
    let program = work::program(job)?;
    let turns = (program.turns * job.percent / 100).max(1);
    let mut running = candidates::start(job)?;
    // Everything that happens once: lazy statics, call sites, connections, buffers that grow.
    on_threads(job.threads, |_| (program.run)(turns / 4 + 1));
    running.flush();
    let mut figures = Figures::new();
    let mut units = program.units * (turns / 4 + 1) * job.threads as u64;
    match count {
        Some(count) => {
            let allocations = count(&mut || (program.run)(turns));
            running.finish();
            units += program.units * turns;
            let per_unit = allocations as f64 / (program.units * turns) as f64;
            figures.insert("allocations".to_owned(), per_unit);
        }
        None => {
            timed(job, &program, turns, &mut *running, &mut figures);
            units += BLOCKS as u64 * program.units * turns * job.threads as u64;
        }
    }
    figures.insert("units".to_owned(), units as f64);
    tell_dropped(&mut figures, &*running);
    Ok(figures)
}

fn timed(
    job: &Job,
    program: &Program,
    turns: u64,
    running: &mut dyn Running,
    figures: &mut Figures,
) {
    let per_block = (program.units * turns) as f64;
    let threads_before = measure::threads();
    let before = process_time();
    let measured = on_threads(job.threads, |barrier| {
        let mut measured = Measured {
            cpu: Vec::new(),
            wall: Vec::new(),
        };
        for _ in 0..BLOCKS {
            barrier.wait();
            let (wall, cpu) = (Instant::now(), thread_time());
            (program.run)(turns);
            measured.cpu.push((thread_time() - cpu) / per_block);
            measured
                .wall
                .push(wall.elapsed().as_secs_f64() * 1e9 / per_block);
        }
        measured
    });
    running.finish();
    let all = per_block * (BLOCKS * job.threads) as f64;
    let whole = (process_time() - before) / all;
    let cpu: Vec<f64> = measured
        .iter()
        .flat_map(|thread| thread.cpu.clone())
        .collect();
    let wall: Vec<f64> = measured
        .iter()
        .flat_map(|thread| thread.wall.clone())
        .collect();
    let producing = cpu.iter().sum::<f64>() / cpu.len() as f64;
    let mut insert = |name: &str, value| figures.insert(name.to_owned(), value);
    insert("producing", median(&cpu));
    insert("producing_min", minimum(&cpu));
    insert("wall", median(&wall));
    insert("whole", whole);
    insert("background", whole - producing);
    for (name, time) in measure::threads() {
        let time = time - threads_before.get(&name).copied().unwrap_or(0.0);
        insert(&format!("thread.{name}"), time / all);
    }
}

/// Runs the work on so many threads at once, this one when there is but one.
fn on_threads<T: Send>(threads: usize, work: impl Fn(&Barrier) -> T + Sync) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(threads));
    if threads == 1 {
        return vec![work(&barrier)];
    }
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&barrier)))
            .collect();
        let joined = started.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.filter_map(std::result::Result::ok).collect()
    })
}
