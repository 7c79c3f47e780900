//! Building the Collector and Jaeger from Go modules, once per set of build inputs.
//!
//! Both are whole programs of other projects; what is fixed here is which components and which versions
//! (`collector/build/`). The results live in a cache outside the target directory, so a fresh clone and
//! `cargo clean` cost nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::run::{Result, capture, is_program, on_path, root, stream, variable};

/// The Collector's own builder. Its version is that of the components in the manifest.
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder@v0.159.0";
const JAEGER_PACKAGE: &str = "github.com/jaegertracing/jaeger/cmd/jaeger";
const LDFLAGS: &str = "-ldflags=-s -w";

/// A program that is built from a folder of `collector/build/`.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// Names a program to use in place of a built one.
    pub(super) variable: &'static str,
    /// Everything that decides what comes out.
    inputs: &'static [&'static str],
    build: fn(dir: &Path, output: &Path) -> Result,
}

pub(super) const OTELCOL: Recipe = Recipe {
    name: "otelcol",
    variable: "OTELCOL_BIN",
    inputs: &["builder-config.yaml", "go.mod", "go.sum"],
    build: build_otelcol,
};

pub(super) const JAEGER: Recipe = Recipe {
    name: "jaeger",
    variable: "JAEGER_BIN",
    inputs: &["go.mod", "go.sum"],
    build: build_jaeger,
};

/// The program: the one that its variable names, else the cached one, else built now.
///
/// # Errors
///
/// When the variable names no program, Go is missing, or the build fails.
pub(super) fn program(recipe: &Recipe) -> Result<PathBuf> {
    if let Some(named) = variable(recipe.variable) {
        let path = fs::canonicalize(&named).unwrap_or_else(|_| PathBuf::from(&named));
        if is_program(&path) {
            return Ok(path);
        }
        return Err(format!("{} names {named}, which is not a program", recipe.variable).into());
    }
    let go = go_version()?;
    let source = root().join("collector/build").join(recipe.name);
    let key = key(&source, recipe.inputs, &go)?;
    let kept = cache_dir()?.join(format!("{}-{key:016x}", recipe.name));
    let output = kept.join(recipe.name);
    if !is_program(&output) {
        build(recipe, &source, &kept)?;
    }
    Ok(output)
}

/// Whether there is a Go to build with.
pub(super) fn has_go() -> bool {
    on_path("go").is_some()
}

fn go_version() -> Result<String> {
    if !has_go() {
        return Err("no `go` on the PATH to build Collector and Jaeger with (install Go, or set OTELCOL_BIN and JAEGER_BIN)".into());
    }
    capture(Command::new("go").args(["env", "GOVERSION", "GOOS", "GOARCH"]))
}

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

/// FNV-1a over every input: stable across Rust releases, which the standard hasher is not.
fn key(source: &Path, inputs: &[&str], go: &str) -> Result<u64> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in [go, BUILDER, JAEGER_PACKAGE, LDFLAGS] {
        add(part.as_bytes());
        add(b"\0");
    }
    for input in inputs {
        let path = source.join(input);
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        add(input.as_bytes());
        add(b"\0");
        add(&text);
        add(b"\0");
    }
    Ok(hash)
}

/// Builds in a folder of its own and moves the result in place by one rename, so that an interrupted or
/// a concurrent build never leaves half a program.
fn build(recipe: &Recipe, source: &Path, kept: &Path) -> Result {
    let start = Instant::now();
    eprintln!(
        "building {} from Go modules; this takes minutes once",
        recipe.name
    );
    fs::create_dir_all(kept)?;
    let scratch = kept.join(format!("build-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let built = (|| {
        for input in recipe.inputs {
            fs::write(scratch.join(input), fs::read(source.join(input))?)?;
        }
        let output = scratch.join(recipe.name);
        (recipe.build)(&scratch, &output)?;
        fs::rename(&output, kept.join(recipe.name))?;
        Ok(())
    })();
    // The scratch folder holds nothing of worth; what the build said matters more than that it is gone.
    let _ = fs::remove_dir_all(&scratch);
    if built.is_ok() {
        eprintln!(
            "built {} in {:.0} s",
            recipe.name,
            start.elapsed().as_secs_f64()
        );
    }
    built
}

fn build_otelcol(dir: &Path, output: &Path) -> Result {
    // The builder only writes the sources. Its own `go mod tidy` would look for modules that only tests of
    // dependencies need and that not every proxy serves; the kept go.mod and go.sum take its place.
    stream(go(dir).args([
        "run",
        BUILDER,
        "--config=builder-config.yaml",
        "--skip-get-modules",
        "--skip-compilation",
    ]))?;
    let sources = dir.join("out");
    for file in ["go.mod", "go.sum"] {
        fs::copy(dir.join(file), sources.join(file))?;
    }
    compile(&sources, output, ".")
}

fn build_jaeger(dir: &Path, output: &Path) -> Result {
    compile(dir, output, JAEGER_PACKAGE)
}

fn compile(dir: &Path, output: &Path, package: &str) -> Result {
    let mut command = go(dir);
    command.args(["build", "-trimpath", "-buildvcs=false", LDFLAGS, "-o"]);
    stream(command.arg(output).arg(package))
}

fn go(dir: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(dir)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    command
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
    use super::*;

    #[test]
    fn the_key_changes_with_each_input() {
        let dir = std::env::temp_dir().join(format!("trisignal-xtask-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let with = |a: &str, b: &str, go: &str| {
            fs::write(dir.join("a"), a).unwrap();
            fs::write(dir.join("b"), b).unwrap();
            key(&dir, &["a", "b"], go).unwrap()
        };
        let keys = [
            with("1", "2", "go1"),
            with("1", "2", "go2"),
            with("12", "", "go1"),
            with("2", "1", "go1"),
        ];
        let again = with("1", "2", "go1");
        fs::remove_dir_all(&dir).unwrap();
        let unique: std::collections::BTreeSet<u64> = keys.into_iter().collect();
        assert_eq!(unique.len(), keys.len());
        assert_eq!(again, keys[0]);
    }
}
