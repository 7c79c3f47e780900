//! A service in one process, asked by another.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Figures;
use super::child::{end, output, spawn};
use crate::Result;
use crate::job::Job;
use crate::measure::{pin, threads_of};
use crate::sink::{Sink, Totals};

/// How long each loop of a full run is, in milliseconds.
const TIME: u64 = 3000;

/// What the open loop asks in a second: less than what the slowest candidate can answer.
const PER_SECOND: u64 = 4000;

/// Ends the process when the parent gives up.
struct Server(Child);

/// Starts the service of a job, has it asked in a closed and then in an open loop, and ends it.
///
/// # Errors
///
/// When a process fails.
pub(super) fn run(program: &Path, job: &Job) -> Result<(Figures, Totals)> {
    // One of its own, that is kept on the processor of the load.
    let mut sink = Sink::start(false)?;
    pin(sink.id(), 1);
    let mut server = Server(spawn(program, job, &sink, Stdio::piped())?);
    let stdout = server
        .0
        .stdout
        .take()
        .ok_or("the server has no standard output")?;
    let mut stdout = BufReader::new(stdout);
    let mut address = String::new();
    stdout.read_line(&mut address)?;
    // The server has a processor of its own, so that what it does is what it costs.
    pin(server.0.id(), 0);
    let time = (TIME * job.percent / 100).max(100).to_string();
    let warm_up = (TIME * job.percent / 500).max(50).to_string();
    let address = address.trim();
    load(program, &[address, &warm_up])?;
    let mut figures = loaded(&server, "closed", || load(program, &[address, &time]))?;
    // All candidates have the same to do from here on, and the same pauses.
    let per_second = PER_SECOND.to_string();
    figures.extend(loaded(&server, "open", || {
        load(program, &[address, &time, &per_second])
    })?);
    drop(server.0.stdin.take());
    end(&mut server.0)?;
    let mut text = String::new();
    stdout.read_to_string(&mut text)?;
    let line = text.lines().last().ok_or("the server told nothing")?;
    figures.extend(serde_json::from_str::<Figures>(line)?);
    Ok((figures, sink.totals()?))
}

/// What `load` tells, with what the server used for each request meanwhile. Under a steady load as much is still to be
/// sent at the end as there was at the beginning.
fn loaded(server: &Server, name: &str, load: impl FnOnce() -> Result<Figures>) -> Result<Figures> {
    let used = || threads_of(server.0.id()).values().sum::<f64>();
    let before = used();
    let mut figures = load()?;
    if let Some(requests) = figures.get(&format!("{name}_requests")) {
        let each = (used() - before) / requests;
        figures.insert(format!("{name}_cpu_per_request_ns"), each);
    }
    Ok(figures)
}

fn load(program: &Path, arguments: &[&str]) -> Result<Figures> {
    let mut command = Command::new(program);
    command.arg("load").args(arguments);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    pin(child.id(), 1);
    Ok(serde_json::from_str(output(child)?.trim())?)
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing happens when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
