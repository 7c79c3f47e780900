//! From the text of a variable to its value, by the rules of the OpenTelemetry specification.
//!
//! Every parser takes trimmed, non-empty text, never panics, and answers `None` when the variable counts as unset.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Directive;
use trisignal_instrumentation::propagation::Format;

use super::redact::value_for_people;
use super::{Compression, ConsoleFormat, Protocol, Temporality};
use crate::metrics::OwnMetrics;

/// Durations are cut to a year: longer ones mean "never", and must not overflow a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Queues and loops need a delay that makes progress visible without spinning.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is wrong with one value.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub Vec<Problem>);

#[derive(Debug)]
pub(crate) struct Problem {
    /// Continues the sentence that begins with the variable.
    pub problem: String,
    /// `None`: the next source is used, in the end the default.
    pub instead: Option<String>,
}

/// So many mistakes in one value are told.
const MOST_TOLD: usize = 8;

impl Problems {
    /// The value is unusable.
    pub(super) fn reject<T>(&mut self, problem: impl Into<String>) -> Option<T> {
        self.add(problem.into(), None);
        None
    }

    /// `instead` is what happens; `None` is that the next source is used. Of many mistakes only the first are told.
    pub(super) fn add(&mut self, problem: String, instead: Option<String>) {
        let problem = match self.0.len() {
            0..MOST_TOLD => problem,
            MOST_TOLD => "has more mistakes than these".to_owned(),
            _ => return,
        };
        self.0.push(Problem { problem, instead });
    }

    /// A part of the value is unusable.
    pub(super) fn note(&mut self, problem: impl Into<String>, instead: impl Into<String>) {
        self.add(problem.into(), Some(instead.into()));
    }
}

pub(super) fn text(text: &str, _: &mut Problems) -> Option<String> {
    Some(text.to_owned())
}

/// The name of a file. Where its content was put instead, nothing must repeat it: it may be a private key.
pub(super) fn path(text: &str, problems: &mut Problems) -> Option<PathBuf> {
    if text.contains("-----BEGIN") {
        return problems.reject("holds the content of a file in place of its name");
    }
    Some(PathBuf::from(text))
}

/// Only `true` is true. Anything else is false, with a warning unless it is `false`.
pub(super) fn boolean(text: &str, problems: &mut Problems) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    if !text.eq_ignore_ascii_case("false") {
        problems.note("is neither `true` nor `false`", "false is used");
    }
    Some(false)
}

/// What is on by default, which no boolean variable may be: all but `true` would be false there. Files say it as a boolean.
pub(super) fn switch(text: &str, problems: &mut Problems) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => problems.reject("is neither on nor off"),
    }
}

fn whole_number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn milliseconds(text: &str, problems: &mut Problems) -> Option<Duration> {
    match whole_number(text) {
        Some(milliseconds) => Some(Duration::from_millis(milliseconds).min(LONGEST)),
        None => problems.reject("is not a whole number of milliseconds"),
    }
}

/// 0 is "at once", which is the shortest delay.
pub(super) fn duration(text: &str, problems: &mut Problems) -> Option<Duration> {
    milliseconds(text, problems).map(delay)
}

/// A delay that neither spins nor overflows.
pub(super) fn delay(asked: Duration) -> Duration {
    asked.clamp(SHORTEST, LONGEST)
}

/// 0 is no limit.
pub(super) fn timeout(text: &str, problems: &mut Problems) -> Option<Option<Duration>> {
    milliseconds(text, problems).map(limit_of_time)
}

/// The time limit that a duration stands for: none for zero.
pub(super) fn limit_of_time(asked: Duration) -> Option<Duration> {
    (!asked.is_zero()).then(|| asked.min(LONGEST))
}

pub(super) fn interval(text: &str, problems: &mut Problems) -> Option<Duration> {
    match milliseconds(text, problems)? {
        Duration::ZERO => problems.reject("is 0, which is no interval"),
        interval => Some(delay(interval)),
    }
}

pub(super) fn count(text: &str, problems: &mut Problems) -> Option<usize> {
    match whole_number(text) {
        Some(0) => problems.reject("is 0, which holds nothing"),
        Some(number) => Some(usize::try_from(number).unwrap_or(usize::MAX)),
        None => problems.reject("is not a whole number above 0"),
    }
}

pub(super) fn limit(text: &str, problems: &mut Problems) -> Option<u32> {
    match whole_number(text) {
        Some(number) => Some(u32::try_from(number).unwrap_or(u32::MAX)),
        None => problems.reject("is not a whole number"),
    }
}

/// As [`limit`], of a length.
pub(super) fn length(text: &str, problems: &mut Problems) -> Option<usize> {
    limit(text, problems).and_then(|length| usize::try_from(length).ok())
}

pub(super) fn ratio(text: &str, problems: &mut Problems) -> Option<f64> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Some(ratio),
        _ => problems.reject("is not a number from 0 to 1"),
    }
}

pub(super) fn temporality(text: &str, problems: &mut Problems) -> Option<Temporality> {
    match text.to_ascii_lowercase().as_str() {
        "cumulative" => Some(Temporality::Cumulative),
        "delta" => Some(Temporality::Delta),
        "lowmemory" => Some(Temporality::LowMemory),
        _ => problems.reject("is none of cumulative, delta, lowmemory"),
    }
}

pub(super) fn protocol(text: &str, problems: &mut Problems) -> Option<Protocol> {
    match text.to_ascii_lowercase().as_str() {
        "grpc" => Some(Protocol::Grpc),
        "http/protobuf" => Some(Protocol::HttpProtobuf),
        "http/json" => Some(Protocol::HttpJson),
        _ => problems.reject("is none of grpc, http/protobuf, http/json"),
    }
}

pub(super) fn compression(text: &str, problems: &mut Problems) -> Option<Compression> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Some(Compression::Auto),
        "none" => Some(Compression::None),
        "zstd" => Some(Compression::Zstd),
        "gzip" => Some(Compression::Gzip),
        _ => problems.reject("is none of auto, none, gzip, zstd"),
    }
}

/// The specification names no values; these are those of its declarative file, and `none` for nothing.
pub(super) fn level(text: &str, problems: &mut Problems) -> Option<LevelFilter> {
    match text.to_ascii_lowercase().as_str() {
        "none" | "off" => Some(LevelFilter::OFF),
        // The process goes on, so nothing that we say is fatal.
        "fatal" | "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => problems.reject("is none of none, error, warn, info, debug, trace"),
    }
}

/// Names in their own case, each once.
pub(super) fn names(text: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let names = text.split(',').map(str::trim);
    let names: Vec<String> = names
        .filter(|name| !name.is_empty() && seen.insert(*name))
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        return problems.reject("has no name in it");
    }
    Some(names)
}

pub(super) fn console(text: &str, problems: &mut Problems) -> Option<ConsoleFormat> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Some(ConsoleFormat::Auto),
        "pretty" => Some(ConsoleFormat::Pretty),
        "json" => Some(ConsoleFormat::Json),
        "ecs" => Some(ConsoleFormat::Ecs),
        // `none` is how all variables of OpenTelemetry spell "nothing at all".
        "off" | "none" => Some(ConsoleFormat::Off),
        _ => problems.reject("is none of auto, pretty, json, ecs, off"),
    }
}

/// Filter directives: only checked and tidied, the filter is built by whoever uses it.
pub(super) fn filter(text: &str, problems: &mut Problems) -> Option<String> {
    match filter_directives(text) {
        Ok(directives) => Some(directives),
        Err(bad) => problems.reject(format!(
            "holds the directive \"{bad}\", which can't be read"
        )),
    }
}

/// The directives without blanks between them, or the first that can't be read.
pub(crate) fn filter_directives(text: &str) -> Result<String, String> {
    let directives: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .collect();
    if directives.is_empty() {
        // It would let nothing pass, which `off` says better.
        return Err(value_for_people(text));
    }
    match directives
        .iter()
        .find(|directive| directive.parse::<Directive>().is_err())
    {
        Some(bad) => Err(value_for_people(bad)),
        None => Ok(directives.join(",")),
    }
}

/// The parts of a list, trimmed, without empty ones, in their own case.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A name that is not known, as far as it looks like one: a part of a secret may not look like one any more.
pub(super) fn name_for_people(name: &str) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    match name.len() <= 64 && name.chars().all(in_name) {
        true => value_for_people(name),
        false => "***".to_owned(),
    }
}

/// The groups that are asked for, each once and in order.
pub(super) fn own_metrics(text: &str, problems: &mut Problems) -> Option<Vec<OwnMetrics>> {
    let mut chosen = Vec::new();
    let mut none = false;
    let mut unknown = Vec::new();
    for name in list(text) {
        match OwnMetrics::ALL
            .into_iter()
            .find(|group| group.as_str().eq_ignore_ascii_case(name))
        {
            Some(group) if chosen.contains(&group) => {}
            Some(group) => chosen.push(group),
            None if name.eq_ignore_ascii_case("none") => none = true,
            None => unknown.push(name),
        }
    }
    let nothing_left = chosen.is_empty() && !none;
    for name in unknown {
        let problem = format!(
            "asks for the group \"{}\", which is none of process, runtime, pipeline, none",
            name_for_people(name)
        );
        let instead = (!nothing_left).then(|| "it is left out".to_owned());
        problems.add(problem, instead);
    }
    if none && !chosen.is_empty() {
        problems.note("asks for `none` next to other groups", "`none` is left out");
    }
    (!nothing_left).then_some(chosen)
}

/// The formats that are asked for, each once and in order.
pub(super) fn propagators(text: &str, problems: &mut Problems) -> Option<Vec<Format>> {
    let mut chosen = Vec::new();
    let mut none = false;
    let mut unknown = Vec::new();
    for name in list(text) {
        match Format::by_name(name) {
            Ok(Some(format)) if chosen.contains(&format) => {}
            Ok(Some(format)) => chosen.push(format),
            Ok(None) => none = true,
            Err(reason) => unknown.push((name, reason)),
        }
    }
    let nothing_left = chosen.is_empty() && !none;
    for (name, reason) in unknown {
        let problem = format!(
            "asks for the propagator \"{}\", which is {reason}",
            name_for_people(name)
        );
        let instead = (!nothing_left).then(|| "it is left out".to_owned());
        problems.add(problem, instead);
    }
    if none && !chosen.is_empty() {
        problems.note(
            "asks for `none` next to other propagators",
            "`none` is left out",
        );
    }
    (!nothing_left).then_some(chosen)
}
