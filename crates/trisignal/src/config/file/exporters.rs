//! Where a signal goes, as the file says: each processor and reader with its exporter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderMap;

use super::super::endpoint::{endpoint_of_code, exact_endpoint};
use super::super::members::{header, headers};
use super::super::otlp::{add_headers, bearer_token_file, shorter};
use super::super::parse::{self, limit_of_time};
use super::super::reader::Reader;
use super::super::redact::{endpoint_for_people, value_for_people};
use super::super::show;
use super::super::variables::Signal;
use super::super::{
    Compression, ConfigError, ExporterConfig, Origin, Otlp, OtlpConfig, Protocol, Settings,
    SignalConfig, TlsConfig,
};
use super::Document;
use super::cursor::Cursor;
use super::problem::Problems;

/// The destinations of a signal, in the order of the file. What code says of OTLP wins in each of them.
pub(in super::super) fn exporters(
    signal: Signal,
    document: &Document,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Result<SignalConfig, ConfigError> {
    let root = Cursor::root(&document.root);
    let (provider, list, timeout) = match signal {
        Signal::Traces => ("tracer_provider", "processors", "export_timeout"),
        Signal::Metrics => ("meter_provider", "readers", "timeout"),
        Signal::Logs => ("logger_provider", "processors", "export_timeout"),
    };
    let owners = root
        .get(provider)
        .map(|provider| provider.list(list))
        .unwrap_or_default();
    let mut config = SignalConfig::default();
    let mut names = Vec::new();
    let mut origin = Origin::Default;
    for (_, owner) in owners.iter().filter_map(Cursor::choice) {
        let Some((name, exporter)) = owner.get("exporter").and_then(|cursor| cursor.choice())
        else {
            continue;
        };
        let limit = milliseconds(owner.get(timeout));
        let built = match name {
            "otlp_http" | "otlp_grpc" => {
                let mut otlp = Target {
                    signal,
                    index: names.iter().filter(|name| **name == "otlp").count(),
                    document,
                    settings,
                    code: settings.otlp_for(signal),
                    cursor: &exporter,
                };
                names.push("otlp");
                ExporterConfig::Otlp(otlp.build(name, limit, reader)?)
            }
            "console" => ExporterConfig::Console,
            "otlp_file/development" => {
                check_stream(&exporter, &mut reader.file_problems);
                ExporterConfig::OtlpStdout
            }
            "prometheus/development" => ExporterConfig::Prometheus,
            _ => continue,
        };
        if origin == Origin::Default {
            origin = document.origin(exporter.at());
        }
        let again = !matches!(built, ExporterConfig::Otlp(_)) && config.exporters.contains(&built);
        if again {
            reader.file_problems.warning(
                exporter.at(),
                &exporter.path,
                "is there already for this signal",
                "it is left out",
            );
            continue;
        }
        match built {
            ExporterConfig::Otlp(_) => {}
            ExporterConfig::Console => names.push("console"),
            ExporterConfig::OtlpStdout => names.push("otlp/stdout"),
            ExporterConfig::Prometheus => names.push("prometheus"),
        }
        config.exporters.push(built);
    }
    let key = format!("{}.exporter", signal.name());
    reader.note(&key, show::list(&names), origin);
    Ok(config)
}

fn check_stream(exporter: &Cursor<'_>, problems: &mut Problems) {
    if let Some(stream) = exporter.get("output_stream")
        && let Some(text) = stream.text()
        && text != "stdout"
    {
        problems.error(
            stream.at(),
            &stream.path,
            "expected stdout, found another stream, which is not supported",
        );
    }
}

fn milliseconds(cursor: Option<Cursor<'_>>) -> Option<Duration> {
    limit_of_time(Duration::from_millis(cursor?.whole()?))
}

/// One target of OTLP.
struct Target<'a> {
    signal: Signal,
    /// Among those of the signal.
    index: usize,
    document: &'a Document,
    settings: &'a Settings,
    /// What code says about OTLP for the signal.
    code: Otlp,
    cursor: &'a Cursor<'a>,
}

impl Target<'_> {
    fn build(
        &mut self,
        name: &str,
        export_timeout: Option<Duration>,
        reader: &mut Reader<'_>,
    ) -> Result<OtlpConfig, ConfigError> {
        let protocol = self.protocol(name, reader);
        let endpoint = self.endpoint(protocol, reader)?;
        let timeout = self.timeout(export_timeout, reader);
        Ok(OtlpConfig {
            endpoint,
            protocol,
            headers: self.headers(reader)?,
            bearer_token_file: bearer_token_file(self.signal, &self.code, reader),
            timeout,
            compression: self.compression(reader),
            tls: self.tls(reader),
        })
    }

    fn protocol(&self, name: &str, reader: &mut Reader<'_>) -> Protocol {
        let in_file = match name {
            "otlp_grpc" => Some(Protocol::Grpc),
            _ => {
                let encoding = self.cursor.get("encoding");
                let json = encoding.filter(|encoding| encoding.text() == Some("json"));
                match json {
                    Some(cursor) => parsed(
                        "http/json",
                        &cursor,
                        parse::protocol,
                        &mut reader.file_problems,
                    ),
                    None => Some(Protocol::HttpProtobuf),
                }
            }
        };
        let of_file = in_file.unwrap_or_default();
        let (protocol, origin) = match self.code.protocol {
            Some(protocol) => (protocol, Origin::Code),
            None => (of_file, self.document.origin(self.cursor.at())),
        };
        self.note("protocol", show::display(&protocol), origin, reader);
        protocol
    }

    fn endpoint(
        &self,
        protocol: Protocol,
        reader: &mut Reader<'_>,
    ) -> Result<http::Uri, ConfigError> {
        let insecure = self.insecure(reader);
        if let Some(uri) = endpoint_of_code(self.signal, protocol, insecure, self.settings)? {
            let shown = endpoint_for_people(&uri.to_string());
            self.note("endpoint", shown, Origin::Code, reader);
            return Ok(uri);
        }
        let cursor = self
            .cursor
            .get("endpoint")
            .filter(|cursor| cursor.text().is_some());
        let text = cursor.as_ref().and_then(Cursor::text);
        let found = exact_endpoint(self.signal, protocol, insecure, text);
        let (uri, origin) = match (found, &cursor) {
            (Ok(uri), Some(cursor)) => (uri, self.document.origin(cursor.at())),
            (Ok(uri), None) => (uri, Origin::Default),
            (Err(problem), at) => {
                let at = at.as_ref().unwrap_or(self.cursor);
                reader.file_problems.error(at.at(), &at.path, problem);
                // Never used: an error is no configuration.
                (http::Uri::default(), Origin::Default)
            }
        };
        let shown = endpoint_for_people(&uri.to_string());
        self.note("endpoint", shown, origin, reader);
        Ok(uri)
    }

    fn insecure(&self, reader: &mut Reader<'_>) -> bool {
        let cursor = self.cursor.find(&["tls", "insecure"]);
        let in_file = cursor
            .as_ref()
            .and_then(|cursor| Some((cursor.boolean()?, self.document.origin(cursor.at()))));
        let (insecure, origin) = match self.code.insecure {
            Some(insecure) => (insecure, Origin::Code),
            None => in_file.unwrap_or((false, Origin::Default)),
        };
        self.note("insecure", insecure.to_string(), origin, reader);
        insecure
    }

    fn timeout(&self, export: Option<Duration>, reader: &mut Reader<'_>) -> Option<Duration> {
        let batch = self.settings.batch_for(self.signal);
        let of_code = batch.export_timeout.map(limit_of_time);
        let export = of_code.unwrap_or(export);
        let cursor = self.cursor.get("timeout");
        let own = cursor
            .as_ref()
            .and_then(|cursor| Some((cursor.whole()?, self.document.origin(cursor.at()))));
        let (timeout, origin) = match (self.code.timeout, own) {
            // What the file has for its batches can't cut what code has.
            (Some(timeout), _) => (
                shorter(limit_of_time(timeout), of_code.flatten()),
                Origin::Code,
            ),
            (None, Some((number, origin))) => {
                let own = limit_of_time(Duration::from_millis(number));
                (shorter(own, export), origin)
            }
            (None, None) => (shorter(Some(DEFAULT_TIMEOUT), export), Origin::Default),
        };
        self.note("timeout", show::timeout(&timeout), origin, reader);
        timeout
    }

    fn compression(&self, reader: &mut Reader<'_>) -> Compression {
        let cursor = self.cursor.get("compression");
        let in_file = cursor.as_ref().and_then(|cursor| {
            let text = cursor.text()?;
            let problems = &mut reader.file_problems;
            let compression = parsed(text, cursor, parse::compression, problems)?;
            Some((compression, self.document.origin(cursor.at())))
        });
        let (compression, origin) = match self.code.compression {
            Some(compression) => (compression, Origin::Code),
            None => in_file.unwrap_or((Compression::default(), Origin::Default)),
        };
        self.note("compression", show::display(&compression), origin, reader);
        compression
    }

    /// The weakest first: the list as a text, the list, code.
    fn headers(&self, reader: &mut Reader<'_>) -> Result<HeaderMap, ConfigError> {
        let mut all = HeaderMap::new();
        let mut origin = Origin::Default;
        if let Some(list) = self.cursor.get("headers_list")
            && let Some(text) = list.text()
        {
            let mut problems = parse::Problems::default();
            all.extend(headers(text, &mut problems).unwrap_or_default());
            for problem in problems.0 {
                reader
                    .file_problems
                    .error(list.at(), &list.path, problem.problem);
            }
            origin = self.document.origin(list.at());
        }
        for entry in self.cursor.list("headers") {
            let name = entry.get("name");
            let value = entry.get("value");
            let (Some(name), Some(value)) = (
                name.as_ref().and_then(Cursor::text),
                value.as_ref().and_then(Cursor::text),
            ) else {
                continue;
            };
            match header(name.trim(), value) {
                Ok((name, value)) => {
                    all.insert(name, value);
                }
                Err(problem) => reader.file_problems.error(entry.at(), &entry.path, problem),
            }
            origin = self.document.origin(entry.at());
        }
        if add_headers(&mut all, &self.code)? {
            origin = Origin::Code;
        }
        self.note("headers", show::headers(&all), origin, reader);
        Ok(all)
    }

    fn tls(&self, reader: &mut Reader<'_>) -> TlsConfig {
        let tls = self.cursor.get("tls");
        let mut file = |key: &str, code: &Option<PathBuf>, what: &str| {
            let below = tls.as_ref().and_then(|tls| tls.get(key));
            let in_file = below.and_then(|cursor| {
                let path = pem_file(&cursor, &mut reader.file_problems)?;
                Some((path, self.document.origin(cursor.at())))
            });
            let (path, origin) = match code {
                Some(path) => (path.clone(), Origin::Code),
                None => in_file?,
            };
            let shown = value_for_people(&path.to_string_lossy());
            self.note(what, shown, origin, reader);
            Some(path)
        };
        let ca = file("ca_file", &self.code.ca_certificate, "certificate");
        let cert = file(
            "cert_file",
            &self.code.client_certificate,
            "client_certificate",
        );
        let key = file("key_file", &self.code.client_key, "client_key");
        if cert.is_some() != key.is_some() {
            let at = tls.as_ref().unwrap_or(self.cursor);
            let text = "expected `cert_file` and `key_file` together, found one of them";
            reader.file_problems.error(at.at(), &at.path, text);
        }
        TlsConfig { ca, cert, key }
    }

    fn note(&self, what: &str, value: String, origin: Origin, reader: &mut Reader<'_>) {
        let signal = self.signal.name();
        let key = match self.index {
            0 => format!("{signal}.{what}"),
            index => format!("{signal}[{index}].{what}"),
        };
        reader.note(&key, value, origin);
    }
}

/// For one attempt, as the schema has it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A path; its content is never shown, also where it was put in its place.
fn pem_file(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let text = cursor.text()?;
    if text.contains("-----BEGIN") {
        let text = "holds the content of a file in place of its name";
        problems.error(cursor.at(), &cursor.path, text);
        return None;
    }
    if !Path::new(text).is_absolute() {
        let text = "expected an absolute path, found a relative one";
        problems.error(cursor.at(), &cursor.path, text);
        return None;
    }
    Some(PathBuf::from(text))
}

/// A text read by the parser of the variable that means the same.
fn parsed<T>(
    text: &str,
    cursor: &Cursor<'_>,
    parse: fn(&str, &mut parse::Problems) -> Option<T>,
    problems: &mut Problems,
) -> Option<T> {
    let mut found = parse::Problems::default();
    let value = parse(text, &mut found);
    for problem in found.0 {
        problems.error(cursor.at(), &cursor.path, problem.problem);
    }
    value
}
