//! Starting a child for a job, and what came of it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// This program, and the one beside it that counts allocations, which cargo is asked to build if it runs this. Where that
    /// fails, allocations are not counted.
    ///
    /// # Errors
    ///
    /// When this program can't be found.
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
            if !build.status().is_ok_and(|status| status.success()) {
                eprintln!("the program that counts allocations can't be built");
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
        match run(allocations, job, sink) {
            Ok((counted, _)) => {
                let count = counted.get("allocations").copied();
                figures.extend(count.map(|count| ("allocations".to_owned(), count)));
            }
            Err(error) => eprintln!("{}, allocations: {error}", job.title()),
        }
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
    let text = output(spawn(program, job, sink, Stdio::null())?)?;
    let figures = text.lines().last().ok_or("the process told nothing")?;
    Ok((serde_json::from_str(figures)?, sink.totals()?))
}

/// Starts a job with the settings that it has, and none of whoever runs the benchmarks.
///
/// # Errors
///
/// When the process can't be started.
pub(super) fn spawn(program: &Path, job: &Job, sink: &Sink, stdin: Stdio) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg("run").arg(serde_json::to_string(job)?);
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| {
            name.starts_with("OTEL_") || name.starts_with("LOGFIRE_") || name == "RUST_LOG"
        };
        if name.to_str().is_some_and(is_setting) {
            command.env_remove(name);
        }
    }
    command.envs(job.environment(sink.address()));
    Ok(command.stdin(stdin).stdout(Stdio::piped()).spawn()?)
}

/// How long any process may take. None takes a tenth of it unless it hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a process writes to standard output, which is no more than a pipe holds, when it has ended.
///
/// # Errors
///
/// When it fails, or has to be ended because it does not end by itself.
pub(super) fn output(mut child: Child) -> Result<String> {
    end(&mut child)?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Waits for the end of a process.
///
/// # Errors
///
/// When it fails, or has to be ended because it does not end by itself.
pub(super) fn end(child: &mut Child) -> Result {
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            // Nothing happens when it has just ended.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("the process did not end in {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    Err(format!("the process ended with {status}").into())
}

fn add_totals(figures: &mut Figures, job: &Job, totals: &Totals) {
    let arrived = match job.work {
        Work::Log => totals.logs,
        Work::Counter | Work::CounterBound | Work::Histogram | Work::HistogramBound => {
            totals.measured
        }
        _ => totals.spans,
    };
    let mut insert = |name: &str, value: u64| figures.insert(name.to_owned(), value as f64);
    insert("arrived", arrived);
    insert("arrived_logs", totals.logs);
    insert("arrived_points", totals.points);
    insert("requests", totals.requests);
    insert("bytes", totals.bytes);
}
