//! The error of setting up.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::FileProblem;

/// What kind of thing went wrong while telemetry was set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What the builder was told, or a configuration file, can't be used.
    Configuration,
    /// A certificate or key can't be read or used.
    Tls,
    /// Telemetry, another `tracing` subscriber or another `log` logger is installed in this process already.
    AlreadyInstalled,
    /// The operating system refused a thread or another resource.
    System,
}

/// Why telemetry could not be set up. Nothing is installed when it is returned.
///
/// Its text names what is wrong and where, and carries no secrets.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    file_problems: Vec<FileProblem>,
    /// A file that can't be used.
    file: Option<PathBuf>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            source: None,
            file_problems: Vec::new(),
            file: None,
        }
    }

    /// Says which file it is about.
    pub(crate) fn with_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_path_buf());
        self
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Says whose wish can't be fulfilled.
    pub(crate) fn in_setting(mut self, setting: &str) -> Self {
        self.text = format!("{setting}: {}", self.text);
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn with_file_problems(mut self, problems: Vec<FileProblem>) -> Self {
        self.file_problems = problems;
        self
    }

    /// Everything that is wrong in a configuration file; empty for other errors.
    #[must_use]
    pub fn file_problems(&self) -> &[FileProblem] {
        &self.file_problems
    }

    /// The kind of error, to tell apart what a program can react to.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<crate::config::ConfigError> for Error {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(ErrorKind::Configuration, error.to_string())
    }
}
