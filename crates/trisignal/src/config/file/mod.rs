//! The declarative configuration of OpenTelemetry, schema 1.1: a YAML file that replaces all variables.
//!
//! [`read`] takes the bytes, [`compose`] makes a tree of them with variables in their places, [`validate`] holds it against the
//! tables of [`schema`], [`values`] and the modules next to it make settings of it. Each part goes on after an error as long as
//! it makes sense, so that an operator sees all of them at once. Nothing of it panics, and no part takes more time or memory
//! than a file of 1 MiB allows.

mod compose;
mod cursor;
mod exporters;
mod headers;
mod nearest;
mod node;
mod pattern;
mod problem;
mod read;
mod resource;
mod sampler;
mod schema;
mod scopes;
mod substitute;
#[cfg(test)]
mod tests;
mod validate;
mod values;
mod version;
mod views;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::redact::value_for_people;
use super::resolve::resolve_from;
use super::variables as table;
use super::{Config, ConfigError, Effective, Environment, Origin, Settings, Warning};
use crate::error::Error;
use cursor::Cursor;
use node::Node;
use problem::Position;
use validate::Validator;
use values::Values;

pub(super) use exporters::exporters;
pub(super) use headers::captured_headers;
pub use problem::FileProblem;
pub(super) use problem::Problems;
pub(super) use resource::{baggage_attributes, identity};
pub(super) use sampler::sampler;
pub(super) use scopes::scopes;
pub(super) use views::{kind_limits, views};

/// Names the file.
pub(super) const VARIABLE: &str = table::CONFIG_FILE.name;
/// Its name before the specification was stable.
const OLD_VARIABLE: &str = table::EXPERIMENTAL_CONFIG_FILE.name;

/// A file that could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// The path of the file, for people.
    name: String,
    root: Node,
    pub(super) values: Values,
}

impl Document {
    pub(super) fn origin(&self, at: Position) -> Origin {
        Origin::File {
            path: self.name.clone(),
            line: at.line,
        }
    }
}

/// What is in force: by code and the configuration file where there is one, else by code and variables.
///
/// # Errors
///
/// When code asked for something impossible, or when the file can't be used: with everything that is wrong in it.
pub(crate) fn load(settings: &Settings, environment: &dyn Environment) -> Result<Config, Error> {
    let mut warnings = Vec::new();
    let Some((path, origin)) = path(settings, environment, &mut warnings) else {
        let mut config = super::resolve(settings, environment)?;
        note(&mut config, "none".to_owned(), Origin::Default);
        return Ok(config);
    };
    let mut config = load_file(&path, settings, environment)?;
    config.warnings.splice(0..0, warnings);
    note(
        &mut config,
        value_for_people(&path.to_string_lossy()),
        origin,
    );
    Ok(config)
}

/// The file that is in force, if there is one.
pub(crate) fn in_force(settings: &Settings, environment: &dyn Environment) -> Option<PathBuf> {
    path(settings, environment, &mut Vec::new()).map(|(path, _)| path)
}

fn note(config: &mut Config, value: String, origin: Origin) {
    let key = "config_file".to_owned();
    config.effective.insert(0, Effective { key, value, origin });
}

/// The file that code names, else the variable.
fn path(
    settings: &Settings,
    environment: &dyn Environment,
    warnings: &mut Vec<Warning>,
) -> Option<(PathBuf, Origin)> {
    if let Some(path) = &settings.config_file {
        return Some((path.clone(), Origin::Code));
    }
    let variable = |name: &str| environment.var(name).filter(|path| !path.is_empty());
    let old = variable(OLD_VARIABLE);
    if old.is_some() {
        let problem = format!("is the old name of {VARIABLE}");
        let instead = match variable(VARIABLE) {
            Some(_) => "the new one is used",
            None => "it is used all the same",
        };
        warnings.push(Warning::new(OLD_VARIABLE, None, problem, instead));
    }
    let named = |path, name: &str| (PathBuf::from(path), Origin::Environment(name.to_owned()));
    let new = variable(VARIABLE).map(|path| named(path, VARIABLE));
    new.or_else(|| old.map(|path| named(path, OLD_VARIABLE)))
}

/// The configuration of one file.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn load_file(
    path: &Path,
    settings: &Settings,
    environment: &dyn Environment,
) -> Result<Config, Error> {
    let name = value_for_people(&path.to_string_lossy());
    let text = read::read(path).map_err(|(line, problem)| {
        let mut problems = Problems::default();
        let at = Position {
            line,
            column: u32::from(line > 0),
        };
        problems.error(at, "", problem);
        problems.into_error(&name)
    })?;
    let mut config = from_text(&name, &text, settings, environment)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    if !matches!(extension, Some("yaml" | "yml")) {
        let problem = "does not end with .yaml or .yml";
        config
            .warnings
            .insert(0, Warning::new(name, None, problem, "it is read as YAML"));
    }
    Ok(config)
}

/// The configuration in a text; `name` is the file's, for messages.
pub(super) fn from_text(
    name: &str,
    text: &str,
    settings: &Settings,
    environment: &dyn Environment,
) -> Result<Config, Error> {
    let mut problems = Problems::default();
    let Some(root) = parse(text, environment, &mut problems) else {
        return Err(problems.into_error(name));
    };
    let values = Values::of(&Cursor::root(&root), &mut problems);
    let document = Document {
        name: name.to_owned(),
        root,
        values,
    };
    let reader = &mut Reader::of_file(environment, &document);
    reader.file_problems = problems;
    let resolved = resolve_from(settings, reader);
    let problems = std::mem::take(&mut reader.file_problems);
    if problems.has_errors() {
        return Err(problems.into_error(name));
    }
    let mut config = resolved.map_err(|error: ConfigError| Error::from(error))?;
    let more = problems.into_sorted().into_iter();
    let more = more.map(|found| found.into_warning(name));
    config.warnings.splice(0..0, more);
    Ok(config)
}

/// Parses, substitutes and validates. What is wrong goes to `problems`; `None` when there is no document at all.
fn parse(text: &str, environment: &dyn Environment, problems: &mut Problems) -> Option<Node> {
    // The parser promises not to panic; a service must not depend on it.
    let composed = catch_unwind(AssertUnwindSafe(|| {
        compose::compose(text, environment, problems)
    }));
    let root = composed.unwrap_or_else(|_| {
        problems.error(Position::default(), "", "the YAML parser failed");
        None
    });
    let Some(root) = root.filter(|root| !root.is_null()) else {
        if !problems.has_errors() {
            let text = "is empty: expected at least the key `file_format`";
            problems.error(Position::default(), "", text);
        }
        return None;
    };
    let cursor = Cursor::root(&root);
    let unknown = version::check(&cursor, problems)?;
    Validator { problems, unknown }.mapping(&cursor, &schema::ROOT);
    Some(root)
}
