//! What a person reads: `docs/performance.md`, its chart, and the same on standard output.

mod chart;
mod format;
mod tables;
mod verdicts;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::parent::{Results, Scale};

/// What is between these lines is written anew; what is outside of them is kept.
const BEGIN: &str = "<!-- from here on written by `cargo xtask bench` -->";
const END: &str = "<!-- to here -->";

/// Prints the tables.
pub(crate) fn print(results: &Results) {
    println!("{}", text(results));
}

/// Writes the page and the chart beside it.
///
/// # Errors
///
/// When a file can't be written.
pub(crate) fn write(results: &Results) -> Result {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = docs.join("performance.md");
    let old =
        fs::read_to_string(&page).unwrap_or_else(|_| format!("# Performance\n\n{BEGIN}\n{END}\n"));
    write_file(
        &page,
        &replaced(&old, &text(results)).ok_or("the page has lost its marks")?,
    )?;
    write_file(&docs.join("performance.svg"), &chart::svg(results))
}

fn write_file(file: &PathBuf, text: &str) -> Result {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn replaced(old: &str, new: &str) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n\n{}\n{END}{after}",
        new.trim_start()
    ))
}

fn text(results: &Results) -> String {
    let mut page = String::new();
    introduction(results, &mut page);
    if results.scale != Scale::Smoke {
        page += &verdicts::text(results);
    }
    page += &tables::text(results);
    page
}

fn introduction(results: &Results, page: &mut String) {
    let machine = &results.machine;
    let rounds = results.scale.rounds();
    *page += &format!(
        "Measured on {} with `cargo xtask bench`: {rounds} round{}, candidates interleaved, medians of the rounds. {}, {} processors, \
         {}, {}, commit {}. Load average {} at the beginning and {} at the end: the machine was shared, so read \
         ratios, not nanoseconds.\n\n",
        machine.date,
        if rounds == 1 { "" } else { "s" },
        machine.processor,
        machine.processors,
        machine.kernel,
        machine.rustc,
        machine.commit,
        machine.load[0],
        machine.load[1],
    );
    let crates: Vec<String> = machine
        .crates
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    *page += &format!(
        "Versions: {}. logfire is built on OpenTelemetry 0.32, all others on 0.33.\n\n",
        crates.join(", ")
    );
    *page += "![Trisignal and its peers](performance.svg)\n\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_hand_is_kept() {
        let old = format!("# Performance\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n");
        let new = replaced(&old, "new\n").unwrap_or_default();
        assert_eq!(
            new,
            format!("# Performance\n\nBefore.\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n")
        );
        assert!(replaced("no marks", "new").is_none());
    }
}
