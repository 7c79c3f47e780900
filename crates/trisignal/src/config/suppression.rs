//! What keeps call sites of events from flooding console and export.

use crate::bridge::suppress::Suppression;

use super::parse::{Problems, count};
use super::reader::Reader;
use super::variables as table;
use super::{Origin, Settings, show};

/// What is in force. Code that sets a [`Suppression`] sets all of it.
pub(super) fn suppression(settings: &Settings, reader: &mut Reader<'_>) -> Suppression {
    let code = settings.suppression;
    let rate = match code {
        Some(code) => code.per_second.map(|rate| (rate, Origin::Code)),
        None => reader.read(&table::SUPPRESSION_RATE),
    };
    let duplicates = match code {
        Some(code) => code.duplicates_for.map(|window| (window, Origin::Code)),
        None => reader.read(&table::SUPPRESSION_DUPLICATES),
    };
    let nothing = || match code {
        Some(_) => Origin::Code,
        None => Origin::Default,
    };
    let none = || "none".to_owned();
    let (rate, origin) = rate.unzip();
    let shown = rate.map_or_else(none, |rate| rate.to_string());
    reader.note("suppression.rate", shown, origin.unwrap_or_else(nothing));
    let (window, origin) = duplicates.unzip();
    let shown = window.as_ref().map_or_else(none, show::duration);
    reader.note(
        "suppression.duplicates",
        shown,
        origin.unwrap_or_else(nothing),
    );
    Suppression {
        per_second: rate,
        duplicates_for: window,
        errors: reader.pick(
            "suppression.errors",
            code.map(|code| code.errors),
            &table::SUPPRESSION_ERRORS,
            show::display,
        ),
    }
}

/// Events in a second, at least one.
pub(super) fn rate(text: &str, problems: &mut Problems) -> Option<u32> {
    count(text, problems).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX))
}
