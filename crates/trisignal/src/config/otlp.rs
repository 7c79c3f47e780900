//! How each signal goes out: protocol, headers, limits and certificates.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;

use super::endpoint::{endpoint, insecure};
use super::members::header;
use super::parse::limit_of_time;
use super::reader::Reader;
use super::redact::value_for_people;
use super::show;
use super::variables::{self as table, Signal, Variable};
use super::{
    ConfigError, Exporter, ExporterConfig, Origin, Otlp, OtlpConfig, Settings, SignalConfig,
    TlsConfig, Warning, file,
};

/// Everything about the way of one signal.
pub(super) fn signal(
    signal: Signal,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<SignalConfig, ConfigError> {
    let code = settings.exporters[signal.index()].clone();
    if let (None, Some(document)) = (&code, reader.file) {
        return file::exporters(signal, document, settings, reader);
    }
    let key = format!("{}.exporter", signal.name());
    let chosen = reader.pick(&key, code, signal.exporter(), show::exporters);
    let exporters = chosen.into_iter().map(|exporter| {
        Ok(match exporter {
            Exporter::Otlp => ExporterConfig::Otlp(otlp(signal, settings, reader)?),
            Exporter::Console => ExporterConfig::Console,
            Exporter::OtlpStdout => ExporterConfig::OtlpStdout,
            Exporter::Prometheus => ExporterConfig::Prometheus,
        })
    });
    Ok(SignalConfig {
        exporters: exporters.collect::<Result<_, _>>()?,
    })
}

/// The OTLP target that variables and code describe.
fn otlp(
    signal: Signal,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<OtlpConfig, ConfigError> {
    let code = settings.otlp_for(signal);
    let protocol = reader.pick_for(
        signal,
        "protocol",
        code.protocol,
        &table::PROTOCOL,
        show::display,
    );
    let insecure = insecure(signal, code.insecure, reader);
    Ok(OtlpConfig {
        endpoint: endpoint(signal, protocol, insecure, settings, reader)?,
        protocol,
        headers: headers(signal, &code, reader)?,
        bearer_token_file: bearer_token_file(signal, &code, reader),
        timeout: timeout(signal, settings, &code, reader),
        compression: reader.pick_for(
            signal,
            "compression",
            code.compression,
            &table::COMPRESSION,
            show::display,
        ),
        tls: tls(signal, &code, reader),
    })
}

/// Where the token is, which a request shows.
pub(super) fn bearer_token_file(
    signal: Signal,
    code: &Otlp,
    reader: &mut Reader<'_>,
) -> Option<PathBuf> {
    let found = match &code.bearer_token_file {
        Some(file) => Some((file.clone(), Origin::Code)),
        None => reader.read(&table::BEARER_TOKEN_FILE),
    };
    let (file, origin) = found.unzip();
    let shown = file.as_ref().map_or_else(
        || "none".to_owned(),
        |file: &PathBuf| value_for_people(&file.to_string_lossy()),
    );
    let key = format!("{}.bearer_token_file", signal.name());
    reader.note(&key, shown, origin.unwrap_or(Origin::Default));
    file
}

/// For one attempt: that of OTLP, or that of the batch processor or reader where it is shorter. Where code has the one,
/// a variable of the other can't cut it.
fn timeout(
    signal: Signal,
    settings: &Settings,
    code: &Otlp,
    reader: &mut Reader<'_>,
) -> Option<Duration> {
    let timeout = reader.pick_for(
        signal,
        "timeout",
        code.timeout.map(limit_of_time),
        &table::TIMEOUT,
        show::timeout,
    );
    let variable = match signal {
        Signal::Traces => &table::BSP_EXPORT_TIMEOUT,
        Signal::Metrics => &table::METRIC_EXPORT_TIMEOUT,
        Signal::Logs => &table::BLRP_EXPORT_TIMEOUT,
    };
    let export = match settings.batch_for(signal).export_timeout {
        Some(limit) => Some((limit_of_time(limit), Origin::Code)),
        None if code.timeout.is_some() => None,
        None => reader.read(variable),
    };
    let (limit, origin) = export.unwrap_or((None, Origin::Default));
    reader.note(
        &format!("{}.export_timeout", signal.name()),
        show::timeout(&limit),
        origin,
    );
    shorter(timeout, limit)
}

/// The shorter of two limits, of which each may be absent.
pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn headers(
    signal: Signal,
    settings: &Otlp,
    reader: &mut Reader<'_>,
) -> Result<HeaderMap, ConfigError> {
    let (mut headers, mut origin) = reader
        .read_for(signal, &table::HEADERS)
        .unwrap_or_else(|| (HeaderMap::new(), Origin::Default));
    if add_headers(&mut headers, settings)? {
        origin = Origin::Code;
    }
    let key = format!("{}.headers", signal.name());
    reader.note(&key, show::headers(&headers), origin);
    Ok(headers)
}

/// Adds the headers of code in place of those of the same name; whether there are any.
pub(super) fn add_headers(headers: &mut HeaderMap, settings: &Otlp) -> Result<bool, ConfigError> {
    for (name, value) in &settings.headers {
        // Not even the name is shown: it may be a value in the wrong place.
        let (name, value) = header(name.trim(), value)
            .map_err(|problem| code("headers", format!("a member {problem}")))?;
        headers.insert(name, value);
    }
    Ok(!settings.headers.is_empty())
}

fn tls(signal: Signal, code: &Otlp, reader: &mut Reader<'_>) -> TlsConfig {
    let mut file = |code: &Option<PathBuf>, variable: &Variable<PathBuf>| match code {
        Some(path) => Some((path.clone(), Origin::Code)),
        None => reader.read_for(signal, variable),
    };
    let ca = file(&code.ca_certificate, &table::CERTIFICATE);
    let cert = file(&code.client_certificate, &table::CLIENT_CERTIFICATE);
    let key = file(&code.client_key, &table::CLIENT_KEY);
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (Some(cert), Some(key)),
        (cert, key) => {
            let missing = if cert.is_none() {
                &table::CLIENT_CERTIFICATE
            } else {
                &table::CLIENT_KEY
            };
            if let Some((_, Origin::Environment(variable))) = cert.or(key) {
                let problem = format!("needs {}, which is not set", missing.name);
                reader.warn(Warning::new(
                    variable,
                    None,
                    problem,
                    "no client certificate is used",
                ));
            }
            (None, None)
        }
    };
    let mut in_force = |what: &str, file: Option<(PathBuf, Origin)>, none: &str| {
        let (path, origin) = file.unzip();
        let shown = path.as_ref().map_or_else(
            || none.to_owned(),
            |path: &PathBuf| value_for_people(&path.to_string_lossy()),
        );
        let key = format!("{}.{what}", signal.name());
        reader.note(&key, shown, origin.unwrap_or(Origin::Default));
        path
    };
    TlsConfig {
        ca: in_force("certificate", ca, "of the system"),
        cert: in_force("client_certificate", cert, "none"),
        key: in_force("client_key", key, "none"),
    }
}

pub(super) fn code(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        setting,
        problem: problem.into(),
    }
}
