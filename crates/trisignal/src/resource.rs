//! Who sends: the attributes of the process, detected, and set by operator and code.
//!
//! Command-line arguments and the user's name are left out on purpose: both carry secrets or personal data often enough.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;

const SERVICE_NAME: &str = "service.name";

/// What others say about the service, the weakest first. All of it wins over what is detected.
pub(crate) struct Layers<'a> {
    /// The name given to `init`, a default.
    pub init_name: &'a str,
    /// `OTEL_RESOURCE_ATTRIBUTES`, above what `OTEL_ENTITIES` has.
    pub operator: &'a [KeyValue],
    /// `OTEL_SERVICE_NAME`.
    pub operator_name: Option<&'a str>,
    /// The strongest last.
    pub code: &'a [KeyValue],
}

/// Who gave the service its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameSource {
    Code,
    Variable,
    Attributes,
    Fallback,
}

impl Layers<'_> {
    /// The name in force. It is never empty.
    pub(crate) fn service_name(&self) -> (String, NameSource) {
        let code = self
            .code
            .iter()
            .rev()
            .find(|attribute| attribute.key.as_str() == SERVICE_NAME);
        let code = code.map(|attribute| attribute.value.as_str());
        let attribute = self
            .operator
            .iter()
            .rev()
            .find(|attribute| attribute.key.as_str() == SERVICE_NAME);
        let candidates = [
            (code, NameSource::Code),
            (self.operator_name.map(Cow::Borrowed), NameSource::Variable),
            (
                attribute.map(|attribute| attribute.value.as_str()),
                NameSource::Attributes,
            ),
            (Some(Cow::Borrowed(self.init_name)), NameSource::Code),
        ];
        candidates
            .into_iter()
            .filter_map(|(name, source)| Some((name?.trim().to_owned(), source)))
            .find(|(name, _)| !name.is_empty())
            .unwrap_or_else(|| {
                (
                    unknown_service(executable().as_deref()),
                    NameSource::Fallback,
                )
            })
    }

    /// Detected attributes under those of the operator under those of code.
    pub(crate) fn build(&self, detected: Vec<KeyValue>) -> Resource {
        Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(detected)
            .with_attributes(self.operator.iter().cloned())
            .with_attributes(self.code.iter().cloned())
            .with_attribute(KeyValue::new(SERVICE_NAME, self.service_name().0))
            .build()
    }
}

/// What can be known about this process and its machine. Unknown attributes are left out, not made up.
///
/// `service.instance.id` is new with each call.
pub(crate) fn detect() -> Vec<KeyValue> {
    let executable = executable();
    let mut attributes = vec![
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        KeyValue::new("telemetry.distro.name", "trisignal"),
        KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("host.arch", arch(std::env::consts::ARCH)),
        KeyValue::new("os.type", os_type(std::env::consts::OS)),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    let name = executable.as_deref().and_then(file_name);
    let path = executable
        .as_deref()
        .map(|path| path.to_string_lossy().into_owned());
    let more = [
        ("host.name", host_name()),
        ("process.executable.name", name),
        ("process.executable.path", path),
    ];
    attributes.extend(
        more.into_iter()
            .filter_map(|(key, value)| Some(KeyValue::new(key, value?))),
    );
    attributes.extend(os_release());
    attributes
}

fn executable() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
}

fn unknown_service(executable: Option<&Path>) -> String {
    match executable.and_then(file_name) {
        Some(name) => format!("unknown_service:{name}"),
        None => "unknown_service".to_owned(),
    }
}

#[cfg(target_os = "linux")]
fn host_name() -> Option<String> {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| host_name_in(&fs::read_to_string(path).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn host_name() -> Option<String> {
    host_name_in(&gethostname::gethostname().to_string_lossy())
}

fn host_name_in(text: &str) -> Option<String> {
    // What the kernel says when nobody has named the machine.
    let name = text.trim();
    (!name.is_empty() && name != "(none)").then(|| name.to_owned())
}

/// The names of the semantic conventions for processor architectures.
fn arch(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

/// The names of the semantic conventions for operating systems.
fn os_type(rust: &'static str) -> &'static str {
    match rust {
        "macos" | "ios" => "darwin",
        "android" => "linux",
        "dragonfly" => "dragonflybsd",
        other => other,
    }
}

/// Name and version of a Linux distribution; nothing elsewhere.
fn os_release() -> Vec<KeyValue> {
    let read = ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok());
    read.map(|text| parse_os_release(&text)).unwrap_or_default()
}

fn parse_os_release(text: &str) -> Vec<KeyValue> {
    let attribute = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        let key = match key {
            "NAME" => "os.name",
            "VERSION_ID" => "os.version",
            "PRETTY_NAME" => "os.description",
            _ => return None,
        };
        let value = value.trim_matches(['"', '\'']);
        (!value.is_empty())
            .then(|| KeyValue::new(Key::from_static_str(key), Value::from(value.to_owned())))
    };
    text.lines().filter_map(attribute).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

    use super::*;

    const NOBODY: Layers<'_> = Layers {
        init_name: "",
        operator: &[],
        operator_name: None,
        code: &[],
    };

    fn text(resource: &Resource, key: &'static str) -> Option<String> {
        resource
            .get(&Key::from_static_str(key))
            .map(|value| value.to_string())
    }

    #[test]
    fn this_process_is_described() {
        let resource = NOBODY.build(detect());
        let executable = std::env::current_exe().unwrap();
        let name = executable.file_name().unwrap().to_string_lossy();
        let expected = [
            ("service.name", format!("unknown_service:{name}")),
            ("process.pid", std::process::id().to_string()),
            ("process.executable.name", name.to_string()),
            (
                "process.executable.path",
                executable.to_string_lossy().into_owned(),
            ),
            ("telemetry.sdk.name", "opentelemetry".into()),
            ("telemetry.sdk.language", "rust".into()),
            ("telemetry.distro.name", "trisignal".into()),
            ("telemetry.distro.version", env!("CARGO_PKG_VERSION").into()),
        ];
        for (key, value) in expected {
            assert_eq!(text(&resource, key), Some(value), "{key}");
        }
        assert!(
            text(&resource, "telemetry.sdk.version")
                .unwrap()
                .starts_with("0.33.")
        );
        assert!(
            text(&resource, "host.name").is_some_and(|name| !name.contains(char::is_whitespace))
        );
        assert_eq!(text(&resource, "process.command_args"), None);
    }

    #[test]
    fn every_instance_has_an_id_of_its_own() {
        let ids = [(); 2].map(|()| text(&NOBODY.build(detect()), "service.instance.id").unwrap());
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        }
    }

    #[test]
    fn os_release_files() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\nVERSION_ID=12\nVERSION=x\n";
        let cases: &[(&str, &[(&str, &str)])] = &[
            (
                debian,
                &[
                    ("os.description", "Debian GNU/Linux 12 (bookworm)"),
                    ("os.name", "Debian"),
                    ("os.version", "12"),
                ],
            ),
            ("NAME=\"\"\n# NAME=x\nNAME", &[]),
            ("", &[]),
        ];
        for (file, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(key, value)| KeyValue::new(*key, *value))
                .collect();
            assert_eq!(parse_os_release(file), expected);
        }
    }

    #[test]
    fn host_names() {
        let cases = [
            ("web-1\n", Some("web-1")),
            ("", None),
            ("\n", None),
            ("(none)\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(host_name_in(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_the_conventions() {
        assert_eq!(
            ["x86_64", "aarch64", "s390x", "riscv64"].map(arch),
            ["amd64", "arm64", "s390x", "riscv64"]
        );
        assert_eq!(
            ["linux", "macos", "windows"].map(os_type),
            ["linux", "darwin", "windows"]
        );
        assert_eq!(unknown_service(None), "unknown_service");
        assert_eq!(
            unknown_service(Some(Path::new("/bin/checkout"))),
            "unknown_service:checkout"
        );
    }
}
