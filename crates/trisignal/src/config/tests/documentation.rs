//! `docs/configuration.md`, made from the table of variables.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::variables::VARIABLES;

const INTRODUCTION: &str = "\
# Configuration

Every variable that a service with Trisignal reads. What its code says explicitly wins over them, except for the
service name; an empty value is one that is not set. A value that can't be used is a warning that names it, and the default; only
a certificate file that can't be used makes the start fail.
`RUST_LOG=trisignal=debug` shows what is in force, and where each value is from.

Variables marked with ¹ have a form for each signal, which wins over the general one:
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` and so on.

Everything that a variable says, code can say: the column \"in code\" has the method of `Builder`, with `otlp` for a single signal.
Rows without one have no effect, and warn where that could be missed.

This page is made from the table in the code, by
`cargo test -p trisignal write_the_page_of_variables -- --ignored`.

| variable | value | default | in code | effect |
|---|---|---|---|---|
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for row in VARIABLES {
        let mark = if row.per_signal { "¹" } else { "" };
        let default = match row.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let (name, kind, effect) = (row.name, row.kind, row.effect);
        let code = match row.builder {
            "" => String::new(),
            method if row.per_signal => format!("`{method}`, `otlp`"),
            method => format!("`{method}`"),
        };
        writeln!(
            page,
            "| `{name}`{mark} | {kind} | {default} | {code} | {effect} |"
        )
        .unwrap();
    }
    page
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")
}

#[test]
fn the_page_of_variables_is_made_from_the_table() {
    let there = std::fs::read_to_string(file()).unwrap();
    assert_eq!(there, page(), "make it anew with the command that it names");
}

#[test]
#[ignore = "writes docs/configuration.md"]
fn write_the_page_of_variables() {
    std::fs::create_dir_all(file().parent().unwrap()).unwrap();
    std::fs::write(file(), page()).unwrap();
}
