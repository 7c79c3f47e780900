//! Configurators of a file: which tracers, meters and loggers are on.

use std::sync::Arc;

use super::super::reader::Reader;
use super::super::redact::value_for_people;
use super::super::variables::Signal;
use super::cursor::Cursor;
use super::schema::SEVERITIES;
use crate::sampling::rules::Pattern;
use crate::scopes::{Scope, Scopes};

/// What the configurator of a signal says; nothing without one.
pub(in super::super) fn scopes(signal: Signal, reader: &mut Reader<'_>) -> Option<Arc<Scopes>> {
    let document = reader.file?;
    let (provider, configurator, list) = match signal {
        Signal::Traces => (
            "tracer_provider",
            "tracer_configurator/development",
            "tracers",
        ),
        Signal::Metrics => ("meter_provider", "meter_configurator/development", "meters"),
        Signal::Logs => (
            "logger_provider",
            "logger_configurator/development",
            "loggers",
        ),
    };
    let cursor = Cursor::root(&document.root).find(&[provider, configurator])?;
    let others = cursor.get("default_config");
    let others = others.map_or(Scope::ON, |config| scope(&config));
    let mut named = Vec::new();
    for entry in cursor.list(list) {
        let (Some(name), Some(config)) = (entry.get("name"), entry.get("config")) else {
            continue;
        };
        if let Some(name) = name.text() {
            named.push((Pattern::new(name), scope(&config)));
        }
        if let Some(trace_based) = config.get("trace_based")
            && trace_based.boolean() == Some(true)
        {
            reader.file_problems.warning(
                trace_based.at(),
                &trace_based.path,
                "is not used: all log records follow their traces, or none",
                "what `default_config` says holds",
            );
        }
    }
    let scopes = Scopes { named, others };
    reader.note(
        &format!("{}.scopes", signal.name()),
        value_for_people(&scopes.to_string()),
        document.origin(cursor.at()),
    );
    Some(Arc::new(scopes))
}

fn scope(config: &Cursor<'_>) -> Scope {
    let enabled = config.get("enabled").and_then(|enabled| enabled.boolean());
    let least = config.get("minimum_severity");
    let least = least.as_ref().and_then(Cursor::text);
    let least = least.and_then(|name| SEVERITIES.iter().position(|known| *known == name));
    Scope {
        enabled: enabled.unwrap_or(true),
        // There are 24 of them.
        least: least.map_or(0, |index| u8::try_from(index + 1).unwrap_or(0)),
    }
}
