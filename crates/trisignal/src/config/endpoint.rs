//! Where each signal goes: the endpoint in its many spellings becomes one URL.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::otlp::code;
use super::reader::Reader;
use super::redact::endpoint_for_people;
use super::variables::{self as table, Signal, Variable};
use super::{ConfigError, Origin, Protocol, Settings, Warning};

/// The URL for one signal: of code, else its own variable, else the one for all signals, else on this machine. Code and
/// variables each have one for the signal and one for all.
pub(super) fn endpoint(
    signal: Signal,
    protocol: Protocol,
    insecure: bool,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<Uri, ConfigError> {
    let key = format!("{}.endpoint", signal.name());
    let target = Target {
        signal,
        protocol,
        insecure,
    };
    if let Some(uri) = endpoint_of_code(signal, protocol, insecure, settings)? {
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

/// The URL that a file has for one signal, taken as it is; without one, on this machine.
///
/// What variables only warn about is an error here. The error repeats nothing of the text.
pub(super) fn exact_endpoint(
    signal: Signal,
    protocol: Protocol,
    insecure: bool,
    text: Option<&str>,
) -> Result<Uri, &'static str> {
    let target = Target {
        signal,
        protocol,
        insecure,
    };
    let Some(text) = text else {
        return Ok(target.default_uri());
    };
    match target.parse(text.trim(), Kind::Exact)? {
        (_, Some(Flaw::UserInfo)) => Err("has user information, which belongs in a header"),
        (uri, _) => Ok(uri),
    }
}

/// The URL that code has for the signal, else for all of them.
pub(super) fn endpoint_of_code(
    signal: Signal,
    protocol: Protocol,
    insecure: bool,
    settings: &Settings,
) -> Result<Option<Uri>, ConfigError> {
    let own = settings.otlp_of[signal.index()].endpoint.as_deref();
    let own = own.map(|asked| ("otlp.endpoint", asked, Kind::Exact));
    let general = settings.otlp.endpoint.as_deref();
    let general = general.map(|asked| ("endpoint", asked, Kind::Base));
    let Some((setting, asked, kind)) = own.or(general) else {
        return Ok(None);
    };
    let target = Target {
        signal,
        protocol,
        insecure,
    };
    match target.parse(asked.trim(), kind) {
        Ok((_, Some(Flaw::UserInfo))) => Err(code(
            setting,
            "has user information, which belongs in a header",
        )),
        Ok((uri, _)) => Ok(Some(uri)),
        Err(problem) => Err(code(setting, problem)),
    }
}

/// Whether an endpoint without a scheme is plain text. The old names stand between the new ones.
pub(super) fn insecure(signal: Signal, code: Option<bool>, reader: &mut Reader<'_>) -> bool {
    let old: Option<&Variable<bool>> = match signal {
        Signal::Traces => Some(&table::SPAN_INSECURE),
        Signal::Metrics => Some(&table::METRIC_INSECURE),
        Signal::Logs => None,
    };
    let found = match code {
        Some(insecure) => Some((insecure, Origin::Code)),
        None => reader
            .read_own(signal, &table::INSECURE)
            .or_else(|| old.and_then(|old| reader.read(old)))
            .or_else(|| reader.read(&table::INSECURE)),
    };
    let (insecure, origin) = found.unwrap_or((false, Origin::Default));
    reader.note(
        &format!("{}.insecure", signal.name()),
        insecure.to_string(),
        origin,
    );
    insecure
}

/// What an endpoint is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// For all signals: the signal's path is appended.
    Base,
    /// For this signal: taken as it is.
    Exact,
}

/// What is wrong with an endpoint that can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    UserInfo,
    PathWithGrpc,
}

/// What an endpoint is needed for.
#[derive(Clone, Copy, Debug)]
struct Target {
    signal: Signal,
    protocol: Protocol,
    insecure: bool,
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
                        Protocol::HttpProtobuf | Protocol::HttpJson => {
                            "http://localhost:4318 is used"
                        }
                    },
                };
                reader.warn(Warning::new(variable, shown, problem, instead));
                None
            }
        }
    }

    /// The URL to send to. A port is never added or changed; the error repeats nothing of the text.
    fn parse(self, text: &str, kind: Kind) -> Result<(Uri, Option<Flaw>), &'static str> {
        let with_scheme = match (text.contains("://"), self.protocol) {
            (true, _) => text.to_owned(),
            (false, Protocol::Grpc) if self.insecure => format!("http://{text}"),
            (false, Protocol::Grpc) => format!("https://{text}"),
            (false, _) => return Err("has no scheme such as http://"),
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
            (_, Kind::Exact) => Ok(given),
            (_, Kind::Base) => {
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
            (_, Signal::Traces) => "http://localhost:4318/v1/traces",
            (_, Signal::Metrics) => "http://localhost:4318/v1/metrics",
            (_, Signal::Logs) => "http://localhost:4318/v1/logs",
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
