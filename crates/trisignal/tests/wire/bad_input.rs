//! What an operator gets wrong: the service starts with defaults and says so, or does not start and says why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use trisignal::{ErrorKind, Telemetry};

use super::certificates::Authority;
use super::common::{PATIENCE, receiver, record};

/// The names of all variables, from the page that is made of the table.
fn names() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    page.lines().filter_map(name).collect()
}

/// What takes any text, and the argument of a sampler that is not known itself.
const ANY_TEXT: &[&str] = &[
    "NO_COLOR",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    "OTEL_RUST_REDACTION_KEYS",
    "OTEL_RUST_REDACTION_QUERY_PARAMETERS",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER_ARG",
];

/// All that is wrong at once leaves a service that works by its defaults.
#[test]
fn nonsense_in_every_variable_leaves_the_defaults() {
    // A missing file is an error.
    let fatal = ["OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"];
    let directives = [
        "RUST_LOG",
        "OTEL_RUST_LOGS_FILTER",
        "OTEL_RUST_TRACES_FILTER",
    ];
    let receiver = receiver();
    let mut environment = BTreeMap::new();
    for name in names() {
        let value = match name.as_str() {
            name if fatal.contains(&name) => continue,
            "OTEL_EXPORTER_OTLP_ENDPOINT" => receiver.http_endpoint(),
            name if directives.contains(&name) => "x=loud".to_owned(),
            name if ["CERTIFICATE", "_KEY", "_FILE"]
                .iter()
                .any(|end| name.ends_with(end)) =>
            {
                "-----BEGIN hunter2".to_owned()
            }
            _ => "https://user:hunter2@\u{1b}[31m".to_owned(),
        };
        environment.insert(name, value);
    }
    let given: BTreeSet<_> = environment.keys().cloned().collect();
    let telemetry = trisignal::builder("checkout")
        .environment(environment)
        .console_writer(|_| Ok(()))
        .build()
        .unwrap();
    record(&telemetry, || {
        tracing::info_span!("work").in_scope(|| tracing::info!("worked"));
    });
    let report = telemetry.shutdown_blocking(PATIENCE);
    assert!(report.complete && report.lost() == 0, "{report}");
    assert_eq!(receiver.spans().name("work").count(), 1);
    assert_eq!(receiver.logs().body("worked").count(), 1);
    let told: Vec<_> = telemetry
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    let warnings = telemetry.warnings().iter();
    let named: BTreeSet<_> = warnings
        .map(|warning| warning.variable().to_owned())
        .collect();
    let silent: Vec<_> = given.difference(&named).map(String::as_str).collect();
    assert_eq!(silent, ANY_TEXT, "{told:#?}");
    let shown = format!("{told:?}{}{:?}", telemetry.explain(), telemetry.config());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!telemetry.explain().contains('\u{1b}'));
}

fn start(endpoint: &str, variables: &[(&str, &Path)]) -> Result<Telemetry, trisignal::Error> {
    let files = variables
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.to_str().unwrap().to_owned()));
    let environment: BTreeMap<_, _> = files
        .chain([(
            "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
            endpoint.to_owned(),
        )])
        .collect();
    let builder = trisignal::builder("checkout").environment(environment);
    builder.console_writer(|_| Ok(())).build()
}

/// Files that can't be used, with what the error says of them.
fn bad_files(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let mut files = vec![
        (folder.join("missing.pem"), "No such file"),
        (folder.to_path_buf(), "it is not a regular file"),
        (write("empty.pem", b""), "it is empty"),
        (
            write("huge.pem", &vec![b'x'; 10 << 20]),
            "it is larger than 4 MiB",
        ),
        (write("text.pem", b"hunter2\n"), ""),
        (
            write("cut.pem", b"-----BEGIN CERTIFICATE-----\nhunter2"),
            "",
        ),
        (
            write(
                "bytes.pem",
                b"-----BEGIN CERTIFICATE-----\n\xff\xfehunter2\n-----END CERTIFICATE-----\n",
            ),
            "",
        ),
        (
            write(
                "wrong.pem",
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            ),
            "",
        ),
        (PathBuf::from("/dev/zero"), "it is not a regular file"),
    ];
    let pipe = folder.join("pipe.pem");
    if Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|status| status.success())
    {
        files.push((pipe, "it is not a regular file"));
    }
    files
}

#[cfg(unix)]
#[test]
fn a_certificate_file_that_can_not_be_used_names_its_variable() {
    const CA: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    const OF_LOGS: &str = "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE";
    const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
    const KEY: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";
    let ours = Authority::new();
    let client = ours.sign("checkout", 4_000);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (client.certificate_file.as_path(), client.key_file.as_path());
    let fails = |variables: &[(&str, &Path)], named: &str, what: &str| {
        let begin = Instant::now();
        let error = start("https://127.0.0.1:9", variables).unwrap_err();
        assert!(begin.elapsed() < Duration::from_secs(30), "{error}");
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Tls, "{text}");
        assert!(
            text.starts_with(&format!("{named}: ")) && text.contains(what),
            "{what}: {text}"
        );
        assert!(!text.contains("hunter2") && text.len() < 600, "{text}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    };
    for (file, what) in bad_files(folder.path()) {
        fails(&[(CA, &file)], CA, what);
        fails(&[(CA, &ours.file()), (OF_LOGS, &file)], OF_LOGS, what);
        fails(&[(CERTIFICATE, &file), (KEY, key)], CERTIFICATE, what);
        fails(&[(CERTIFICATE, certificate), (KEY, &file)], KEY, what);
    }
    // The one in place of the other, and a key of another certificate.
    let other = ours.sign("other", 4_000);
    fails(
        &[(CERTIFICATE, key), (KEY, key)],
        CERTIFICATE,
        "has no PEM certificate",
    );
    let no_key = folder.path().join("no.key");
    std::fs::copy(certificate, &no_key).unwrap();
    fails(&[(CERTIFICATE, certificate), (KEY, &no_key)], KEY, "");
    fails(
        &[(CERTIFICATE, certificate), (KEY, &other.key_file)],
        CERTIFICATE,
        "and its key can't be used",
    );
    // Half of a pair is a warning, and so is a file that a connection in the clear does not need.
    for (endpoint, variables, named) in [
        ("https://127.0.0.1:9", [(KEY, key)], KEY),
        ("http://127.0.0.1:9", [(CA, Path::new("/nowhere.pem"))], CA),
    ] {
        let telemetry = start(endpoint, &variables).unwrap();
        assert_eq!(telemetry.warnings()[0].variable(), named);
        let _ = telemetry.shutdown_blocking(Duration::from_millis(50));
    }
}

#[test]
fn an_address_for_prometheus_that_nobody_has_names_its_variables() {
    let environment: BTreeMap<String, String> = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "no such host\u{1b}"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let error = trisignal::builder("checkout")
        .environment(environment)
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("OTEL_EXPORTER_PROMETHEUS_HOST: can't listen for Prometheus on no such host\\u{1b}, port 9464: "), "{text}");
}
