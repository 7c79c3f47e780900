//! Documents made from the tables of the schema: for each of its keys the smallest one that has it.

use std::collections::BTreeSet;

use super::super::schema::{Form, Key, ROOT, Shape, Type};

/// A key of the schema with the document around it.
pub(super) struct Place {
    /// As errors have it.
    pub(super) path: String,
    pub(super) of: &'static Type,
    pub(super) key: &'static Key,
    /// The document up to the key, and after its value.
    before: String,
    after: String,
}

/// Where a document has the key and the value of a [`Place`].
pub(super) struct Made {
    pub(super) text: String,
    pub(super) key_at: String,
    pub(super) value_at: String,
}

impl Place {
    /// A value that fits the key.
    pub(super) fn fitting(&self) -> String {
        fitting(self.of.name, self.key)
    }

    /// The document with `name` for the key, and `value` behind it.
    pub(super) fn with(&self, name: &str, value: &str) -> Made {
        let column = self.before.chars().count() + 1;
        let value_column = column + name.chars().count() + "\"\": ".len();
        Made {
            text: format!(
                "# One line\n{}\"{name}\": {value}{}\n",
                self.before, self.after
            ),
            key_at: format!("telemetry.yaml:2:{column}"),
            value_at: format!("telemetry.yaml:2:{value_column}"),
        }
    }
}

/// Every key of every type, each once, at the shortest way to it.
pub(super) fn places() -> Vec<Place> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut ahead =
        std::collections::VecDeque::from([(&ROOT, String::new(), String::new(), String::new())]);
    while let Some((ty, path, before, after)) = ahead.pop_front() {
        if !seen.insert(ty.name) {
            continue;
        }
        for key in ty.keys {
            let (others, name) = (siblings(ty, key), key.name);
            let path = match path.is_empty() {
                true => name.to_owned(),
                false => format!("{path}.{name}"),
            };
            let place = Place {
                path: path.clone(),
                of: ty,
                key,
                before: format!("{before}{{{others}"),
                after: format!("}}{after}"),
            };
            let inside = format!("{}\"{name}\": ", place.before);
            match key.shape {
                Shape::Mapping(below) => {
                    ahead.push_back((below, path, inside, place.after.clone()));
                }
                Shape::List {
                    of: Shape::Mapping(below),
                    ..
                } => {
                    let (path, inside) = (format!("{path}[0]"), format!("{inside}["));
                    ahead.push_back((below, path, inside, format!("]{}", place.after)));
                }
                _ => {}
            }
            found.push(place);
        }
    }
    found
}

/// What has to stand beside `key`.
fn siblings(ty: &Type, key: &Key) -> String {
    if matches!(ty.form, Form::Choice(_)) {
        return String::new();
    }
    let mut others: Vec<String> = required(ty, key.name);
    // Half of a pair is an error of its own.
    let more: &[(&str, &str)] = match (ty.name, key.name) {
        ("HttpTls" | "GrpcTls", "cert_file") => &[("key_file", "\"/k.pem\"")],
        ("HttpTls" | "GrpcTls", "key_file") => &[("cert_file", "\"/c.pem\"")],
        _ => &[],
    };
    others.extend(
        more.iter()
            .map(|(name, value)| format!("\"{name}\": {value}")),
    );
    others.iter().map(|other| format!("{other}, ")).collect()
}

fn required(ty: &Type, but: &str) -> Vec<String> {
    ty.keys
        .iter()
        .filter(|key| key.required && key.name != but)
        .map(|key| format!("\"{}\": {}", key.name, fitting(ty.name, key)))
        .collect()
}

/// A value that fits.
fn fitting(ty: &str, key: &Key) -> String {
    match (ty, key.name) {
        ("OpenTelemetryConfiguration", "file_format") => "\"1.1\"".to_owned(),
        // With a name of its own a stream is of one instrument.
        ("View", "selector") => "{\"instrument_name\": \"a\"}".to_owned(),
        (_, "endpoint") => "\"http://localhost:4318/custom\"".to_owned(),
        (_, "ca_file" | "cert_file" | "key_file") => "\"/a.pem\"".to_owned(),
        (_, "compression") => "\"gzip\"".to_owned(),
        (_, "output_stream") => "\"stdout\"".to_owned(),
        ("TrisignalConsole", "format") => "\"json\"".to_owned(),
        (_, "filter") => "\"info\"".to_owned(),
        (_, "composite_list") => "\"baggage\"".to_owned(),
        (_, "attributes_list" | "headers_list") => "\"a=b\"".to_owned(),
        ("TrisignalSampling", "rules") => "\"keep\"".to_owned(),
        ("TrisignalMetrics", "own") => "[\"process\"]".to_owned(),
        ("TrisignalRedaction", "kinds") => "[\"tokens\"]".to_owned(),
        ("AttributeNameValue", "type") => "\"string\"".to_owned(),
        _ => of_shape(&key.shape),
    }
}

fn of_shape(shape: &Shape) -> String {
    match shape {
        Shape::Bool { .. } => "true".to_owned(),
        Shape::Text { .. } | Shape::Attribute => "\"a\"".to_owned(),
        Shape::Whole { min, .. } => min.to_string(),
        Shape::Number { min, .. } => min.max(0.0).to_string(),
        Shape::OneOf(texts) => format!("\"{}\"", texts[0]),
        Shape::List { of, .. } => format!("[{}]", of_shape(of)),
        Shape::Mapping(ty) => match ty.form {
            Form::Choice(_) => {
                let key = &ty.keys[0];
                format!("{{\"{}\": {}}}", key.name, fitting(ty.name, key))
            }
            Form::Vendors(1) => "{\"other\": {}}".to_owned(),
            _ => format!("{{{}}}", required(ty, "").join(", ")),
        },
    }
}
