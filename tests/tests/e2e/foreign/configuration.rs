//! One configuration file or set of variables, two SDKs: the same work under Python's own and under ours, and what a receiver got
//! of each.
//!
//! Where they differ, a case says so, with the rule that decides. What only one of them takes is a table of its own.

mod cases;
mod facts;
mod refusals;
mod variables;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use trisignal::{ConsoleFormat, Telemetry};
use trisignal_receiver::Receiver;
use trisignal_tests::root;

use super::python;
use cases::CASES;
use facts::facts;
use refusals::{REFUSALS, Refusal};
use variables::{ALL, SETS, Set};

/// Says that Python's SDK refuses the file.
const REFUSED: i32 = 3;

/// A folder with the file, and the variables that it may refer to.
struct Setting {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Setting {
    fn new(text: &str, receiver: &Receiver) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("telemetry.yaml"), text).unwrap();
        let variables = [
            ("HTTP", receiver.http_endpoint()),
            ("GRPC", receiver.grpc_endpoint()),
            ("NAME", "of-the-variable".to_owned()),
            ("EMPTY", String::new()),
            ("NUMBER", "7".to_owned()),
            ("REFERENCE", "${NAME}".to_owned()),
            // Not in the file, so they have no effect.
            ("OTEL_SERVICE_NAME", "ignored".to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES", "ignored=1".to_owned()),
            ("OTEL_TRACES_SAMPLER", "always_off".to_owned()),
        ];
        Self {
            folder,
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("telemetry.yaml")
    }

    fn job(&self, work: bool) -> Value {
        json!({ "file": self.file(), "environment": self.variables, "work": work })
    }

    fn in_rust(&self) -> Result<Telemetry, trisignal::Error> {
        trisignal::builder("of-init")
            .environment(self.variables.clone())
            .config_file(self.file())
            .console(ConsoleFormat::Off)
            .own_metrics([])
            .build()
    }
}

/// How the jobs end in Python's SDK: whether it takes each file.
fn in_python(python: &Path, jobs: &[Value]) -> Vec<bool> {
    let mut child = Command::new(python)
        .arg("-I")
        .arg(python::file("configured.py"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Dropped after it, which is the end of the list.
    serde_json::to_writer(child.stdin.take().unwrap(), jobs).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    let last = String::from_utf8_lossy(&output.stdout);
    let codes: Vec<i32> = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(codes.len(), jobs.len());
    let known = codes.iter().all(|code| [0, REFUSED].contains(code));
    assert!(known, "{codes:?}\n{said}");
    codes.iter().map(|code| *code == 0).collect()
}

#[test]
fn both_sdks_do_the_same_by_the_same_file() {
    let Some(python) = python::interpreter("both_sdks_do_the_same_by_the_same_file") else {
        return;
    };
    let theirs: Vec<_> = CASES
        .iter()
        .map(|case| {
            let receiver = Receiver::start_blocking().unwrap();
            let setting = Setting::new(&case.document(), &receiver);
            (receiver, setting)
        })
        .collect();
    let jobs: Vec<_> = theirs
        .iter()
        .map(|(_, setting)| setting.job(true))
        .collect();
    let taken = in_python(python, &jobs);
    let mut wrong = Vec::new();
    for ((case, (receiver, _)), taken) in CASES.iter().zip(&theirs).zip(taken) {
        assert!(taken, "Python refuses: {}", case.name);
        let ours = Receiver::start_blocking().unwrap();
        let telemetry = Setting::new(&case.document(), &ours).in_rust().unwrap();
        let known = (case.name, case.differs);
        wrong.extend(compare(known, receiver, &telemetry, &ours));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn both_sdks_do_the_same_by_the_same_variables() {
    let Some(python) = python::interpreter("both_sdks_do_the_same_by_the_same_variables") else {
        return;
    };
    let theirs: Vec<_> = SETS
        .iter()
        .map(|_| Receiver::start_blocking().unwrap())
        .collect();
    let jobs = SETS.iter().zip(&theirs).map(|(set, receiver)| {
        json!({ "file": null, "environment": variables(set, receiver), "work": true })
    });
    let taken = in_python(python, &jobs.collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for ((set, theirs), taken) in SETS.iter().zip(&theirs).zip(taken) {
        assert!(taken, "Python refuses: {}", set.name);
        let ours = Receiver::start_blocking().unwrap();
        let telemetry = trisignal::builder("of-init")
            .environment(variables(set, &ours))
            .console(ConsoleFormat::Off)
            .own_metrics([])
            .build()
            .unwrap();
        wrong.extend(compare((set.name, set.differs), theirs, &telemetry, &ours));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The variables of a set, for a receiver.
fn variables(set: &Set, receiver: &Receiver) -> BTreeMap<String, String> {
    let here = |value: &str| {
        value
            .replace("${HTTP}", &receiver.http_endpoint())
            .replace("${GRPC}", &receiver.grpc_endpoint())
    };
    let all = ALL.iter().chain(set.variables);
    all.map(|(name, value)| ((*name).to_owned(), here(value)))
        .collect()
}

/// What differs without being expected to, and the other way round.
fn compare(
    (name, differs): (&str, &[(&str, &str)]),
    theirs: &Receiver,
    telemetry: &Telemetry,
    ours: &Receiver,
) -> Vec<String> {
    work::work(telemetry);
    let report = telemetry.shutdown_blocking(trisignal_tests::DEADLINE);
    assert!(report.complete && report.lost() == 0, "{report}");

    let (theirs, ours) = (facts(theirs), facts(ours));
    let keys: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let mut wrong = Vec::new();
    for key in keys {
        let (their, our) = (theirs.get(key), ours.get(key));
        let known = differs.iter().find(|(known, _)| known == key);
        match (their == our, known) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => wrong.push(format!("{name}: {key}: Python {their:?}, we {our:?}")),
            // A difference that is no more has to leave the list.
            (true, Some(_)) => wrong.push(format!("{name}: {key}: both {our:?}")),
        }
    }
    wrong
}

#[test]
fn both_sdks_refuse_the_same_files() {
    let Some(python) = python::interpreter("both_sdks_refuse_the_same_files") else {
        return;
    };
    let receiver = Receiver::start_blocking().unwrap();
    let settings: Vec<_> = REFUSALS
        .iter()
        .map(|refusal| Setting::new(refusal.text, &receiver))
        .collect();
    let jobs: Vec<_> = settings.iter().map(|setting| setting.job(false)).collect();
    let theirs = in_python(python, &jobs);
    let mut wrong = Vec::new();
    for ((Refusal { text, takes, .. }, setting), theirs) in
        REFUSALS.iter().zip(&settings).zip(theirs)
    {
        let found = (theirs, setting.in_rust().is_ok());
        if found != takes.pair() {
            wrong.push(format!("{text:?}: (Python, we) take it: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page of keys is made from the tables that validate, so this holds them against the published schema.
#[test]
fn the_tables_are_those_of_the_published_schema() {
    let Some(python) = python::interpreter("the_tables_are_those_of_the_published_schema") else {
        return;
    };
    let ask = "import importlib.resources as r; \
               print((r.files('opentelemetry.configuration') / 'schema.json').read_text())";
    let output = Command::new(python)
        .args(["-I", "-c", ask])
        .output()
        .unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let page = std::fs::read_to_string(root().join("docs/configuration-file.md")).unwrap();
    let mut compared = 0;
    for section in page.split("\n### ").skip(1) {
        let name = section.lines().next().unwrap();
        // Ours have no place in the schema, and in `distribution` it names no key.
        if name.starts_with("Trisignal") || name == "Distribution" {
            continue;
        }
        let ty = match name {
            "OpenTelemetryConfiguration" => &schema,
            name => &schema["$defs"][name],
        };
        let properties = ty["properties"].as_object();
        let published: BTreeSet<String> = properties
            .unwrap_or_else(|| panic!("the schema has no {name}"))
            .keys()
            .cloned()
            .collect();
        let rows: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let key = |row: &&str| row.split('`').nth(1).unwrap().to_owned();
        let mut documented: BTreeSet<String> = rows.iter().map(key).collect();
        // Known to the schema as one of other people.
        documented.remove("xray");
        assert_eq!(documented, published, "{name}");
        let required: BTreeSet<String> = rows
            .iter()
            .filter(|row| row.contains("(required)"))
            .map(key)
            .collect();
        let expected: BTreeSet<String> = ty["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        assert_eq!(required, expected, "{name}");
        compared += rows.len();
    }
    assert!(compared > 150, "{compared} keys");
}
