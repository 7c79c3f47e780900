//! `${NAME}`, `${env:NAME}`, `${NAME:-default}` and `$$` in values.
//!
//! The text is read once, from left to right: `$$` is a `$` and splits the text, what is between two of them is searched
//! for references, and what a reference stands for is not read again. A `${` without its `}` in the same part is text.

use super::super::Environment;

/// What a value may grow to by its variables, in bytes.
const LONGEST: usize = 1 << 20;

/// Why a value has no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not a reference, although it begins and ends like one.
    Invalid,
    /// The variable of this name is not UTF-8.
    NotUtf8(String),
    TooLong,
}

/// The text that `raw` stands for, or `None` when it holds nothing to substitute.
pub(super) fn substituted(
    raw: &str,
    environment: &dyn Environment,
) -> Result<Option<String>, Failure> {
    if !raw.contains("$$") && !raw.contains("${") {
        return Ok(None);
    }
    let mut out = String::with_capacity(raw.len());
    for (index, part) in raw.split("$$").enumerate() {
        if index > 0 {
            out.push('$');
        }
        references(part, environment, &mut out)?;
    }
    Ok(Some(out))
}

/// Whether a variable has a part in it, and not only `$$`.
pub(super) fn has_reference(raw: &str) -> bool {
    raw.split("$$").any(|part| {
        part.split_once("${")
            .is_some_and(|(_, rest)| rest.contains('}'))
    })
}

fn references(
    mut part: &str,
    environment: &dyn Environment,
    out: &mut String,
) -> Result<(), Failure> {
    while let Some((before, rest)) = part.split_once("${") {
        let Some((inside, after)) = rest.split_once('}') else {
            break;
        };
        let reference = Reference::parse(inside).ok_or(Failure::Invalid)?;
        push(out, before)?;
        push(out, &reference.value(environment)?)?;
        part = after;
    }
    push(out, part)
}

fn push(out: &mut String, text: &str) -> Result<(), Failure> {
    if out.len() + text.len() > LONGEST {
        return Err(Failure::TooLong);
    }
    out.push_str(text);
    Ok(())
}

struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn parse(inside: &'a str) -> Option<Self> {
        let inside = inside.strip_prefix("env:").unwrap_or(inside);
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let mut bytes = name.bytes();
        let starts = bytes
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // The grammar has ASCII only. Other letters have no second meaning; a line break or a control character is a mistake.
        let default_fits = default.is_none_or(|text| {
            text.chars()
                .all(|character| character == '\t' || !character.is_control())
        });
        (starts && goes_on && default_fits).then_some(Self { name, default })
    }

    /// The variable, else the default. An empty variable is an unset one.
    fn value(&self, environment: &dyn Environment) -> Result<String, Failure> {
        let value = match environment.var(self.name) {
            Some(value) => value
                .into_string()
                .map_err(|_| Failure::NotUtf8(self.name.to_owned()))?,
            None => String::new(),
        };
        Ok(match self.default {
            Some(default) if value.is_empty() => default.to_owned(),
            _ => value,
        })
    }
}
