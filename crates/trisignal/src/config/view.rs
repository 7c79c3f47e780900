//! What is in force, as a value for whoever wants to show it.

use std::fmt;

use serde_json::{Value, json};

use super::{Effective, Origin};

/// Every setting in force, with where it comes from; secrets are not in it.
///
/// A snapshot: what changes at run time later is in the next one of [`Telemetry::config`](crate::Telemetry::config).
///
/// ```
/// # let telemetry = trisignal::builder("checkout").own_metrics([]).build()?;
/// let config = telemetry.config();
/// assert!(config.explain().contains("outbox = 32 MiB (default)"));
/// assert!(config.explain_json().starts_with('['));
/// # Ok::<(), trisignal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Configuration {
    effective: Vec<Effective>,
}

impl Configuration {
    pub(crate) fn new(effective: Vec<Effective>) -> Self {
        Self { effective }
    }

    /// One setting on a line, as in `logs.filter = debug (OTEL_RUST_LOGS_FILTER)`.
    #[must_use]
    pub fn explain(&self) -> String {
        self.to_string()
    }

    /// A JSON list of objects with `key`, `value`, and `origin`: an object whose `kind` is `default`, `detected`, `code`,
    /// `environment` (with the variable as `name`; two are joined by `, `), `file` (with `path` and `line`) or `run_time`.
    #[must_use]
    pub fn explain_json(&self) -> String {
        let settings = self.effective.iter().map(|effective| {
            json!({
                "key": effective.key,
                "value": effective.value,
                "origin": origin(&effective.origin),
            })
        });
        Value::Array(settings.collect()).to_string()
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.effective
            .iter()
            .try_for_each(|effective| writeln!(f, "{effective}"))
    }
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::Detected => json!({ "kind": "detected" }),
        Origin::Code => json!({ "kind": "code" }),
        Origin::Environment(name) => json!({ "kind": "environment", "name": name }),
        Origin::File { path, line } => json!({ "kind": "file", "path": path, "line": line }),
        Origin::RunTime => json!({ "kind": "run_time" }),
    }
}
