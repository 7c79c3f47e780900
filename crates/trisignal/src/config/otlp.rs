//! Where each signal goes: endpoint, protocol, headers, limits and certificates.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Uri};

use super::parse::{header, limit_of_time};
use super::reader::Reader;
use super::redact::{endpoint_for_people, value_for_people};
use super::show;
use super::variables::{self as table, Exporter, Signal, Variable};
use super::{
    ConfigError, Origin, OtlpConfig, Protocol, Settings, SignalConfig, TlsConfig, Warning,
};

/// Everything about the way of one signal.
pub(super) fn signal(
    signal: Signal,
    settings: &Settings,
    reader: &mut Reader<'_>,
    export_timeout: Option<(Option<Duration>, Origin)>,
) -> Result<SignalConfig, ConfigError> {
    let exporter = match signal {
        Signal::Traces => &table::TRACES_EXPORTER,
        Signal::Metrics => &table::METRICS_EXPORTER,
        Signal::Logs => &table::LOGS_EXPORTER,
    };
    let key = format!("{}.exporter", signal.name());
    if reader.pick(&key, None, exporter, show::exporter) == Exporter::None {
        return Ok(SignalConfig { otlp: None });
    }
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
    Ok(SignalConfig {
        otlp: Some(OtlpConfig {
            endpoint,
            protocol,
            headers: headers(signal, settings, reader)?,
            timeout: shorter(timeout, export_timeout.and_then(|(limit, _)| limit)),
            compression: reader.pick_for(
                signal,
                "compression",
                settings.compression,
                &table::COMPRESSION,
                show::display,
            ),
            tls: tls(signal, settings, reader)?,
        }),
    })
}

/// The shorter of two limits, of which each may be absent.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What an endpoint is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For all signals: the signal's path is appended.
    Base,
    /// For this signal: taken as it is.
    Exact,
}

fn endpoint(
    signal: Signal,
    protocol: Protocol,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<Uri, ConfigError> {
    let key = format!("{}.endpoint", signal.name());
    let insecure = insecure(signal, reader);
    let target = Target {
        signal,
        protocol,
        insecure,
    };
    if let Some(asked) = &settings.endpoint {
        let (uri, flaw) = target
            .parse(asked.trim(), Kind::Base)
            .map_err(|problem| code("endpoint", problem))?;
        if flaw == Some(Flaw::UserInfo) {
            return Err(code(
                "endpoint",
                "has user information, which belongs in a header",
            ));
        }
        reader.note(&key, endpoint_for_people(&uri.to_string()), Origin::Code);
        return Ok(uri);
    }
    let own = reader
        .read_own(signal, &table::ENDPOINT)
        .and_then(|found| target.accept(found, Kind::Exact, reader));
    let found = own.or_else(|| {
        let base = reader.read(&table::ENDPOINT)?;
        target.accept(base, Kind::Base, reader)
    });
    let (uri, origin) = found.unwrap_or_else(|| (target.default_uri(), Origin::Default));
    reader.note(&key, endpoint_for_people(&uri.to_string()), origin);
    Ok(uri)
}

/// Whether an endpoint without a scheme is plain text. The old names stand between the new ones.
fn insecure(signal: Signal, reader: &mut Reader<'_>) -> bool {
    let old: Option<&Variable<bool>> = match signal {
        Signal::Traces => Some(&table::SPAN_INSECURE),
        Signal::Metrics => Some(&table::METRIC_INSECURE),
        Signal::Logs => None,
    };
    reader
        .read_own(signal, &table::INSECURE)
        .or_else(|| old.and_then(|old| reader.read(old)))
        .or_else(|| reader.read(&table::INSECURE))
        .is_some_and(|(insecure, _)| insecure)
}

/// What is wrong with an endpoint that can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    UserInfo,
    PathWithGrpc,
}

/// What an endpoint is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub signal: Signal,
    pub protocol: Protocol,
    pub insecure: bool,
}

impl Target {
    /// An operator's endpoint: mistakes are warnings.
    fn accept(
        self,
        (text, origin): (String, Origin),
        kind: Kind,
        reader: &mut Reader<'_>,
    ) -> Option<(Uri, Origin)> {
        let variable = match &origin {
            Origin::Environment(name) => name.clone(),
            _ => table::ENDPOINT.name.to_owned(),
        };
        let shown = Some(endpoint_for_people(&text));
        match self.parse(&text, kind) {
            Ok((uri, flaw)) => {
                let told = flaw.map(|flaw| match flaw {
                    Flaw::UserInfo => (
                        "has user information, which is not sent",
                        "the rest is used; OTEL_EXPORTER_OTLP_HEADERS is the place for credentials",
                    ),
                    Flaw::PathWithGrpc => {
                        ("has a path, which gRPC does not use", "the rest is used")
                    }
                });
                if let Some((problem, instead)) = told {
                    reader.warn(Warning::new(variable, shown, problem, instead));
                }
                Some((uri, origin))
            }
            Err(problem) => {
                let instead = match kind {
                    Kind::Exact => "the setting for all signals is used",
                    Kind::Base => match self.protocol {
                        Protocol::Grpc => "http://localhost:4317 is used",
                        Protocol::HttpProtobuf => "http://localhost:4318 is used",
                    },
                };
                reader.warn(Warning::new(variable, shown, problem, instead));
                None
            }
        }
    }

    /// The URL to send to. A port is never added or changed; the error repeats nothing of the text.
    pub(super) fn parse(self, text: &str, kind: Kind) -> Result<(Uri, Option<Flaw>), &'static str> {
        let with_scheme = match (text.contains("://"), self.protocol) {
            (true, _) => text.to_owned(),
            (false, Protocol::Grpc) if self.insecure => format!("http://{text}"),
            (false, Protocol::Grpc) => format!("https://{text}"),
            (false, Protocol::HttpProtobuf) => return Err("has no scheme such as http://"),
        };
        let mut parts = with_scheme
            .parse::<Uri>()
            .map_err(|_| "is not a URL")?
            .into_parts();
        if !parts
            .scheme
            .as_ref()
            .is_some_and(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme))
        {
            return Err("has a scheme other than http and https");
        }
        let authority = parts.authority.take().ok_or("has no host")?;
        let (authority, had_user) = without_user(authority)?;
        check_host_and_port(&authority)?;
        parts.authority = Some(authority);
        let path = parts.path_and_query.take();
        let mut flaw = had_user.then_some(Flaw::UserInfo);
        if self.protocol == Protocol::Grpc && path.as_ref().is_some_and(|path| path.as_str() != "/")
        {
            flaw = flaw.or(Some(Flaw::PathWithGrpc));
        }
        parts.path_and_query = Some(self.path(path, kind)?);
        Ok((Uri::from_parts(parts).map_err(|_| "is not a URL")?, flaw))
    }

    fn path(self, given: Option<PathAndQuery>, kind: Kind) -> Result<PathAndQuery, &'static str> {
        let given = given.unwrap_or_else(|| PathAndQuery::from_static("/"));
        match (self.protocol, kind) {
            (Protocol::Grpc, _) => Ok(PathAndQuery::from_static("/")),
            (Protocol::HttpProtobuf, Kind::Exact) => Ok(given),
            (Protocol::HttpProtobuf, Kind::Base) => {
                let base = given.path().trim_end_matches('/');
                let query = given
                    .query()
                    .map(|query| format!("?{query}"))
                    .unwrap_or_default();
                format!("{base}/v1/{}{query}", self.signal.name())
                    .parse()
                    .map_err(|_| "has a path that is too long")
            }
        }
    }

    fn default_uri(self) -> Uri {
        Uri::from_static(match (self.protocol, self.signal) {
            (Protocol::Grpc, _) => "http://localhost:4317/",
            (Protocol::HttpProtobuf, Signal::Traces) => "http://localhost:4318/v1/traces",
            (Protocol::HttpProtobuf, Signal::Metrics) => "http://localhost:4318/v1/metrics",
            (Protocol::HttpProtobuf, Signal::Logs) => "http://localhost:4318/v1/logs",
        })
    }
}

/// Credentials in a URL end up in logs of all kinds, so they are cut off before anything else sees them.
fn without_user(authority: Authority) -> Result<(Authority, bool), &'static str> {
    match authority.as_str().rsplit_once('@') {
        Some((_, host)) => Ok((host.parse().map_err(|_| "has no host")?, true)),
        None => Ok((authority, false)),
    }
}

fn check_host_and_port(authority: &Authority) -> Result<(), &'static str> {
    if authority.host().is_empty() || authority.host() == "[]" {
        return Err("has no host");
    }
    let after_host = authority
        .as_str()
        .strip_prefix(authority.host())
        .unwrap_or_default();
    match (after_host, authority.port_u16()) {
        ("", _) | (_, Some(1..)) => Ok(()),
        _ => Err("has a port that is not a number from 1 to 65535"),
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
    let ca = file(
        signal,
        "certificate",
        settings.ca_certificate.as_ref(),
        &table::CERTIFICATE,
        reader,
    );
    let cert = file(
        signal,
        "client_certificate",
        settings.client_certificate.as_ref(),
        &table::CLIENT_CERTIFICATE,
        reader,
    );
    let key = file(
        signal,
        "client_key",
        settings.client_key.as_ref(),
        &table::CLIENT_KEY,
        reader,
    );
    match (cert, key) {
        (Some((cert, _)), Some((key, _))) => Ok(TlsConfig {
            ca: ca.map(|(ca, _)| ca),
            cert: Some(cert),
            key: Some(key),
        }),
        (None, None) => Ok(TlsConfig {
            ca: ca.map(|(ca, _)| ca),
            cert: None,
            key: None,
        }),
        (cert, key) => {
            let missing = if cert.is_none() {
                table::CLIENT_CERTIFICATE.name
            } else {
                table::CLIENT_KEY.name
            };
            if let Some((path, Origin::Environment(variable))) = cert.or(key) {
                let problem = format!("needs {missing}, which is not set");
                let shown = value_for_people(&path.to_string_lossy());
                reader.warn(Warning::new(
                    variable,
                    Some(shown),
                    problem,
                    "no client certificate is used",
                ));
            }
            Ok(TlsConfig {
                ca: ca.map(|(ca, _)| ca),
                cert: None,
                key: None,
            })
        }
    }
}

fn file(
    signal: Signal,
    key: &str,
    code: Option<&PathBuf>,
    variable: &Variable<PathBuf>,
    reader: &mut Reader<'_>,
) -> Option<(PathBuf, Origin)> {
    let found = match code {
        Some(path) => Some((path.clone(), Origin::Code)),
        None => reader.read_for(signal, variable),
    }?;
    reader.note(
        &format!("{}.{key}", signal.name()),
        value_for_people(&found.0.to_string_lossy()),
        found.1.clone(),
    );
    Some(found)
}

fn code(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        setting,
        problem: problem.into(),
    }
}
