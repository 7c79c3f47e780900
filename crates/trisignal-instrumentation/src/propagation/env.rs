//! Context in environment variables: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`, or what the formats in
//! force call their headers.
//!
//! A name is the header's in upper case, with `_` for all but letters and digits. Nothing but
//! [`from_process`] reads the environment of this process, and nothing changes it. All functions use
//! the global propagator, as the layers do; those that end in `_with` take another one. Limits are
//! those of the formats; what is over them is left out as whole members.
//!
//! A job that is started by another, and starts one itself:
//!
//! ```no_run
//! use std::process::Command;
//! use trisignal_instrumentation::propagation::env;
//!
//! # fn main() -> std::io::Result<()> {
//! // Once, at the start of `main`: all that follows belongs to the trace of whoever started this.
//! let _attached = env::from_process().attach();
//!
//! let span = tracing::info_span!("convert").entered();
//! let mut command = Command::new("ffmpeg");
//! env::apply(&mut command);
//! command.status()?;
//! # Ok(())
//! # }
//! ```
//!
//! Variables can be seen by other processes of the same user, and are inherited by whatever a job
//! starts: put no secrets into baggage.

use std::ffi::OsString;
use std::process::Command;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, global};

use crate::context;

/// Stands for a value that is no text, as in [`HeaderExtractor`](super::HeaderExtractor).
const NO_TEXT: &str = "\u{fffd}";

/// The context that this process was started with. Ask for it once, at the start.
pub fn from_process() -> Context {
    extract(|name| std::env::var_os(name))
}

/// The context in the variables that `variable` knows. An empty one counts as unset.
pub fn extract(variable: impl Fn(&str) -> Option<OsString>) -> Context {
    global::get_text_map_propagator(|propagator| extract_with(propagator, &variable))
}

/// [`extract`] with `propagator`.
///
/// ```
/// use std::collections::HashMap;
/// use opentelemetry::trace::TraceContextExt;
/// use trisignal_instrumentation::propagation::{Format, composite, env};
///
/// let variables = HashMap::from([("B3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")]);
/// let cx = env::extract_with(&composite(&[Format::B3]), |name| variables.get(name).map(Into::into));
/// assert!(cx.span().span_context().is_sampled());
/// ```
pub fn extract_with(
    propagator: &dyn TextMapPropagator,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Context {
    propagator.extract_with_context(&Context::new(), &Variables::new(propagator, variable))
}

/// The variables that carry the current context, for a child process or a job description.
pub fn inject() -> Vec<(String, String)> {
    global::get_text_map_propagator(|propagator| {
        context::with_current(|cx| inject_with(propagator, cx))
    })
}

/// The variables that carry `cx`, written by `propagator`.
///
/// ```
/// use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
/// use trisignal_instrumentation::propagation::{Format, composite, env};
///
/// let cx = Context::new().with_baggage([KeyValue::new("batch", "7")]);
/// let variables = env::inject_with(&composite(&[Format::Baggage]), &cx);
/// assert_eq!(variables, [("BAGGAGE".to_owned(), "batch=7".to_owned())]);
/// ```
pub fn inject_with(propagator: &dyn TextMapPropagator, cx: &Context) -> Vec<(String, String)> {
    let mut variables = Written(Vec::new());
    propagator.inject_context(cx, &mut variables);
    variables.0
}

/// Makes `command` carry the current context. What it would inherit of ours, and is not in the
/// current context, is taken away.
pub fn apply(command: &mut Command) {
    global::get_text_map_propagator(|propagator| {
        context::with_current(|cx| apply_with(propagator, cx, command));
    });
}

/// [`apply`] with `propagator` and `cx`.
pub fn apply_with(propagator: &dyn TextMapPropagator, cx: &Context, command: &mut Command) {
    // The state of one trace must not meet the parent of another.
    for field in propagator.fields() {
        command.env_remove(variable_name(field));
    }
    command.envs(inject_with(propagator, cx));
}

/// The name of the variable for the header `field`.
fn variable_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 1);
    if field.starts_with(|first: char| first.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(field.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    }));
    name
}

/// The variables that a propagator may ask for: those that it names, and those of all formats of
/// ours, because one may read more than it writes.
struct Variables(Vec<(String, String)>);

impl Variables {
    fn new(
        propagator: &dyn TextMapPropagator,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let every = super::composite(&super::Format::ALL);
        let mut found: Vec<(String, String)> = Vec::new();
        for name in propagator.fields().chain(every.fields()).map(variable_name) {
            if found.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let Some(value) = variable(&name).filter(|value| !value.is_empty()) else {
                continue;
            };
            let value = value.into_string().unwrap_or_else(|_| NO_TEXT.to_owned());
            found.push((name, value));
        }
        Self(found)
    }
}

impl Extractor for Variables {
    fn get(&self, key: &str) -> Option<&str> {
        let name = variable_name(key);
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

struct Written(Vec<(String, String)>);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        let name = variable_name(key);
        // No variable can hold it, and no format of ours makes it.
        if value.contains('\0') {
            return;
        }
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }
}

#[cfg(test)]
mod tests;
