//! A Python with OpenTelemetry's SDK from PyPI, made once per set of pinned versions and kept in the cache.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use trisignal_tests::{root, say_not_run};

/// How long one command may take: the packages come over a network.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many of the last lines of pip's log say why it failed.
const TAIL: usize = 4;

type Result<T> = std::result::Result<T, String>;

/// The interpreter of the environment, made now if need be.
///
/// None with `TRISIGNAL_E2E=off`, or when it cannot be made; then it is said why `test` did not run. With
/// `TRISIGNAL_E2E=required` in CI the latter is a panic.
pub(crate) fn interpreter(test: &str) -> Option<&'static Path> {
    // The tests of this binary run side by side, and need one.
    static MADE: OnceLock<Result<PathBuf>> = OnceLock::new();
    let mode = variable("TRISIGNAL_E2E").unwrap_or_default();
    if mode == "off" {
        say_not_run(test, "TRISIGNAL_E2E=off; it has a step of its own");
        return None;
    }
    match MADE.get_or_init(find_or_make) {
        Ok(python) => Some(python),
        Err(why) => {
            // Who has built the backends has Go, and need not have Python; CI has both.
            let is_needed = mode == "required" && variable("CI").is_some();
            assert!(!is_needed, "{why}");
            say_not_run(test, why);
            None
        }
    }
}

/// A file of `tests/foreign/`.
pub(crate) fn file(name: &str) -> PathBuf {
    root().join("tests/foreign").join(name)
}

fn find_or_make() -> Result<PathBuf> {
    let requirements = file("requirements.txt");
    let pinned = fs::read(&requirements).map_err(|error| said(&requirements, &error))?;
    let key = key(&[base()?.as_bytes(), &pinned]);
    let cache = cache_dir()?;
    let kept = cache.join(format!("foreign-python-{key:016x}"));
    let python = kept.join("bin/python");
    if python.is_file() {
        return Ok(python);
    }
    fs::create_dir_all(&cache).map_err(|error| said(&cache, &error))?;
    // Made elsewhere and moved in place by one rename: an interrupted run leaves nothing half made.
    let scratch = cache.join(format!("foreign-python-{}", std::process::id()));
    let made = make(&scratch, &requirements, &kept.with_extension("log")).and_then(|()| {
        match fs::rename(&scratch, &kept) {
            // Another run was faster.
            Err(_) if python.is_file() => Ok(()),
            moved => moved.map_err(|error| said(&kept, &error)),
        }
    });
    // Gone already where all went well.
    let _ = fs::remove_dir_all(&scratch);
    made.map(|()| python)
}

fn make(dir: &Path, requirements: &Path, log: &Path) -> Result<()> {
    File::create(log).map_err(|error| said(log, &error))?;
    run(Command::new("python3").args(["-m", "venv"]).arg(dir), log)?;
    let mut pip = Command::new(dir.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    // Nothing is compiled: a machine without a wheel for it would need a toolchain.
    pip.args(["--no-input", "--only-binary=:all:", "--requirement"]);
    run(pip.arg(requirements), log)
}

/// What identifies the Python that the environment is made from, and stays bound to.
fn base() -> Result<String> {
    let ask = "import sys; print(sys.base_prefix, sys.version)";
    let answer = Command::new("python3")
        .args(["-c", ask])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("no python3 that can be run: {error}"))?;
    if !answer.status.success() {
        let why = String::from_utf8_lossy(&answer.stderr);
        return Err(format!("python3 does not work: {}", why.trim()));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// The same place as for what `cargo xtask stack build` builds.
fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = variable("TRISIGNAL_CACHE") {
        return Ok(root().join(dir));
    }
    if let Some(dir) = variable("XDG_CACHE_HOME") {
        return Ok(Path::new(&dir).join("trisignal"));
    }
    let home = variable("HOME").ok_or("neither TRISIGNAL_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/trisignal"))
}

/// FNV-1a over the parts: stable across Rust releases, which the standard hasher is not.
fn key(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter().chain(b"\0"))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Runs a command with its output in `log`, whose end says why it failed.
fn run(command: &mut Command, log: &Path) -> Result<()> {
    let line = format!("{command:?}");
    let output = File::options()
        .append(true)
        .open(log)
        .and_then(|file| Ok((file.try_clone()?, file)))
        .map_err(|error| said(log, &error))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.0)
        .stderr(output.1)
        .spawn()
        .map_err(|error| format!("{line}: {error}"))?;
    let start = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => break status.to_string(),
            Ok(None) if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            hangs => {
                let _ = child.kill();
                let _ = child.wait();
                break format!("no end within {PATIENCE:?} ({hangs:?})");
            }
        }
    };
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    let log = log.display();
    Err(format!("{line}: {ended}\n{tail}\n(all of it is in {log})"))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
