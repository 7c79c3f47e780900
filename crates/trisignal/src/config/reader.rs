//! Reads variables by the table, and keeps account of what is in force, where it is from, and what was wrong.

use super::file::Document;
use super::parse::Problems;
use super::redact::{endpoint_for_people, value_for_people};
use super::variables::{Show, Signal, Variable};
use super::{Effective, Environment, Origin, Warning};

/// The longest value of a variable, in bytes. Linux has no room for longer ones than twice that.
const LONGEST: usize = 1 << 16;

pub(super) struct Reader<'a> {
    environment: &'a dyn Environment,
    /// A configuration file, which replaces all variables.
    pub file: Option<&'a Document>,
    /// What of the file can't be used.
    pub file_problems: super::file::Problems,
    pub warnings: Vec<Warning>,
    pub effective: Vec<Effective>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Environment) -> Self {
        Self {
            environment,
            file: None,
            file_problems: super::file::Problems::default(),
            warnings: Vec::new(),
            effective: Vec::new(),
        }
    }

    /// Reads what a file says, and no variable.
    pub(super) fn of_file(environment: &'a dyn Environment, file: &'a Document) -> Self {
        Self {
            file: Some(file),
            ..Self::new(environment)
        }
    }

    /// What code says, else the variable, else its default; noted under `key` as `shown` puts it.
    ///
    /// A variable that code overrules is not even looked at: its mistakes have no effect.
    pub(super) fn pick<T>(
        &mut self,
        key: &str,
        code: Option<T>,
        variable: &Variable<T>,
        shown: fn(&T) -> String,
    ) -> T {
        let (value, origin) = match code {
            Some(value) => (value, Origin::Code),
            None => self.read_or_default(variable),
        };
        self.note(key, shown(&value), origin);
        value
    }

    /// As [`pick`](Self::pick), where the signal's own variable wins over the one for all signals.
    pub(super) fn pick_for<T>(
        &mut self,
        signal: Signal,
        key: &str,
        code: Option<T>,
        variable: &Variable<T>,
        shown: fn(&T) -> String,
    ) -> T {
        let (value, origin) = match code {
            Some(value) => (value, Origin::Code),
            None => self
                .read_for(signal, variable)
                .unwrap_or_else(|| (default_of(variable), Origin::Default)),
        };
        self.note(&format!("{}.{key}", signal.name()), shown(&value), origin);
        value
    }

    /// The value and its variable, or `None` when it is unset or unusable; in the second case there is a warning.
    pub(super) fn read<T>(&mut self, variable: &Variable<T>) -> Option<(T, Origin)> {
        self.read_named(variable, variable.name, &default_is_used(variable))
    }

    /// The variable, else its default.
    pub(super) fn read_or_default<T>(&mut self, variable: &Variable<T>) -> (T, Origin) {
        self.read(variable)
            .unwrap_or_else(|| (default_of(variable), Origin::Default))
    }

    /// The signal's own form, else the form for all signals.
    pub(super) fn read_for<T>(
        &mut self,
        signal: Signal,
        variable: &Variable<T>,
    ) -> Option<(T, Origin)> {
        self.read_own(signal, variable)
            .or_else(|| self.read(variable))
    }

    /// The signal's own form only.
    pub(super) fn read_own<T>(
        &mut self,
        signal: Signal,
        variable: &Variable<T>,
    ) -> Option<(T, Origin)> {
        let own = signal.own_name(variable.name);
        self.read_named(variable, &own, "the setting for all signals is used")
    }

    /// Text that is neither absent, nor empty, nor broken.
    fn text(&mut self, name: &str, instead: &str) -> Option<String> {
        let Ok(text) = self.environment.var(name)?.into_string() else {
            self.warn(Warning::new(name, None, "is not UTF-8", instead));
            return None;
        };
        let text = text.trim();
        if text.len() > LONGEST {
            let problem = format!("is longer than {LONGEST} bytes");
            self.warn(Warning::new(name, None, problem, instead));
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn read_named<T>(
        &mut self,
        variable: &Variable<T>,
        name: &str,
        instead: &str,
    ) -> Option<(T, Origin)> {
        if let Some(file) = self.file {
            return self.read_in(file, variable, name);
        }
        let text = self.text(name, instead)?;
        let mut problems = Problems::default();
        let value = (variable.parse)(&text, &mut problems);
        let shown = match variable.show {
            Show::Plain => Some(value_for_people(&text)),
            Show::Endpoint => Some(endpoint_for_people(&text)),
            Show::Secret => None,
        };
        for problem in problems.0 {
            let instead = problem.instead.unwrap_or_else(|| instead.to_owned());
            self.warn(Warning::new(name, shown.clone(), problem.problem, instead));
        }
        value.map(|value| (value, Origin::Environment(name.to_owned())))
    }

    /// A variable of the environment, also where a file replaces it.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let text = self.environment.var(name)?.into_string().ok()?;
        (!text.trim().is_empty()).then(|| text.trim().to_owned())
    }

    /// As [`read_named`](Self::read_named), from the file: what is wrong there is an error.
    fn read_in<T>(
        &mut self,
        file: &Document,
        variable: &Variable<T>,
        name: &str,
    ) -> Option<(T, Origin)> {
        let given = file.values.get(name)?;
        let mut problems = Problems::default();
        let value = (variable.parse)(given.text.trim(), &mut problems);
        for problem in problems.0 {
            self.file_problems.in_value(given, &problem.problem);
        }
        value.map(|value| (value, file.origin(given.at)))
    }

    /// A whole number of the file that no variable stands for, by the key of its explanation.
    pub(super) fn number_of_file(&self, key: &str) -> Option<(u64, Origin)> {
        let file = self.file?;
        let given = file.values.get(key)?;
        Some((given.text.parse().ok()?, file.origin(given.at)))
    }

    /// Three signals read the same variable: its mistake is told once.
    pub(super) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn note(&mut self, key: &str, value: impl Into<String>, origin: Origin) {
        self.effective.push(Effective {
            key: key.to_owned(),
            value: value.into(),
            origin,
        });
    }
}

fn default_is_used<T>(variable: &Variable<T>) -> String {
    match variable.default {
        "" => "it is left out".to_owned(),
        default => format!("{default} is used"),
    }
}

/// The default, read by the same parser as any other value.
fn default_of<T>(variable: &Variable<T>) -> T {
    let default = (variable.parse)(variable.default, &mut Problems::default());
    #[expect(
        clippy::expect_used,
        reason = "a constant of the table; a test parses the default of every row"
    )]
    default.expect("every default of the table is valid")
}
