//! `cargo xtask ci`: everything that a change must pass, each step run even when one before it failed.

mod configs;

use std::time::{Duration, Instant};

use crate::run::{Result, cargo, stream, variable};
use crate::stack::{self, Backends};
use crate::tidy;
use crate::{bench, metadata};

/// How a step ended.
enum Verdict {
    Passed,
    Failed(String),
    /// Something that the step needs is not on this machine.
    DidNotRun(String),
}

/// A name, and the work.
type Step = (&'static str, fn() -> Verdict);

struct Done {
    step: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// The order is that of cost: what fails at once comes first.
const STEPS: &[Step] = &[
    ("lock-file", || verdict(lock_file())),
    ("formatting", || {
        verdict(cargo_step(&["fmt", "--all", "--check"]).and_then(|()| bench::formatting()))
    }),
    ("tidy", || verdict(tidy::run())),
    ("clippy", || verdict(clippy())),
    ("features", || verdict(features())),
    ("tests", || verdict(tests())),
    ("brokers", || verdict(brokers())),
    ("documentation", || verdict(documentation())),
    ("benchmarks", || verdict(bench::check())),
    ("demo", || verdict(demo())),
    ("configuration-files", configuration_files),
    ("end-to-end", || with_backends(end_to_end)),
];

/// Runs every step, or those that are named, prints a line for each, and says last what did not run.
///
/// # Errors
///
/// When a step failed or a name is unknown; with `CI` set also when a step did not run.
pub(crate) fn run(names: &[&str]) -> Result {
    if let Some(unknown) = names
        .iter()
        .find(|name| STEPS.iter().all(|(step, _)| step != *name))
    {
        let known: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
        return Err(format!("no step {unknown}; there are: {}", known.join(", ")).into());
    }
    let mut done = Vec::new();
    for (step, work) in STEPS {
        if !names.is_empty() && !names.contains(step) {
            continue;
        }
        println!("\n== {step}");
        let start = Instant::now();
        let verdict = work();
        if let Verdict::Failed(error) = &verdict {
            println!("== {step} failed: {error}");
        }
        let took = start.elapsed();
        done.push(Done {
            step,
            verdict,
            took,
        });
    }
    summary(&done, variable("CI").is_some())
}

fn verdict(outcome: Result) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Passed,
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

/// Finds or builds the backends and runs the work. A machine without Go has none, and that is no failure by itself.
fn with_backends(work: fn(&Backends) -> Result) -> Verdict {
    match stack::backends() {
        Ok(backends) => verdict(work(&backends)),
        Err(error) if stack::can_build() => Verdict::Failed(error.to_string()),
        Err(error) => Verdict::DidNotRun(error.to_string()),
    }
}

/// What needs no backend is checked on every machine.
fn configuration_files() -> Verdict {
    match configs::check_prometheus() {
        Ok(()) => with_backends(configs::check),
        failed => verdict(failed),
    }
}

fn cargo_step(arguments: &[&str]) -> Result {
    stream(&mut cargo(arguments))
}

/// With its own receiver, whatever the machine's user has set for services.
fn demo() -> Result {
    let mut command = cargo(&["run", "--package=checkout", "--", "--once"]);
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| name.starts_with("OTEL_") || name == "RUST_LOG";
        if name.to_str().is_some_and(is_setting) {
            command.env_remove(name);
        }
    }
    stream(&mut command)
}

fn lock_file() -> Result {
    crate::run::capture(&mut cargo(&["metadata", "--locked", "--format-version=1"]))?;
    bench::lock_file()
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

/// Real brokers. What is not on this machine is said by the test; with `CI` set it is a failure.
fn brokers() -> Result {
    let mut command = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command.args(["--test=messaging", "--", "--nocapture"]);
    if variable("CI").is_some() {
        command.env("TRISIGNAL_E2E", "required");
    }
    stream(&mut command)
}

fn documentation() -> Result {
    let mut command = cargo(&["doc", "--no-deps", "--workspace", "--all-features"]);
    stream(command.env("RUSTDOCFLAGS", "--deny=warnings"))
}

/// With `required` a missing Collector or Jaeger is a failure of the test. What needs Tempo or Prometheus says that it did
/// not run where these are not.
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
    let ending = ending(done.len(), &failed, missing.map(String::as_str), strict);
    match &ending {
        Ok(line) => println!("{line}"),
        Err(line) => return Err(line.clone().into()),
    }
    Ok(())
}

/// The last line of a run, as an error where the run must not count as good.
fn ending(
    steps: usize,
    failed: &[&str],
    missing: Option<&str>,
    strict: bool,
) -> std::result::Result<String, String> {
    let not_run = missing.map(|why| {
        let why = why.lines().next().unwrap_or_default();
        format!("the end-to-end part did not run: {why}")
    });
    match (failed, not_run) {
        ([], None) => Ok(format!("all {steps} steps passed")),
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
        assert_eq!(
            ending(9, &[], None, true),
            Ok("all 9 steps passed".to_owned())
        );
        let local = ending(9, &[], no_go, false);
        assert!(local.is_ok_and(|line| line.ends_with("did not run: no `go` on the PATH")));
        assert!(ending(9, &[], no_go, true).is_err());
        assert!(ending(9, &["clippy"], None, false).is_err());
        let both = ending(9, &["clippy"], no_go, false);
        assert!(both.is_err_and(|line| line.contains("clippy") && line.contains("did not run")));
    }
}
