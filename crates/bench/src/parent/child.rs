//! Starting a child for a job, and what came of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Figures, service};
use crate::Result;
use crate::job::{Job, Work};
use crate::sink::{Sink, Totals};

/// The programs that do the work.
pub(super) struct Programs {
    pub(super) timing: PathBuf,
    /// The one that counts allocations, where it is built.
    pub(super) allocations: Option<PathBuf>,
}

impl Programs {
    /// This program, and the one beside it that counts allocations, which cargo is asked to build if it runs this.
    ///
    /// # Errors
    ///
    /// When this program can't be found, or cargo fails.
    pub(super) fn built() -> Result<Self> {
        let timing = std::env::current_exe()?;
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--bin=allocations"]);
            build.args((!cfg!(debug_assertions)).then_some("--release"));
            build.arg("--manifest-path");
            build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
            if let Some(target) = timing.parent().and_then(Path::parent) {
                build.arg("--target-dir").arg(target);
            }
            if !build.status()?.success() {
                return Err("the program that counts allocations can't be built".into());
            }
        }
        let allocations = timing.with_file_name("allocations");
        let allocations = allocations.is_file().then_some(allocations);
        Ok(Self {
            timing,
            allocations,
        })
    }
}

/// Does a job in a process of its own. Allocations are the same each time, so that they are counted once.
///
/// # Errors
///
/// When a process fails or tells no figures.
pub(super) fn measure(
    programs: &Programs,
    job: &Job,
    sink: &mut Sink,
    count_allocations: bool,
) -> Result<Figures> {
    let (mut figures, totals) = match job.work {
        Work::Service => service::run(&programs.timing, job)?,
        _ => run(&programs.timing, job, sink)?,
    };
    add_totals(&mut figures, job, &totals);
    if let Some(allocations) = &programs.allocations
        && count_allocations
        && job.threads == 1
        && job.work.is_micro()
    {
        let (counted, _) = run(allocations, job, sink)?;
        figures.extend(
            counted
                .get("allocations")
                .map(|&count| ("allocations".to_owned(), count)),
        );
    }
    Ok(figures)
}

/// Does a job in a process of its own, and tells what the sink got meanwhile.
///
/// # Errors
///
/// When the process fails or tells no figures.
pub(super) fn run(program: &Path, job: &Job, sink: &mut Sink) -> Result<(Figures, Totals)> {
    sink.totals()?;
    let mut job = job.clone();
    job.sink = sink.address().to_owned();
    let mut command = Command::new(program);
    command.arg("run").arg(serde_json::to_string(&job)?);
    prepare(&mut command, &job);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the process ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let figures = text.lines().last().ok_or("the process told nothing")?;
    Ok((serde_json::from_str(figures)?, sink.totals()?))
}

/// Gives a process the settings of its job, and none of whoever runs the benchmarks.
pub(super) fn prepare(command: &mut Command, job: &Job) {
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| {
            name.starts_with("OTEL_") || name.starts_with("LOGFIRE_") || name == "RUST_LOG"
        };
        if name.to_str().is_some_and(is_setting) {
            command.env_remove(name);
        }
    }
    command.envs(job.environment());
}

fn add_totals(figures: &mut Figures, job: &Job, totals: &Totals) {
    let arrived = match job.work {
        Work::Log => totals.logs,
        Work::Counter | Work::CounterBound | Work::Histogram => totals.measured,
        _ => totals.spans,
    };
    let mut insert = |name: &str, value: u64| figures.insert(name.to_owned(), value as f64);
    insert("arrived", arrived);
    insert("arrived_logs", totals.logs);
    insert("arrived_points", totals.points);
    insert("requests", totals.requests);
    insert("bytes", totals.bytes);
}
