//! The chores of this repository: `cargo xtask ci`, `tidy` and `stack`.
//!
//! This crate uses no other crate of the workspace, so it builds in seconds on a fresh machine and
//! still runs when everything else is broken.

mod bench;
mod ci;
mod metadata;
mod run;
mod stack;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask ci [STEP…]              everything that a change must pass, or only these steps of it
cargo xtask tidy                    the rules of the house: walls between crates, budgets, module docs
cargo xtask bench [--quick] [PART…] Trisignal and its peers side by side; all of it writes docs/performance.md
cargo xtask stack build             build the Collector and Jaeger from Go modules into the cache
cargo xtask stack up|status|down    run Collector, Jaeger, Tempo, Loki and Prometheus here, without Docker

TRISIGNAL_CACHE   where built backends are kept (default: $XDG_CACHE_HOME/trisignal or ~/.cache/trisignal)
OTELCOL_BIN, JAEGER_BIN, TEMPO_BIN, LOKI_BIN
                  use these programs; nothing is built then
CI                when set, a part that cannot run is a failure, save those with Tempo, Loki and Prometheus
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["ci", steps @ ..] => ci::run(steps),
        ["bench", arguments @ ..] => bench::run(arguments),
        ["tidy"] => tidy::run(),
        ["stack", "build"] => stack::build(),
        ["stack", "up"] => stack::up(),
        ["stack", "status"] => stack::status(),
        ["stack", "down"] => stack::down(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        unknown => {
            eprint!("unknown command: {}\n\n{HELP}", unknown.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
