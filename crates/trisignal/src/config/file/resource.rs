//! Who sends, as a file says.

use std::collections::BTreeSet;
use std::sync::Mutex;

use opentelemetry::{Array, KeyValue, StringValue, Value as Attribute};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;

use super::super::identity::{Identity, entities, named};
use super::super::members::resource_attributes;
use super::super::parse;
use super::super::reader::Reader;
use super::super::{Origin, Settings, show};
use super::Document;
use super::cursor::{Cursor, number, whole};
use super::node::{Kind, Node, Value};
use super::pattern::patterns;
use super::problem::{Position, Problems};
use crate::resource::{self, Layers};

const SERVICE_NAME: &str = "service.name";

/// The service's name, and the resource with it. The weakest first: what is detected, `attributes_list`, `attributes`, code.
pub(in super::super) fn identity(
    document: &Document,
    settings: &Settings,
    reader: &mut Reader<'_>,
) -> Identity {
    let root = Cursor::root(&document.root);
    let section = root.get("resource");
    let mut said = Vec::new();
    let mut detected = distribution();
    if let Some(section) = &section {
        let problems = &mut reader.file_problems;
        said.extend(attributes_list(section, problems));
        said.extend(attributes(section, problems));
        detected.extend(detect(section, reader));
    }
    let code = settings.attributes();
    let (name, origin) = name(document, settings, &code, &said, &detected);
    reader.note("service.name", show::display(&name), origin);
    // There is no place for entities in the schema; those of code are among its attributes.
    entities(settings, reader);
    let schema_url = section
        .as_ref()
        .and_then(|section| section.get("schema_url"));
    let mut origins: Vec<_> = said
        .iter()
        .map(|(attribute, at)| (attribute.key.to_string(), document.origin(*at)))
        .collect();
    origins.extend(named(&code, &Origin::Code));
    let said: Vec<KeyValue> = said.into_iter().map(|(attribute, _)| attribute).collect();
    let builder = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(detected);
    let builder = match schema_url.as_ref().and_then(Cursor::text) {
        Some(url) => builder.with_schema_url(said, url.to_owned()),
        None => builder.with_attributes(said),
    };
    let resource = builder
        .with_attributes(code)
        .with_attribute(KeyValue::new(SERVICE_NAME, name.clone()))
        .build();
    Identity {
        service_name: name,
        resource,
        origins,
    }
}

/// Code, else the file, else the detector, else the name given to `init`, else the executable's.
fn name(
    document: &Document,
    settings: &Settings,
    code: &[KeyValue],
    said: &[(KeyValue, Position)],
    detected: &[KeyValue],
) -> (String, Origin) {
    let is_name = |attribute: &KeyValue| attribute.key.as_str() == SERVICE_NAME;
    let in_code = code.iter().any(is_name);
    let in_file = said
        .iter()
        .rev()
        .find(|(attribute, _)| is_name(attribute) && !attribute.value.as_str().trim().is_empty());
    if let (false, Some((attribute, at))) = (in_code, in_file) {
        let name = attribute.value.as_str().trim().to_owned();
        return (name, document.origin(*at));
    }
    let detected = detected.iter().find(|attribute| is_name(attribute));
    let detected = detected.map(|attribute| attribute.value.as_str().into_owned());
    let layers = Layers {
        init_name: &settings.service_name,
        operator: &[],
        operator_name: detected.as_deref(),
        code,
    };
    let (name, source) = layers.service_name();
    let origin = match source {
        resource::NameSource::Code => Origin::Code,
        resource::NameSource::Variable => Origin::Environment("OTEL_SERVICE_NAME".to_owned()),
        resource::NameSource::Attributes | resource::NameSource::Fallback => Origin::Default,
    };
    (name, origin)
}

/// What every resource of ours has, detection or not.
fn distribution() -> Vec<KeyValue> {
    resource::detect()
        .into_iter()
        .filter(|attribute| attribute.key.as_str().starts_with("telemetry."))
        .collect()
}

fn detect(section: &Cursor<'_>, reader: &Reader<'_>) -> Vec<KeyValue> {
    let Some(detection) = section.get("detection/development") else {
        return Vec::new();
    };
    let mut prefixes: Vec<&str> = Vec::new();
    let mut with_service = false;
    for (name, _) in detection
        .list("detectors")
        .iter()
        .filter_map(Cursor::choice)
    {
        match name {
            "host" => prefixes.extend(["host.", "os."]),
            "process" => prefixes.push("process."),
            "service" => {
                with_service = true;
                prefixes.push("service.");
            }
            _ => {}
        }
    }
    let mut all = resource::detect();
    all.retain(|attribute| {
        let key = attribute.key.as_str();
        prefixes.iter().any(|prefix| key.starts_with(prefix))
    });
    // The one variable that the schema itself names.
    let name = reader
        .variable("OTEL_SERVICE_NAME")
        .filter(|_| with_service);
    all.extend(name.map(|name| KeyValue::new(SERVICE_NAME, name)));
    if let Some(section) = detection.get("attributes") {
        let patterns = patterns(&section);
        all.retain(|attribute| patterns.take(attribute.key.as_str()));
    }
    all
}

fn attributes_list(section: &Cursor<'_>, problems: &mut Problems) -> Vec<(KeyValue, Position)> {
    let Some(list) = section.get("attributes_list") else {
        return Vec::new();
    };
    let mut found = parse::Problems::default();
    let members = list
        .text()
        .and_then(|text| resource_attributes(text, &mut found))
        .unwrap_or_default();
    for problem in found.0 {
        problems.error(list.at(), &list.path, problem.problem);
    }
    members
        .into_iter()
        .map(|attribute| (attribute, list.at()))
        .collect()
}

fn attributes(section: &Cursor<'_>, problems: &mut Problems) -> Vec<(KeyValue, Position)> {
    let mut all = Vec::new();
    for entry in section.list("attributes") {
        let (Some(name), Some(value)) = (entry.get("name"), entry.get("value")) else {
            continue;
        };
        let Some(name) = name.text() else {
            continue;
        };
        if name.is_empty() {
            problems.error(entry.at(), &entry.path, "the name is empty");
            continue;
        }
        if value.node.is_null() || value.node.value == Value::Broken {
            continue;
        }
        let kind = entry.get("type");
        let kind = kind.as_ref().and_then(Cursor::text).unwrap_or("");
        if !TYPES.contains(&kind) {
            // The validation has told it; what stands there may be a secret in the wrong place.
            continue;
        }
        match attribute(value.node, kind) {
            Some(attribute) => {
                all.push((KeyValue::new(name.to_owned(), attribute), value.at()));
            }
            None => {
                let expected = if kind.is_empty() { "string" } else { kind };
                let text = format!(
                    "expected a value of the type {expected}, found {}",
                    value.node.what()
                );
                problems.error(value.at(), &value.path, text);
            }
        }
    }
    all
}

/// The first stands for none at all.
const TYPES: [&str; 9] = [
    "",
    "string",
    "bool",
    "int",
    "double",
    "string_array",
    "bool_array",
    "int_array",
    "double_array",
];

/// The value as one of `kind`; without a kind, any scalar stands for its text.
fn attribute(node: &Node, kind: &str) -> Option<Attribute> {
    match kind {
        "" => match &node.value {
            Value::Scalar(scalar) => Some(scalar.text.clone().into()),
            _ => None,
        },
        "string" => text(node).map(Attribute::from),
        "bool" => boolean(node).map(Attribute::from),
        "int" => int(node).map(Attribute::from),
        "double" => number(node).map(Attribute::from),
        "string_array" => array(node, text).map(|items| Attribute::Array(Array::String(items))),
        "bool_array" => array(node, boolean).map(|items| Attribute::Array(Array::Bool(items))),
        "int_array" => array(node, int).map(|items| Attribute::Array(Array::I64(items))),
        "double_array" => array(node, number).map(|items| Attribute::Array(Array::F64(items))),
        // There are no others in `TYPES`.
        _ => None,
    }
}

fn array<T>(node: &Node, item: fn(&Node) -> Option<T>) -> Option<Vec<T>> {
    match &node.value {
        Value::List(items) => items.iter().map(item).collect(),
        _ => None,
    }
}

fn text(node: &Node) -> Option<StringValue> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind == Kind::Text => Some(scalar.text.clone().into()),
        _ => None,
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn int(node: &Node) -> Option<i64> {
    i64::try_from(whole(node)?).ok()
}

/// Keys of baggage to show, where the file has any.
pub(in super::super) fn baggage_attributes(
    document: &Document,
) -> Option<(Vec<&'static str>, Origin)> {
    let root = Cursor::root(&document.root);
    let list = root.find(&["distribution", "trisignal", "baggage_attributes"])?;
    let mut keys = Vec::new();
    for item in list.items() {
        if let Some(key) = item.text()
            && key != trisignal_instrumentation::correlation::BAGGAGE_KEY
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    let keys = keys.into_iter().map(kept).collect();
    Some((keys, document.origin(list.at())))
}

/// The text for as long as the process runs, once, however often the file is read.
fn kept(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match kept.get(text) {
        Some(known) => known,
        None => {
            let new: &'static str = Box::leak(text.to_owned().into_boxed_str());
            kept.insert(new);
            new
        }
    }
}
