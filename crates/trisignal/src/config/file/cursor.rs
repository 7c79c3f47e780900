//! Reading a document: a value and the path to it.

use super::super::redact::value_for_people;
use super::node::{Kind, Node, Value};
use super::problem::Position;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    pub node: &'a Node,
    pub path: String,
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self {
            node,
            path: String::new(),
        }
    }

    pub(super) fn at(&self) -> Position {
        self.node.at
    }

    /// The value behind a key, also when it is nothing.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(self.below(key, &entry.value))
    }

    /// The value behind a chain of keys.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Self> {
        keys.iter()
            .try_fold(self.clone(), |cursor, key| cursor.get(key))
    }

    /// The one key of a choice, with what is behind it.
    pub(super) fn choice(&self) -> Option<(&'a str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let entry = entries.first()?;
        Some((&entry.key, self.below(&entry.key, &entry.value)))
    }

    /// The items of a list; none where it is something else.
    pub(super) fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            return Vec::new();
        };
        let item = |(index, node)| Self {
            node,
            path: format!("{}[{index}]", self.path),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The items behind a key.
    pub(super) fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map(|list| list.items()).unwrap_or_default()
    }

    /// Its text, when it is one.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(scalar) if scalar.kind == Kind::Text => Some(&scalar.text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.node.value {
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Bool(value) => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    /// A number that is whole, also when it is written with a fraction of 0. Numbers that no setting needs are cut.
    pub(super) fn whole(&self) -> Option<u64> {
        whole(self.node).map(|number| u64::try_from(number.max(0)).unwrap_or(u64::MAX))
    }

    pub(super) fn number(&self) -> Option<f64> {
        number(self.node)
    }

    fn below(&self, key: &str, node: &'a Node) -> Self {
        let mut path = self.path.clone();
        push_key(&mut path, key);
        Self { node, path }
    }
}

/// A key may be any text of the operator.
pub(super) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&value_for_people(key));
}

pub(super) fn whole(node: &Node) -> Option<i128> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    match scalar.kind {
        Kind::Int(number) => Some(number),
        // `as` cuts what does not fit.
        Kind::Float(number) if number.is_finite() && number.fract() == 0.0 => Some(number as i128),
        _ => None,
    }
}

pub(super) fn number(node: &Node) -> Option<f64> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    match scalar.kind {
        // Exact below 2^53.
        Kind::Int(number) => Some(number as f64),
        Kind::Float(number) => Some(number),
        _ => None,
    }
}
