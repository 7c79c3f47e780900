//! Console lines in files that are begun anew, by `tracing-appender`.

use std::{io::Write as _, path::Path};

use tracing_appender::rolling::{RollingFileAppender, Rotation as Roll};

use super::ConsoleWriter;
use crate::error::{Error, ErrorKind};

/// When a new file of console lines is begun. Times are UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Never: there is one file, `<service>.log`, which some other program may rotate by copying and truncating.
    Never,
}

impl Rotation {
    /// Opens the file of now.
    pub(crate) fn open(
        self,
        directory: &Path,
        service: &str,
        keep: usize,
    ) -> Result<ConsoleWriter, Error> {
        let roll = match self {
            Self::Hourly => Roll::HOURLY,
            Self::Daily => Roll::DAILY,
            Self::Never => Roll::NEVER,
        };
        let mut builder = RollingFileAppender::builder()
            .rotation(roll)
            .filename_prefix(file_name(service))
            .filename_suffix("log");
        // With one file there is no other to be removed.
        if self != Self::Never {
            builder = builder.max_log_files(keep.max(1));
        }
        let mut appender = builder.build(directory).map_err(|error| {
            let place = directory.display();
            Error::new(
                ErrorKind::Configuration,
                format!("console_file: no file can be written in {place}"),
            )
            .with_source(error)
        })?;
        Ok(ConsoleWriter::from_fn(move |line| appender.write_all(line)))
    }
}

/// The name of a service as the name of a file: no way into another directory.
fn file_name(service: &str) -> String {
    let safe = |c: char| {
        if c.is_alphanumeric() || matches!(c, '-' | '_') {
            c
        } else {
            '_'
        }
    };
    service.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::{collections::HashMap, fs};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::Telemetry;

    fn telemetry(directory: &Path, rotation: Rotation, keep: usize) -> Result<Telemetry, Error> {
        let variables = ["TRACES", "METRICS", "LOGS"]
            .map(|signal| (format!("OTEL_{signal}_EXPORTER"), "none".to_owned()));
        crate::builder("../check out")
            .environment(HashMap::from(variables))
            .console_file(directory, rotation, keep)
            .build()
    }

    fn log(telemetry: &Telemetry, number: u64) {
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || tracing::info!(number, "written"));
    }

    fn names(directory: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn lines_go_to_the_file_of_now_and_are_added_to_it() {
        for rotation in [Rotation::Hourly, Rotation::Daily, Rotation::Never] {
            let directory = tempfile::tempdir().unwrap();
            let inside = directory.path().join("logs");
            for number in 0..2 {
                log(&telemetry(&inside, rotation, 3).unwrap(), number);
            }
            assert_eq!(names(directory.path()), ["logs"]);
            let mut files = names(&inside);
            // Between the two a new hour may have begun.
            assert!((1..=2).contains(&files.len()), "{files:?}");
            assert!(
                files[0].starts_with("___check_out.") && files[0].ends_with("log"),
                "{files:?}"
            );
            let lines: String = files
                .drain(..)
                .map(|file| fs::read_to_string(inside.join(file)).unwrap())
                .collect();
            let numbers: Vec<_> = lines
                .lines()
                .map(|line| {
                    serde_json::from_str::<serde_json::Value>(line).unwrap()["number"].clone()
                })
                .collect();
            assert_eq!(numbers, [0, 1], "{rotation:?}");
        }
    }

    #[test]
    fn old_files_make_room_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            fs::write(
                directory
                    .path()
                    .join(format!("___check_out.2020-01-0{day}.log")),
                "old",
            )
            .unwrap();
        }
        fs::write(directory.path().join("other.2020-01-01.log"), "old").unwrap();
        log(&telemetry(directory.path(), Rotation::Daily, 2).unwrap(), 1);
        let names = names(directory.path());
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.contains(&"other.2020-01-01.log".to_owned()));
        assert!(
            names
                .iter()
                .any(|name| name.starts_with("___check_out.2") && !name.contains("2020")),
            "{names:?}"
        );
    }

    #[test]
    fn a_directory_that_cannot_be_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = telemetry(&file.join("logs"), Rotation::Daily, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
