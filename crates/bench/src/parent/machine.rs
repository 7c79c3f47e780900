//! What the figures are of: the machine, the day and the versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The crates that are compared.
const CRATES: &[&str] = &[
    "axum",
    "axum-tracing-opentelemetry",
    "fastrace",
    "fastrace-axum",
    "fastrace-opentelemetry",
    "init-tracing-opentelemetry",
    "logfire",
    "opentelemetry",
    "opentelemetry-appender-tracing",
    "opentelemetry-instrumentation-tower",
    "opentelemetry-otlp",
    "opentelemetry_sdk",
    "prometheus-client",
    "tracing",
    "tracing-opentelemetry",
    "tracing-subscriber",
    "trisignal",
];

/// As they were when it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) commit: String,
    /// Name and version; a name may be there twice.
    pub(crate) crates: Vec<(String, String)>,
    /// How busy the machine was with other things, before and after.
    pub(crate) load: [String; 2],
}

impl Machine {
    /// This machine, now.
    pub(super) fn here() -> Self {
        let manifest = env!("CARGO_MANIFEST_DIR");
        Self {
            date: said("date", &["-u", "+%Y-%m-%d"]),
            processor: processor(),
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            kernel: said("uname", &["-sr"]),
            rustc: said("rustc", &["--version"]),
            commit: said("git", &["-C", manifest, "rev-parse", "--short", "HEAD"]),
            crates: versions(&Path::new(manifest).join("Cargo.lock")),
            load: [load(), String::new()],
        }
    }

    /// Notes how busy the machine is at the end.
    pub(super) fn ended(&mut self) {
        self.load[1] = load();
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output
        .ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    line.map_or("unknown", str::trim).to_owned()
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn versions(lock: &Path) -> Vec<(String, String)> {
    parse_versions(&fs::read_to_string(lock).unwrap_or_default())
}

fn parse_versions(lock: &str) -> Vec<(String, String)> {
    let packages = lock.split("[[package]]").filter_map(|package| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim_matches([' ', '=', '"']).to_owned())
        };
        Some((value("name")?, value("version")?))
    });
    packages
        .filter(|(name, _)| CRATES.contains(&name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_compared_crates_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"fastrace\"\nversion = \"0.7.19\"\n\n\
            [[package]]\nname = \"other\"\nversion = \"1.0.0\"\n";
        let wanted = vec![("fastrace".to_owned(), "0.7.19".to_owned())];
        assert_eq!(parse_versions(lock), wanted);
    }
}
