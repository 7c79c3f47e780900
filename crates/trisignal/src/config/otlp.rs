//! How each signal goes out: protocol, headers, limits and certificates.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;

use super::endpoint::endpoint;
use super::members::header;
use super::parse::limit_of_time;
use super::reader::Reader;
use super::redact::value_for_people;
use super::show;
use super::variables::{self as table, Signal, Variable};
use super::{
    ConfigError, Exporter, ExporterConfig, Origin, OtlpConfig, Settings, SignalConfig, TlsConfig,
    Warning, file,
};

/// Everything about the way of one signal.
pub(super) fn signal(
    signal: Signal,
    settings: &Settings,
    reader: &mut Reader<'_>,
    export_timeout: Option<(Option<Duration>, Origin)>,
) -> Result<SignalConfig, ConfigError> {
    let (variable, [traces, metrics, logs]) = (signal.exporter(), &settings.exporters);
    let code = match signal {
        Signal::Traces => traces,
        Signal::Metrics => metrics,
        Signal::Logs => logs,
    };
    if let (None, Some(document)) = (code, reader.file) {
        return file::exporters(signal, document, settings, reader);
    }
    let key = format!("{}.exporter", signal.name());
    let chosen = reader.pick(&key, code.clone(), variable, show::exporters);
    let exporters = chosen.into_iter().map(|exporter| {
        Ok(match exporter {
            Exporter::Otlp => {
                ExporterConfig::Otlp(otlp(signal, settings, reader, export_timeout.clone())?)
            }
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
    export_timeout: Option<(Option<Duration>, Origin)>,
) -> Result<OtlpConfig, ConfigError> {
    let protocol = reader.pick_for(
        signal,
        "protocol",
        settings.protocol,
        &table::PROTOCOL,
        show::display,
    );
    let endpoint = endpoint(signal, protocol, settings, reader)?;
    let timeout = reader.pick_for(
        signal,
        "timeout",
        settings.timeout.map(limit_of_time),
        &table::TIMEOUT,
        show::timeout,
    );
    if let Some((limit, origin)) = &export_timeout {
        reader.note(
            &format!("{}.export_timeout", signal.name()),
            show::timeout(limit),
            origin.clone(),
        );
    }
    Ok(OtlpConfig {
        endpoint,
        protocol,
        headers: headers(signal, settings, reader)?,
        timeout: match settings.timeout {
            Some(_) => timeout,
            None => shorter(timeout, export_timeout.and_then(|(limit, _)| limit)),
        },
        compression: reader.pick_for(
            signal,
            "compression",
            settings.compression,
            &table::COMPRESSION,
            show::display,
        ),
        tls: tls(signal, settings, reader)?,
    })
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
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<HeaderMap, ConfigError> {
    let (mut headers, mut origin) = reader
        .read_for(signal, &table::HEADERS)
        .unwrap_or_else(|| (HeaderMap::new(), Origin::Default));
    for (name, value) in &settings.headers {
        // Not even the name is shown: it may be a value in the wrong place.
        let (name, value) = header(name.trim(), value)
            .map_err(|problem| code("headers", format!("a member {problem}")))?;
        headers.insert(name, value);
        origin = Origin::Code;
    }
    let shown: Vec<String> = headers.keys().map(|name| format!("{name}=***")).collect();
    reader.note(
        &format!("{}.headers", signal.name()),
        shown.join(","),
        origin,
    );
    Ok(headers)
}

fn tls(
    signal: Signal,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<TlsConfig, ConfigError> {
    if settings.client_certificate.is_some() != settings.client_key.is_some() {
        return Err(code(
            "client_certificate",
            "needs both the certificate and its key",
        ));
    }
    let mut file = |code: &Option<PathBuf>, variable: &Variable<PathBuf>| match code {
        Some(path) => Some((path.clone(), Origin::Code)),
        None => reader.read_for(signal, variable),
    };
    let ca = file(&settings.ca_certificate, &table::CERTIFICATE);
    let cert = file(&settings.client_certificate, &table::CLIENT_CERTIFICATE);
    let key = file(&settings.client_key, &table::CLIENT_KEY);
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
    let mut in_force = |what: &str, file: Option<(PathBuf, Origin)>| {
        let (path, origin) = file?;
        let shown = value_for_people(&path.to_string_lossy());
        reader.note(&format!("{}.{what}", signal.name()), shown, origin);
        Some(path)
    };
    Ok(TlsConfig {
        ca: in_force("certificate", ca),
        cert: in_force("client_certificate", cert),
        key: in_force("client_key", key),
    })
}

pub(super) fn code(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        setting,
        problem: problem.into(),
    }
}
