//! What keeps call sites of events from flooding console and export.

use crate::bridge::suppress::Suppression;

use super::parse::{Problems, count};
use super::reader::Reader;
use super::variables as table;
use super::{Origin, Settings, show};

/// What is in force. Code that sets a [`Suppression`] sets all of it.
pub(super) fn suppression(settings: &Settings, reader: &mut Reader<'_>) -> Suppression {
    if let Some(code) = settings.suppression {
        let shown = format!(
            "{}, {}, errors {}",
            code.per_second
                .map_or_else(|| "no rate".to_owned(), |rate| format!("{rate} per second")),
            code.duplicates_for.map_or_else(
                || "duplicates pass".to_owned(),
                |window| format!("duplicates for {}", show::duration(&window))
            ),
            code.errors,
        );
        reader.note("suppression", shown, Origin::Code);
        return code;
    }
    let rate = reader.read(&table::SUPPRESSION_RATE);
    let duplicates = reader.read(&table::SUPPRESSION_DUPLICATES);
    let none = || ("none".to_owned(), Origin::Default);
    let shown = |value: String, origin: &Origin| (value, origin.clone());
    let (text, origin) = rate
        .as_ref()
        .map_or_else(none, |(rate, origin)| shown(rate.to_string(), origin));
    reader.note("suppression.rate", text, origin);
    let (text, origin) = duplicates.as_ref().map_or_else(none, |(window, origin)| {
        shown(show::duration(window), origin)
    });
    reader.note("suppression.duplicates", text, origin);
    Suppression {
        per_second: rate.map(|(rate, _)| rate),
        duplicates_for: duplicates.map(|(window, _)| window),
        errors: reader.pick(
            "suppression.errors",
            None,
            &table::SUPPRESSION_ERRORS,
            show::display,
        ),
    }
}

/// Events in a second, at least one.
pub(super) fn rate(text: &str, problems: &mut Problems) -> Option<u32> {
    count(text, problems).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX))
}
