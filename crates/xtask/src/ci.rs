//! `cargo xtask ci`: everything that a change must pass, each step run even when one before it failed.

mod configs;

use std::time::{Duration, Instant};

use crate::metadata;
use crate::run::{Result, cargo, stream, variable};
use crate::stack::{self, Backends};
use crate::tidy;

/// How a step ended.
enum Verdict {
    Passed,
    Failed(String),
    /// Something that the step needs is not on this machine.
    DidNotRun(String),
}

struct Done {
    step: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// Runs every step, prints a line for each, and says last what did not run.
///
/// # Errors
///
/// When a step failed; with `CI` set also when one did not run.
pub(crate) fn run() -> Result {
    let mut done = Vec::new();
    let mut step = |name, work: &mut dyn FnMut() -> Verdict| {
        println!("\n== {name}");
        let start = Instant::now();
        let verdict = work();
        if let Verdict::Failed(error) = &verdict {
            println!("== {name} failed: {error}");
        }
        done.push(Done {
            step: name,
            verdict,
            took: start.elapsed(),
        });
    };

    step("lock file", &mut || verdict(lock_file()));
    step("formatting", &mut || {
        verdict(cargo_step(&["fmt", "--all", "--check"]))
    });
    step("tidy", &mut || verdict(tidy::run()));
    step("clippy", &mut || verdict(clippy()));
    step("features", &mut || verdict(features()));
    step("tests", &mut || verdict(tests()));
    step("documentation", &mut || verdict(documentation()));
    step("demo", &mut || {
        verdict(cargo_step(&["run", "--package=checkout", "--", "--once"]))
    });
    let mut backends = Err(String::new());
    step("backends", &mut || {
        backends = stack::backends().map_err(|error| error.to_string());
        needs_backends(&backends, |_| Ok(()))
    });
    step("configuration files", &mut || {
        needs_backends(&backends, configs::check)
    });
    step("end-to-end", &mut || needs_backends(&backends, end_to_end));
    summary(&done, variable("CI").is_some())
}

fn verdict(outcome: Result) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Passed,
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

/// Runs the work if the backends are there. A machine without Go has none, and that is no failure by itself.
fn needs_backends(
    backends: &std::result::Result<Backends, String>,
    work: impl FnOnce(&Backends) -> Result,
) -> Verdict {
    match backends {
        Ok(backends) => verdict(work(backends)),
        Err(error) if stack::can_build() => Verdict::Failed(error.clone()),
        Err(error) => Verdict::DidNotRun(error.clone()),
    }
}

fn cargo_step(arguments: &[&str]) -> Result {
    stream(&mut cargo(arguments))
}

fn lock_file() -> Result {
    crate::run::capture(&mut cargo(&["metadata", "--locked", "--format-version=1"])).map(drop)
}

fn clippy() -> Result {
    cargo_step(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "--deny=warnings",
    ])
}

/// Builds each published crate alone, without features and with each one, since `--workspace` unifies them.
fn features() -> Result {
    let members = metadata::members()?;
    for member in members.values().filter(|member| member.published) {
        let package = format!("--package={}", member.name);
        let base = ["check", package.as_str(), "--no-default-features"];
        cargo_step(&base)?;
        for feature in &member.features {
            stream(cargo(&base).arg(format!("--features={feature}")))?;
        }
    }
    Ok(())
}

/// Unit tests, integration tests and doctests. The end-to-end tests have a step of their own.
fn tests() -> Result {
    let mut command = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    stream(command.env("TRISIGNAL_E2E", "off"))
}

fn documentation() -> Result {
    let mut command = cargo(&["doc", "--no-deps", "--workspace", "--all-features"]);
    stream(command.env("RUSTDOCFLAGS", "--deny=warnings"))
}

/// With `required` a missing backend is a failure of the test, so nothing is skipped in silence.
fn end_to_end(backends: &Backends) -> Result {
    let mut command = cargo(&["test", "--workspace", "--all-features", "--test=e2e"]);
    command.args(["--", "--nocapture"]);
    stream(
        command
            .env("TRISIGNAL_E2E", "required")
            .env("OTELCOL_BIN", &backends.otelcol)
            .env("JAEGER_BIN", &backends.jaeger),
    )
}

fn summary(done: &[Done], strict: bool) -> Result {
    println!("\n== summary");
    let mut failed = Vec::new();
    let mut missing = None;
    for Done {
        step,
        verdict,
        took,
    } in done
    {
        let seconds = took.as_secs_f64();
        let (word, why) = match verdict {
            Verdict::Passed => ("passed", ""),
            Verdict::Failed(why) => ("FAILED", why.as_str()),
            Verdict::DidNotRun(why) => ("did not run", why.as_str()),
        };
        let why = why.lines().next().unwrap_or_default();
        println!("{word:<12} {step:<20} {seconds:>7.1} s  {why}");
        match verdict {
            Verdict::Passed => {}
            Verdict::Failed(_) => failed.push(*step),
            Verdict::DidNotRun(why) => missing = Some(why),
        }
    }
    let ending = ending(&failed, missing.map(String::as_str), strict);
    match &ending {
        Ok(line) => println!("{line}"),
        Err(line) => return Err(line.clone().into()),
    }
    Ok(())
}

/// The last line of a run, as an error where the run must not count as good.
fn ending(
    failed: &[&str],
    missing: Option<&str>,
    strict: bool,
) -> std::result::Result<String, String> {
    let not_run = missing.map(|why| {
        let why = why.lines().next().unwrap_or_default();
        format!("the end-to-end part did not run: {why}")
    });
    match (failed, not_run) {
        ([], None) => Ok("everything passed".to_owned()),
        ([], Some(not_run)) if strict => Err(format!("CI is set and {not_run}")),
        ([], Some(not_run)) => Ok(format!("everything else passed, but {not_run}")),
        (failed, None) => Err(format!("failed: {}", failed.join(", "))),
        (failed, Some(not_run)) => Err(format!("failed: {}; and {not_run}", failed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_did_not_run_is_said_last_and_fails_in_ci() {
        let no_go = Some("no `go` on the PATH\nmore");
        assert_eq!(ending(&[], None, true), Ok("everything passed".to_owned()));
        let local = ending(&[], no_go, false);
        assert!(local.is_ok_and(|line| line.ends_with("did not run: no `go` on the PATH")));
        assert!(ending(&[], no_go, true).is_err());
        assert!(ending(&["clippy"], None, false).is_err());
        let both = ending(&["clippy"], no_go, false);
        assert!(both.is_err_and(|line| line.contains("clippy") && line.contains("did not run")));
    }
}
