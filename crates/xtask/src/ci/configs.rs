//! The configuration files of `collector/`, judged by the programs that will read them.
//!
//! Files whose program is not to be had here (Grafana, Loki, Compose) are parsed and checked by
//! `tests/tests/stack_files.rs`.

use std::path::Path;
use std::process::Command;

use crate::run::{Result, on_path, root, stream, target_dir};
use crate::stack::{Backends, OVERLAYS, stage_prometheus};

/// Validates what the backends read.
///
/// # Errors
///
/// When a program refuses a file.
pub(crate) fn check(backends: &Backends) -> Result {
    let dir = root().join("collector");
    for overlays in combinations() {
        validate(&backends.otelcol, &dir, "otelcol.yaml", &overlays)?;
    }
    validate(&backends.jaeger, &dir, "jaeger.yaml", &[])?;
    match &backends.tempo {
        Some(tempo) => stream(
            Command::new(tempo)
                .args(["-config.expand-env=true", "-config.verify=true"])
                .arg(format!("-config.file={}", dir.join("tempo.yaml").display())),
        )?,
        None => println!("TEMPO_BIN is not set: tempo.yaml was not shown to Tempo"),
    }
    match &backends.loki {
        Some(loki) => stream(
            Command::new(loki)
                .args(["-config.expand-env=true", "-verify-config"])
                .arg(format!("-config.file={}", dir.join("loki.yaml").display())),
        )?,
        None => println!("LOKI_BIN is not set: loki.yaml was not shown to Loki"),
    }
    Ok(())
}

/// Shows Prometheus' configuration to promtool, with the targets of Docker and of native programs, and has it test the
/// rules.
///
/// # Errors
///
/// When promtool refuses it.
pub(crate) fn check_prometheus() -> Result {
    let Some(promtool) = on_path("promtool") else {
        println!("no promtool on the PATH: prometheus.yml was not shown to it");
        return Ok(());
    };
    for targets in ["targets.native.yml", "targets.compose.yml"] {
        let home = target_dir().join("stack/check").join(targets);
        stage_prometheus(&home, targets)?;
        let mut command = Command::new(&promtool);
        stream(
            command
                .current_dir(&home)
                .args(["check", "config", "prometheus.yml"]),
        )?;
    }
    let tests = root().join("collector/prometheus/tests/rules.yml");
    stream(Command::new(&promtool).args(["test", "rules"]).arg(tests))
}

/// Every choice of overlays that a stack may run with.
fn combinations() -> Vec<Vec<&'static str>> {
    let mut all = vec![Vec::new()];
    for overlay in OVERLAYS {
        let with: Vec<Vec<_>> = all
            .iter()
            .map(|chosen| chosen.iter().copied().chain([overlay.file]).collect())
            .collect();
        all.extend(with);
    }
    all
}

fn validate(program: &Path, dir: &Path, base: &str, overlays: &[&str]) -> Result {
    let mut command = Command::new(program);
    command.current_dir(dir).arg("validate");
    command.args(
        [base]
            .iter()
            .chain(overlays)
            .map(|file| format!("--config=file:{file}")),
    );
    stream(&mut command)
}
