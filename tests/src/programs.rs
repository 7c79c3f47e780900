//! Finding the programs that a test needs, and saying plainly where one is missing.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;

use crate::files::target_dir;

/// The programs of the stack.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The Collector.
    pub otelcol: PathBuf,
    /// Jaeger 2.
    pub jaeger: PathBuf,
    /// From `TEMPO_BIN`.
    pub tempo: Option<PathBuf>,
    /// From `LOKI_BIN`.
    pub loki: Option<PathBuf>,
    /// From the PATH.
    pub prometheus: Option<PathBuf>,
}

impl Programs {
    /// Finds them: `OTELCOL_BIN` and `JAEGER_BIN`, else what `cargo xtask stack build` has built.
    ///
    /// None when `TRISIGNAL_E2E=off`, or when one is missing; then it is said why `test` did not run.
    ///
    /// # Panics
    ///
    /// When one is missing and `TRISIGNAL_E2E=required`.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        let mode = env::var("TRISIGNAL_E2E").unwrap_or_default();
        if mode == "off" {
            say_not_run(test, "TRISIGNAL_E2E=off; they have a step of their own");
            return None;
        }
        let found = program("OTELCOL_BIN", "otelcol").and_then(|otelcol| {
            let jaeger = program("JAEGER_BIN", "jaeger")?;
            Ok(Self {
                otelcol,
                jaeger,
                tempo: named("TEMPO_BIN")?,
                loki: named("LOKI_BIN")?,
                prometheus: on_path("prometheus"),
            })
        });
        match found {
            Ok(programs) => Some(programs),
            Err(missing) => {
                assert_ne!(mode, "required", "{missing}");
                say_not_run(test, &missing);
                None
            }
        }
    }
}

/// Fluent Bit, from the `PATH`.
#[must_use]
pub fn fluent_bit() -> Option<PathBuf> {
    on_path("fluent-bit")
}

/// The NATS server, from the `PATH`; without it the demo's orders are fulfilled in a channel.
#[must_use]
pub(crate) fn nats_server() -> Option<PathBuf> {
    on_path("nats-server")
}

/// Says that a test, or a part of one, did not run. Not by a print macro, whose output a passing test swallows.
pub fn say_not_run(test: &str, why: &str) {
    // When stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "end-to-end: {test} did not run: {why}");
}

fn program(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(path) = named(variable)? {
        return Ok(path);
    }
    let built = target_dir().join("stack/bin").join(name);
    if built.exists() {
        return Ok(built);
    }
    Err(format!(
        "no {name}; `cargo xtask stack build` builds it, or set {variable}"
    ))
}

/// The program that a variable names. A name that leads nowhere is a mistake, not a missing program.
fn named(variable: &str) -> Result<Option<PathBuf>, String> {
    let Some(path) = env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
    else {
        return Ok(None);
    };
    if path.is_file() {
        return Ok(Some(path));
    }
    Err(format!(
        "{variable} names {}, which is not a file",
        path.display()
    ))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}
