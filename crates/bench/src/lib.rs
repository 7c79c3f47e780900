//! The same work for Trisignal and for its peers, side by side.
//!
//! Telemetry is global to a process, so each candidate does each piece of work in a process of its own, started by
//! this same program; the receiver is another process. The parent interleaves the candidates in rounds and writes
//! `docs/performance.md`.

mod candidates;
mod child;
mod job;
mod measure;
mod page;
mod parent;
mod service;
mod sink;
mod work;

use std::process::ExitCode;

use self::parent::{Part, Scale};

/// Runs something and says how often this thread allocated meanwhile.
pub type CountAllocations = fn(&mut dyn FnMut()) -> u64;

/// What can fail here is told to a person.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program. With `count` the figures are allocations, without it they are times.
pub fn main(count: Option<CountAllocations>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["sink", flags @ ..] => sink::serve(flags.contains(&"--deep")),
        ["run", job] => child::run(job, count),
        ["load", server, milliseconds, rates @ ..] => load(server, milliseconds, rates),
        ["page", file] => parent::load(file).and_then(|results| page::write(&results)),
        ["builds", file] => builds(file),
        ["smoke"] => parent::smoke(),
        parts if parts.iter().all(|part| is_part_or_flag(part)) => measure(parts),
        unknown => Err(format!("unknown command: {}", unknown.join(" ")).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_part_or_flag(word: &str) -> bool {
    ["--quick", "--build"].contains(&word) || word.starts_with(ONLY) || Part::named(word).is_some()
}

/// Jobs with this in their titles, as messages have them.
const ONLY: &str = "--only=";

/// Measures, prints what came out, and writes the page if all of it was measured.
fn measure(words: &[&str]) -> Result {
    let scale = if words.contains(&"--quick") {
        Scale::Quick
    } else {
        Scale::Full
    };
    let named: Vec<Part> = words.iter().filter_map(|word| Part::named(word)).collect();
    let parts = if named.is_empty() { Part::ALL } else { &named };
    let only = words.iter().find_map(|word| word.strip_prefix(ONLY));
    let results = parent::run(parts, scale, only, words.contains(&"--build"))?;
    parent::save(&results)?;
    page::print(&results);
    if named.is_empty() && only.is_none() && scale == Scale::Full {
        page::write(&results)?;
    }
    Ok(())
}

/// Adds clean builds to the results of an earlier run, and writes the page from them.
fn builds(file: &str) -> Result {
    let mut results = parent::load(file)?;
    parent::add_builds(&mut results);
    parent::save(&results)?;
    page::write(&results)
}

/// Asks a server in a closed loop, or so many times a second, and prints what came out.
fn load(server: &str, milliseconds: &str, rates: &[&str]) -> Result {
    let time = std::time::Duration::from_millis(milliseconds.parse()?);
    measure::pin(std::process::id(), 1);
    let mut figures = match rates {
        [rate, ..] => service::open(server, rate.parse()?, time)?,
        [] => service::closed(server, time)?,
    };
    // Nothing was answered: then there are no quantiles, and JSON has no word for that.
    figures.retain(|_, figure| figure.is_finite());
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}
