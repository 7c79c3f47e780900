//! What of events is written, and how: the console, what is hidden, what is kept back.

#[cfg(feature = "rotation")]
use std::path::PathBuf;
use std::sync::Arc;

use super::Builder;
use crate::bridge::suppress::Suppression;
#[cfg(feature = "rotation")]
use crate::console::Rotation;
use crate::console::{ConsoleFormat, ConsoleWriter};
use crate::redact::Redaction;

impl Builder {
    /// How events look on standard output. Default [`ConsoleFormat::Auto`].
    pub fn console(mut self, format: ConsoleFormat) -> Self {
        self.settings.console_format = Some(format);
        self
    }

    /// Whether a terminal may have colours, instead of `NO_COLOR`. What is no terminal never has any. Default true.
    pub fn console_color(mut self, color: bool) -> Self {
        self.settings.console_color = Some(color);
        self
    }

    /// Which events are written to the console, in the syntax of `RUST_LOG`. Default `info`.
    pub fn console_filter(mut self, directives: impl Into<String>) -> Self {
        self.settings.console_filter = Some(directives.into());
        self
    }

    /// Which events are exported as log records, in the syntax of `RUST_LOG`. Default `info`. Warnings and errors inside
    /// of an exported span are events of that span as well, whatever this says.
    pub fn logs_filter(mut self, directives: impl Into<String>) -> Self {
        self.settings.logs_filter = Some(directives.into());
        self
    }

    /// Gives console lines, each with its line feed, to `write` instead of standard output.
    pub fn console_writer(
        mut self,
        write: impl Fn(&[u8]) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.console_writer = ConsoleWriter::from_fn(write);
        self
    }

    /// Writes console lines to files in `directory`, which is made if need be, instead of standard output: to
    /// `<service>.<date>.log`, a new one as `rotation` says, of which `keep` are kept, at least one. The format is JSON unless
    /// something else is asked for.
    ///
    /// [`build`](Self::build) and [`install`](Self::install) fail when the file can't be opened.
    #[cfg(feature = "rotation")]
    pub fn console_file(
        mut self,
        directory: impl Into<PathBuf>,
        rotation: Rotation,
        keep: usize,
    ) -> Self {
        let directory = directory.into();
        self.open_console = Some(Box::new(move |service| {
            rotation.open(&directory, service, keep)
        }));
        self
    }

    /// What keeps call sites of events from flooding console lines and exported logs, instead of
    /// `OTEL_RUST_SUPPRESSION_RATE` and its like. Default nothing.
    pub fn suppression(mut self, suppression: Suppression) -> Self {
        self.settings.suppression = Some(suppression);
        self
    }

    /// Which secrets are hidden in console lines, log records and spans, instead of `OTEL_RUST_REDACTION` and its like.
    /// Default [`Redaction::default`].
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.settings.redaction = Some(redaction);
        self
    }

    /// A rule of your own for texts in console lines, log records and spans. It is given the key and the value, for
    /// messages, names of spans and descriptions of statuses with the key `""`, and what it answers is shown as it is;
    /// where it answers `None`, what else is hidden is hidden as ever. Where it panics the value is hidden, and it is counted
    /// ([`Health::callback_panics`](crate::Health::callback_panics)).
    ///
    /// It is called for every text on the thread that logs: make it quick.
    ///
    /// ```
    /// let builder = trisignal::builder("checkout")
    ///     .redact_with(|key, value| key.ends_with("iban").then(|| format!("{} characters", value.len())));
    /// # let _ = builder;
    /// ```
    pub fn redact_with(
        mut self,
        rule: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.own_redaction = Some(Arc::new(rule));
        self
    }
}
