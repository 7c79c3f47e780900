//! A document in memory: values with their positions, types as the core schema of YAML 1.2 has them.

use super::problem::Position;

/// A value of the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub at: Position,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// It could not be read, which has been told.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    /// As it is written, after substitution.
    pub text: String,
    pub kind: Kind,
    /// A part of it is from a variable: it may be a secret.
    pub substituted: bool,
}

/// What a scalar stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

/// A key and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub key_at: Position,
    pub value: Node,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind == Kind::Null)
    }

    /// Its type, for people.
    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Null => "nothing",
                Kind::Bool(_) => "a boolean",
                Kind::Int(_) => "a whole number",
                Kind::Float(_) => "a number with a fraction",
                Kind::Text => "a text",
            },
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "what can't be read",
        }
    }
}

/// The kind of a plain scalar.
pub(super) fn kind(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).unwrap_or(Kind::Text),
    }
}

/// The kind that a tag of the core schema asks for, `None` when the text is not of it.
pub(super) fn tagged(text: &str, tag: &str) -> Option<Kind> {
    let plain = kind(text);
    match (tag, plain) {
        ("str", _) => Some(Kind::Text),
        ("null", Kind::Null)
        | ("bool", Kind::Bool(_))
        | ("int", Kind::Int(_))
        | ("float", Kind::Float(_)) => Some(plain),
        // Exact below 2^53, and nobody means more.
        ("float", Kind::Int(number)) => Some(Kind::Float(number as f64)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Kind> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            let infinity = if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            };
            return Some(Kind::Float(infinity));
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => {
            return Some(Kind::Float(f64::NAN));
        }
        _ => {}
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with more digits than any setting has: as exact as a float is.
        return match text.parse() {
            Ok(number) => Some(Kind::Int(number)),
            Err(_) => text.parse().ok().map(Kind::Float),
        };
    }
    is_float(unsigned)
        .then(|| text.parse().ok().map(Kind::Float))
        .flatten()
}

fn radix(digits: &str, radix: u32) -> Option<Kind> {
    // `from_str_radix` would take a sign.
    let digits_only = digits.chars().all(|digit| digit.is_digit(radix));
    if digits.is_empty() || !digits_only {
        return None;
    }
    i128::from_str_radix(digits, radix).ok().map(Kind::Int)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_fits && exponent_fits
}
