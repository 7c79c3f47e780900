//! The console: one line for each event, as JSON or as text for people.
//!
//! One event is one physical line, whatever it carries: what could end a line, move the cursor or turn the reading
//! direction is escaped everywhere, in names and targets as in values. A line is handed to the writer whole.

mod ecs;
mod escape;
#[cfg(feature = "rotation")]
mod file;
mod json;
mod pretty;
mod telemetry;
mod time;
mod writer;

use std::time::SystemTime;

use opentelemetry_sdk::Resource;
use tracing::Level;

#[cfg(feature = "rotation")]
pub use self::file::Rotation;
pub(crate) use self::{
    escape::is_unsafe,
    telemetry::{metric_lines, span_lines},
    writer::ConsoleWriter,
};
use crate::{
    bridge::{
        events::{
            fields::{Fields, Value},
            trace::TraceIds,
        },
        suppress::{Ended, SUPPRESSED},
    },
    filter::Filter,
};

/// How events are written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsoleFormat {
    /// [`Pretty`](Self::Pretty) where the output is a terminal, [`Json`](Self::Json) otherwise. The default.
    #[default]
    Auto,
    /// One line of text for people, with colours on a terminal.
    Pretty,
    /// One JSON object on a line.
    Json,
    /// One JSON object on a line, in the Elastic Common Schema.
    Ecs,
    /// Nothing is written.
    Off,
}

/// What the console writes, and where.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleOptions {
    /// How lines look.
    pub(crate) format: ConsoleFormat,
    /// The name of the service, in each JSON line.
    pub(crate) service: String,
    /// The service, as an ECS line shows it.
    pub(crate) resource: Resource,
    /// Which events are written.
    pub(crate) filter: Filter,
    /// Where lines go; standard output by default.
    pub(crate) writer: ConsoleWriter,
    /// Whether `NO_COLOR` asks for text without colours. They are used on a terminal only in any case.
    pub(crate) no_color: bool,
}

/// One event, as a line shows it.
pub(crate) struct Line<'a> {
    pub(crate) time: SystemTime,
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) message: Option<&'a str>,
    /// The error in the field `error` or `err`, without its sources.
    pub(crate) exception: Option<&'a str>,
    pub(crate) trace: Option<TraceIds>,
    pub(crate) correlation: Option<&'a str>,
    /// Those of the event, then those of its spans.
    pub(crate) fields: &'a Fields,
}

/// A console that is in use.
#[derive(Debug)]
pub(crate) struct Console {
    style: Style,
    writer: ConsoleWriter,
}

#[derive(Debug)]
enum Style {
    Pretty {
        colour: bool,
    },
    /// The name of the service, quoted.
    Json {
        service: String,
    },
    Ecs(ecs::Service),
}

impl Console {
    /// Decides the format; nothing when it is [`ConsoleFormat::Off`].
    pub(crate) fn open(options: ConsoleOptions) -> Option<(Console, Filter)> {
        let terminal = options.writer.is_terminal();
        let pretty = Style::Pretty {
            colour: terminal && !options.no_color,
        };
        let json = || {
            let mut service = String::new();
            json::push_string(&mut service, &options.service);
            Style::Json { service }
        };
        let style = match options.format {
            ConsoleFormat::Off => return None,
            ConsoleFormat::Pretty => pretty,
            ConsoleFormat::Json => json(),
            ConsoleFormat::Ecs => Style::Ecs(ecs::Service::of(&options.resource)),
            ConsoleFormat::Auto if terminal => pretty,
            ConsoleFormat::Auto => json(),
        };
        let console = Console {
            style,
            writer: options.writer,
        };
        Some((console, options.filter))
    }

    /// Writes `line`, using `buffer`, which is empty, for its bytes.
    pub(crate) fn write(&self, line: &Line<'_>, buffer: &mut String) {
        match &self.style {
            Style::Pretty { colour } => pretty::push_line(buffer, line, *colour),
            Style::Json { service } => json::push_line(buffer, line, service),
            Style::Ecs(service) => ecs::push_line(buffer, line, service),
        }
        buffer.push('\n');
        self.writer.write(buffer.as_bytes());
    }

    /// Says that events of a call site were kept back, of which none passed since.
    pub(crate) fn write_suppressed(&self, ended: &Ended) {
        let Ended { place, suppressed } = ended;
        let mut fields = Fields::default();
        if let (Some(file), Some(line)) = (&place.file, place.line) {
            fields.set("code.file.path", Value::Text(file));
            fields.set("code.line.number", Value::U64(line.into()));
        }
        fields.set(SUPPRESSED, Value::U64(*suppressed));
        let line = Line {
            time: SystemTime::now(),
            level: place.level,
            target: &place.target,
            message: Some("events like those before were not shown"),
            exception: None,
            trace: None,
            correlation: None,
            fields: &fields,
        };
        self.write(&line, &mut String::new());
    }
}

#[cfg(test)]
mod tests;
