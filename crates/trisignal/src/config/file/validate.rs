//! A document against the schema: everything that is wrong with it, at once.

use super::super::redact::value_for_people;
use super::cursor::{Cursor, number, whole};
use super::nearest::nearest;
use super::node::{Entry, Kind, Node, Value};
use super::problem::Problems;
use super::schema::{Form, Key, Shape, Support, Type};

/// How keys are taken that the schema does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The file is of a version that is known as a whole.
    Refused,
    /// The file is of a newer minor version.
    Ignored,
}

pub(super) struct Validator<'p> {
    pub problems: &'p mut Problems,
    pub unknown: Unknown,
}

impl Validator<'_> {
    pub(super) fn mapping(&mut self, cursor: &Cursor<'_>, ty: &'static Type) {
        let entries: &[Entry] = match &cursor.node.value {
            Value::Broken => return,
            Value::Map(entries) => entries,
            _ if cursor.node.is_null() && ty.nullable => &[],
            _ => {
                let nothing = if cursor.node.is_null() && matches!(ty.form, Form::Choice(_)) {
                    "a mapping with one key"
                } else {
                    "a mapping"
                };
                return self.expected(cursor, nothing);
            }
        };
        if let Form::Choice(what) = ty.form
            && entries.len() != 1
        {
            let found = match entries.len() {
                0 => "none".to_owned(),
                many => many.to_string(),
            };
            let text = format!("expected exactly one {what}, found {found}");
            self.problems.error(cursor.at(), &cursor.path, text);
        }
        if let Form::Vendors(least) = ty.form
            && entries.len() < least
        {
            self.problems.error(
                cursor.at(),
                &cursor.path,
                "expected at least one key, found none",
            );
        }
        for key in ty.keys.iter().filter(|key| key.required) {
            if !entries.iter().any(|entry| entry.key == key.name) {
                let text = format!(
                    "the key `{}` is missing, {}",
                    key.name,
                    describe(&key.shape)
                );
                self.problems.error(cursor.at(), &cursor.path, text);
            }
        }
        for entry in entries {
            // The key is in the map that the cursor looks at.
            let Some(below) = cursor.get(&entry.key) else {
                continue;
            };
            match ty.key(&entry.key) {
                Some(key) => self.key(&below, entry, key),
                None => self.unknown(&below, entry, ty),
            }
        }
    }

    fn key(&mut self, below: &Cursor<'_>, entry: &Entry, key: &'static Key) {
        if let Support::No(why) = key.support {
            let text = format!("is not used: {why}");
            self.problems
                .warning(entry.key_at, &below.path, text, "it is left out");
        }
        self.shape(below, &key.shape);
    }

    fn unknown(&mut self, below: &Cursor<'_>, entry: &Entry, ty: &'static Type) {
        let known: Vec<&str> = ty.keys.iter().map(|key| key.name).collect();
        let near = nearest(&entry.key, &known);
        let open = matches!(ty.form, Form::Open | Form::Vendors(_));
        if matches!(ty.form, Form::Vendors(_)) && !matches!(entry.value.value, Value::Map(_)) {
            self.expected(below, "a mapping");
        }
        let mut text = match ty.form {
            Form::Choice(what) => format!("is not a known {what}"),
            Form::Record | Form::Open | Form::Vendors(_) => "is not a known key".to_owned(),
        };
        match near {
            Some(near) => text.push_str(&format!("; did you mean `{near}`?")),
            None if !known.is_empty() && !open => {
                text.push_str(&format!("; known are {}", known.join(", ")));
            }
            None => {}
        }
        let experimental = ["/development", "/alpha", "/beta"]
            .iter()
            .any(|suffix| entry.key.ends_with(suffix));
        let refused = match ty.form {
            // Whoever misspells the key of a provider would lose a whole signal.
            Form::Open | Form::Vendors(_) => near.is_some() && self.unknown == Unknown::Refused,
            Form::Choice(_) => !experimental,
            Form::Record => self.unknown == Unknown::Refused && !(experimental && near.is_none()),
        };
        if refused {
            self.problems.error(entry.key_at, &below.path, text);
        } else if !open || near.is_some() {
            self.problems
                .warning(entry.key_at, &below.path, text, "it is left out");
        }
    }

    fn shape(&mut self, cursor: &Cursor<'_>, shape: &'static Shape) {
        let node = cursor.node;
        if node.value == Value::Broken {
            return;
        }
        match shape {
            Shape::Mapping(ty) => return self.mapping(cursor, ty),
            Shape::List { of, min } => {
                let Value::List(items) = &node.value else {
                    return self.expected(cursor, &describe(shape));
                };
                if items.len() < *min {
                    self.problems
                        .error(cursor.at(), &cursor.path, "the list is empty");
                }
                for item in cursor.items() {
                    self.shape(&item, of);
                }
                return;
            }
            _ => {}
        }
        if !scalar_fits(node, shape) {
            let mut what = describe(shape);
            if matches!(shape, Shape::Text { .. })
                && matches!(node.value, Value::Scalar(_))
                && !node.is_null()
            {
                what.push_str(" (in quotes)");
            }
            self.expected(cursor, &what);
        }
    }

    fn expected(&mut self, cursor: &Cursor<'_>, what: &str) {
        let what = what.strip_prefix("which is ").unwrap_or(what);
        let text = format!("expected {what}, found {}", found(cursor.node));
        self.problems.error(cursor.at(), &cursor.path, text);
    }
}

/// What is there, for people: never what is from a variable, and never a text where a number is wanted, which may be a secret in
/// the wrong place.
fn found(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) if !scalar.substituted => match scalar.kind {
            Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) => value_for_people(&scalar.text),
            _ => node.what().to_owned(),
        },
        Value::Scalar(scalar) if scalar.kind == Kind::Null => {
            "nothing: its variable is not set".to_owned()
        }
        Value::Scalar(_) => format!("{} from a variable", node.what()),
        _ => node.what().to_owned(),
    }
}

fn scalar_fits(node: &Node, shape: &Shape) -> bool {
    let null = node.is_null();
    let Value::Scalar(scalar) = &node.value else {
        return matches!(shape, Shape::Attribute) && is_attribute_list(node);
    };
    match shape {
        Shape::Bool { nullable } => matches!(scalar.kind, Kind::Bool(_)) || (null && *nullable),
        Shape::Text { nullable } => scalar.kind == Kind::Text || (null && *nullable),
        Shape::Whole { nullable, min, max } => match whole(node) {
            Some(number) => {
                let top = if *max == i64::MAX {
                    i128::MAX
                } else {
                    i128::from(*max)
                };
                (i128::from(*min)..=top).contains(&number)
            }
            None => null && *nullable,
        },
        Shape::Number { nullable, min, max } => match number(node) {
            Some(number) => (*min..=*max).contains(&number),
            None => null && *nullable,
        },
        Shape::OneOf(texts) => {
            null || (scalar.kind == Kind::Text && texts.contains(&scalar.text.as_str()))
        }
        Shape::Attribute => true,
        Shape::Mapping(_) | Shape::List { .. } => false,
    }
}

/// One type for all items, and at least one of them.
fn is_attribute_list(node: &Node) -> bool {
    let Value::List(items) = &node.value else {
        return false;
    };
    let all = |fits: fn(&Kind) -> bool| {
        items
            .iter()
            .all(|item| matches!(&item.value, Value::Scalar(scalar) if fits(&scalar.kind)))
    };
    !items.is_empty()
        && (all(|kind| *kind == Kind::Text)
            || all(|kind| matches!(kind, Kind::Bool(_)))
            || all(|kind| matches!(kind, Kind::Int(_) | Kind::Float(_))))
}

/// What fits, as the end of a sentence.
fn describe(shape: &Shape) -> String {
    let what = match shape {
        Shape::Bool { .. } => "true or false".to_owned(),
        Shape::Text { .. } => "a text".to_owned(),
        Shape::Whole { min, max, .. } if *max == i64::MAX => {
            format!("a whole number from {min}")
        }
        Shape::Whole { min, max, .. } => format!("a whole number from {min} to {max}"),
        Shape::Number { min, max, .. } if min.is_finite() && max.is_finite() => {
            format!("a number from {min} to {max}")
        }
        Shape::Number { .. } => "a number".to_owned(),
        Shape::OneOf(texts) => format!("one of {}", texts.join(", ")),
        Shape::Mapping(_) => "a mapping".to_owned(),
        Shape::List { .. } => "a list".to_owned(),
        Shape::Attribute => "a value or a list of values of one type".to_owned(),
    };
    format!("which is {what}")
}
