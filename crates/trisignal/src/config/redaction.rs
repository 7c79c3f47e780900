//! What is hidden in console lines, log records and spans.

use crate::redact::{Redaction, Redactor};

use super::parse::{Problems, list, name_for_people, names};
use super::reader::Reader;
use super::redact::value_for_people;
use super::variables as table;
use super::{Settings, show};

/// The redactor in force. Code that sets a [`Redaction`] sets all of it.
pub(super) fn redactor(settings: &Settings, reader: &mut Reader<'_>) -> Redactor {
    let code = settings.redaction.as_ref();
    let kinds = reader.pick("redaction", code.cloned(), &table::REDACTION, show::display);
    let redaction = Redaction {
        more_keys: reader.pick(
            "redaction.keys",
            code.map(|code| code.more_keys.clone()),
            &table::REDACTION_KEYS,
            shown,
        ),
        query_parameters: reader.pick(
            "redaction.query_parameters",
            code.map(|code| code.query_parameters.clone()),
            &table::REDACTION_QUERY_PARAMETERS,
            shown,
        ),
        ..kinds
    };
    Redactor::new(redaction, settings.own_redaction.clone())
}

/// A list of kinds; one that is unknown makes it void, so that a mistake never shows what was to be hidden.
pub(super) fn kinds(text: &str, problems: &mut Problems) -> Option<Redaction> {
    match Redaction::parse(list(text)) {
        Ok(redaction) => Some(redaction),
        Err(unknown) => {
            let unknown = name_for_people(unknown);
            problems.reject(format!(
                "asks to hide \"{unknown}\", which is none of keys, tokens, urls, card_numbers, emails, on, off"
            ))
        }
    }
}

/// Words, none at all by default.
pub(super) fn words(text: &str, problems: &mut Problems) -> Option<Vec<String>> {
    match text {
        "" => Some(Vec::new()),
        text => names(text, problems),
    }
}

#[expect(
    clippy::ptr_arg,
    reason = "one of the functions that show what a variable holds"
)]
fn shown(names: &Vec<String>) -> String {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    value_for_people(&show::list(&names))
}
