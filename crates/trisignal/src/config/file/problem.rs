//! What is wrong in a configuration file, and where.

use std::borrow::Cow;
use std::fmt;

use super::super::Warning;
use super::values::Given;
use crate::error::{Error, ErrorKind};

/// A place in the file; both numbers begin with 1, columns are characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub line: u32,
    pub column: u32,
}

/// One thing that is wrong in a configuration file. Texts hold no secrets.
///
/// ```text
/// telemetry.yaml:12:9: tracer_provider.processors[0].batch.schedule_delay: expected a whole number from 0, found a text
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub(super) file: String,
    pub(super) at: Position,
    pub(super) path: String,
    pub(super) text: String,
}

impl FileProblem {
    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1; 0 where the problem is the file itself.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.at.line
    }

    /// The column in characters, from 1; 0 where the problem is the file itself.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.at.column
    }

    /// The place in the document, such as `tracer_provider.processors[0].batch`; empty for the document as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was expected, and what is there.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// File, position and path, as far as they are known.
    pub(super) fn place(&self) -> String {
        let mut place = self.file.clone();
        if self.at.line > 0 {
            place.push_str(&format!(":{}:{}", self.at.line, self.at.column));
        }
        if !self.path.is_empty() {
            place.push_str(&format!(": {}", self.path));
        }
        place
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.text)
    }
}

/// A problem that does not know its file yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub at: Position,
    pub path: String,
    pub text: String,
    /// What happens instead: then it is a warning.
    pub instead: Option<Cow<'static, str>>,
}

impl Found {
    fn in_file(self, file: &str) -> FileProblem {
        FileProblem {
            file: file.to_owned(),
            at: self.at,
            path: self.path,
            text: self.text,
        }
    }

    /// For those that say what happens instead.
    pub(super) fn into_warning(mut self, file: &str) -> Warning {
        let instead = self.instead.take().unwrap_or_default();
        let problem = self.in_file(file);
        Warning::new(problem.place(), None, problem.text, instead)
    }
}

/// Everything wrong with a document, in the order in which it was found.
#[derive(Debug, Default)]
pub(in super::super) struct Problems(Vec<Found>);

impl Problems {
    pub(super) fn error(&mut self, at: Position, path: impl Into<String>, text: impl Into<String>) {
        self.add(at, path.into(), text.into(), None);
    }

    pub(super) fn warning(
        &mut self,
        at: Position,
        path: impl Into<String>,
        text: impl Into<String>,
        instead: impl Into<Cow<'static, str>>,
    ) {
        self.add(at, path.into(), text.into(), Some(instead.into()));
    }

    /// A value that the parser of its setting can't use. Nothing of a value from a variable is repeated.
    pub(in super::super) fn in_value(&mut self, given: &Given, problem: &str) {
        let mut text = problem.to_owned();
        if given.substituted
            && let Some((before, rest)) = problem.split_once('"')
        {
            let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
            text = format!("{before}\"…\"{after}");
        }
        self.error(given.at, &given.path, text);
    }

    /// One place has one problem: what follows from the first only confuses.
    fn add(
        &mut self,
        at: Position,
        path: String,
        text: String,
        instead: Option<Cow<'static, str>>,
    ) {
        let known = |found: &Found| {
            found.at == at && found.path == path && found.instead.is_some() == instead.is_some()
        };
        if !self.0.iter().any(known) {
            self.0.push(Found {
                at,
                path,
                text,
                instead,
            });
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.0.iter().any(|found| found.instead.is_none())
    }

    /// All errors, in the order of the file.
    pub(super) fn into_error(self, file: &str) -> Error {
        let found = self.into_sorted().into_iter();
        let errors: Vec<FileProblem> = found
            .filter(|found| found.instead.is_none())
            .map(|found| found.in_file(file))
            .collect();
        let mut text = match errors.len() {
            1 => "the configuration file can't be used:".to_owned(),
            many => format!("the configuration file can't be used, {many} errors:"),
        };
        for error in &errors {
            text.push_str(&format!("\n{error}"));
        }
        Error::new(ErrorKind::Configuration, text).with_file_problems(errors)
    }

    /// In the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Found> {
        self.0.sort_by_key(|found| found.at);
        self.0
    }
}
