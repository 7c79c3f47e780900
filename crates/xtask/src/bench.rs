//! The benchmarks: a workspace of their own in `crates/bench`, so that what the peers need is not unified into ours.

use std::process::Command;

use crate::run::{Result, capture, cargo, stream, target_dir};

const MANIFEST: &str = "--manifest-path=crates/bench/Cargo.toml";

/// Measures, and writes `docs/performance.md` if nothing is left out.
///
/// # Errors
///
/// When the benchmarks can't be built or fail.
pub(crate) fn run(arguments: &[&str]) -> Result {
    let mut command = bench("run", &["--release", "--"]);
    stream(command.args(arguments))
}

/// Checks that the lock file is that of the manifests.
///
/// # Errors
///
/// When it is not.
pub(crate) fn lock_file() -> Result {
    let mut command = cargo(&["metadata", MANIFEST, "--locked", "--format-version=1"]);
    capture(&mut command).map(drop).map_err(|error| {
        let cure = "`cargo metadata --manifest-path crates/bench/Cargo.toml` writes crates/bench/Cargo.lock";
        format!("{cure}\n{error}").into()
    })
}

/// Checks how the sources are written.
///
/// # Errors
///
/// When they are not as `cargo fmt` writes them.
pub(crate) fn formatting() -> Result {
    stream(&mut cargo(&["fmt", MANIFEST, "--check"]))
}

/// Builds the benchmarks and lets every candidate do a little of each work: what should arrive has to. Nothing is timed.
///
/// # Errors
///
/// When clippy has something to say, or a test fails.
pub(crate) fn check() -> Result {
    stream(&mut bench(
        "clippy",
        &["--all-targets", "--", "--deny=warnings"],
    ))?;
    stream(&mut bench("test", &[]))
}

/// With the workspace's target directory, as many of the dependencies are the same.
fn bench(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = cargo(&[command, MANIFEST]);
    cargo.arg("--target-dir").arg(target_dir()).args(arguments);
    cargo
}
