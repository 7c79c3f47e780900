//! The demo, configured by its file and by variables: the same story.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail by panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One round of orders, with nothing of this machine's settings.
fn demo(file: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checkout"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    if let Some(file) = file {
        command.env("OTEL_CONFIG_FILE", file);
    }
    command.arg("--once").output().unwrap()
}

/// What the demo shows, without what differs from round to round: numbers, and IDs that are made of them.
fn story(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let words = line.split(' ').map(|word| {
                let is_number = word.chars().any(|letter| letter.is_ascii_digit());
                if is_number { "#" } else { word }
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    // Two spans or series may change their places.
    lines.sort();
    lines
}

#[test]
fn one_file_does_what_the_variables_do() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("trisignal.yaml");
    let by_variables = story(&demo(None));
    assert!(by_variables.len() > 30, "{by_variables:#?}");
    assert_eq!(story(&demo(Some(&file))), by_variables);
}

/// That the file is read at all: with one mistake in it no service starts.
#[test]
fn a_mistake_in_the_file_ends_the_demo() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("trisignal.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let broken = std::env::temp_dir().join(format!("checkout-{}.yaml", std::process::id()));
    std::fs::write(&broken, text.replace("otlp_http:", "otlp_htp:")).unwrap();
    let output = demo(Some(&broken));
    std::fs::remove_file(&broken).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("is not a known span exporter; did you mean `otlp_http`?"),
        "{said}"
    );
}
