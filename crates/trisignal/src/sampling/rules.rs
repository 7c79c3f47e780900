//! Rules of a sampler: what a span must be like, and what is done with it then.

use std::fmt::{self, Write};

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};

use super::config::SamplerConfig;

/// All of its conditions must hold. One without conditions matches every span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) parents: Parents,
    /// Empty is any kind.
    pub(crate) kinds: Vec<SpanKind>,
    pub(crate) name: Option<Pattern>,
    pub(crate) attributes: Vec<AttributeCondition>,
    pub(crate) sampler: SamplerConfig,
}

/// Which parents a span may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parents {
    pub(crate) none: bool,
    pub(crate) remote: bool,
    pub(crate) local: bool,
}

impl Parents {
    pub(crate) const ANY: Self = Self {
        none: true,
        remote: true,
        local: true,
    };
}

/// An attribute that must be there, with one of these values. Values that are no text are compared in their text form;
/// of a list one item is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttributeCondition {
    pub(crate) key: String,
    /// Empty is any value.
    pub(crate) included: Vec<Pattern>,
    pub(crate) excluded: Vec<Pattern>,
}

/// What a text must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// This text, whatever is in it.
    Exactly(String),
    /// `*` is any text, also none; `?` is one character.
    Like(String),
}

/// What a rule may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) parent: Parent,
    pub(super) kind: &'a SpanKind,
    pub(super) name: &'a str,
    pub(super) attributes: &'a [KeyValue],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    None,
    Remote,
    Local,
}

/// The conditions of a rule, without what is done then.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    parents: Parents,
    kinds: Vec<SpanKind>,
    name: Option<Pattern>,
    attributes: Vec<AttributeCondition>,
}

impl Rule {
    pub(crate) fn reads_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    pub(super) fn conditions(&self) -> Conditions {
        Conditions {
            parents: self.parents,
            kinds: self.kinds.clone(),
            name: self.name.clone(),
            attributes: self.attributes.clone(),
        }
    }
}

impl Conditions {
    pub(super) fn hold(&self, span: &Candidate<'_>) -> bool {
        let parent = match span.parent {
            Parent::None => self.parents.none,
            Parent::Remote => self.parents.remote,
            Parent::Local => self.parents.local,
        };
        parent
            && (self.kinds.is_empty() || self.kinds.contains(span.kind))
            && self.name.as_ref().is_none_or(|name| name.fits(span.name))
            && self
                .attributes
                .iter()
                .all(|condition| condition.holds(span.attributes))
    }
}

impl AttributeCondition {
    fn holds(&self, attributes: &[KeyValue]) -> bool {
        attributes
            .iter()
            .filter(|attribute| attribute.key.as_str() == self.key)
            .any(|attribute| self.suits(&attribute.value))
    }

    fn suits(&self, value: &Value) -> bool {
        let one_of = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| any_item(value, |text| pattern.fits(text)))
        };
        (self.included.is_empty() || one_of(&self.included)) && !one_of(&self.excluded)
    }
}

/// Whether `fits` says yes to the value, or to an item of it.
fn any_item(value: &Value, mut fits: impl FnMut(&str) -> bool) -> bool {
    use opentelemetry::Array;
    match value {
        Value::String(text) => fits(text.as_str()),
        Value::Array(Array::String(items)) => items.iter().any(|item| fits(item.as_str())),
        Value::Bool(flag) => fits(if *flag { "true" } else { "false" }),
        Value::I64(number) => Digits::of(number, fits),
        Value::F64(number) => Digits::of(number, fits),
        Value::Array(Array::Bool(items)) => items
            .iter()
            .any(|item| fits(if *item { "true" } else { "false" })),
        Value::Array(Array::I64(items)) => items.iter().any(|item| Digits::of(item, &mut fits)),
        Value::Array(Array::F64(items)) => items.iter().any(|item| Digits::of(item, &mut fits)),
        // Kinds to come.
        _ => false,
    }
}

/// The text of a number, without an allocation.
struct Digits {
    bytes: [u8; 40],
    length: usize,
}

impl Digits {
    fn of(number: &dyn fmt::Display, mut fits: impl FnMut(&str) -> bool) -> bool {
        let mut digits = Self {
            bytes: [0; 40],
            length: 0,
        };
        // What is longer than this is not what anybody writes into a rule.
        write!(digits, "{number}").is_ok()
            && std::str::from_utf8(&digits.bytes[..digits.length]).is_ok_and(&mut fits)
    }
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Pattern {
    /// A pattern where `text` has `*` or `?`, else the text itself.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.contains(['*', '?']) {
            Self::Like(text)
        } else {
            Self::Exactly(text)
        }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(expected) => text == expected,
            Self::Like(pattern) => like(pattern, text),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Exactly(text) | Self::Like(text) => text,
        }
    }
}

/// Wildcards in linear space and without recursion: after a mismatch the last `*` takes one character more.
fn like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let mut ahead = pattern.clone();
        match (ahead.next(), text.clone().next()) {
            (Some('*'), _) => {
                retry = Some((ahead.clone(), text.clone()));
                pattern = ahead;
            }
            (Some(expected), Some(found)) if expected == '?' || expected == found => {
                pattern = ahead;
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, rest)) = &mut retry else {
                    return false;
                };
                if rest.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = rest.clone();
            }
        }
    }
}

/// In the syntax of `OTEL_RUST_SAMPLING_RULES`, as far as it can say it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sampler {
            SamplerConfig::AlwaysOn => f.write_str("keep")?,
            SamplerConfig::AlwaysOff => f.write_str("drop")?,
            SamplerConfig::Ratio(ratio) => write!(f, "{ratio}")?,
            SamplerConfig::PerSecond(rate) => write!(f, "{rate}/s")?,
            other => write!(f, "({other})")?,
        }
        let Parents {
            none,
            remote,
            local,
        } = self.parents;
        match self.parents {
            super::config::ENTRIES => {}
            Parents::ANY => f.write_str(" parent=any")?,
            _ => {
                let all = [("none", none), ("remote", remote), ("local", local)];
                let asked: Vec<_> = all.into_iter().filter(|(_, asked)| *asked).collect();
                let names: Vec<_> = asked.into_iter().map(|(name, _)| name).collect();
                write!(f, " parent={}", names.join("|"))?;
            }
        }
        if !self.kinds.is_empty() {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| format!("{kind:?}")).collect();
            write!(f, " kind={}", kinds.join("|").to_ascii_lowercase())?;
        }
        if let Some(name) = &self.name {
            write!(f, " name={}", name.as_str())?;
        }
        for condition in &self.attributes {
            let texts = |patterns: &[Pattern]| {
                let texts: Vec<_> = patterns.iter().map(Pattern::as_str).collect();
                texts.join("|")
            };
            write!(f, " {}={}", condition.key, texts(&condition.included))?;
            if !condition.excluded.is_empty() {
                write!(f, " {}!={}", condition.key, texts(&condition.excluded))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::{Array, StringValue};

    use super::*;

    #[test]
    fn wildcards() {
        let cases = [
            ("/health", "/health", true),
            ("/health", "/healthz", false),
            ("/health*", "/healthz", true),
            ("*", "", true),
            ("?", "", false),
            ("?", "é", true),
            ("/a/*/c", "/a/b/b/c", true),
            ("/a/*/c", "/a/b/b/d", false),
            ("*z*z*", "azbz", true),
            ("*z*z*", "azb", false),
            ("a**b", "ab", true),
            ("4??", "404", true),
            ("4??", "4040", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
        assert!(Pattern::Exactly("a*".into()).fits("a*"));
        assert!(!Pattern::Exactly("a*".into()).fits("ab"));
        // What makes a matcher that goes back and forth take for ever.
        let text = "a".repeat(10_000);
        assert!(!Pattern::new("*a*a*a*a*a*a*a*a*b").fits(&text));
    }

    #[test]
    fn values_that_are_no_text_are_compared_as_text() {
        let text = |texts: &[&'static str]| {
            Value::Array(Array::String(
                texts.iter().map(|text| StringValue::from(*text)).collect(),
            ))
        };
        let cases = [
            (Value::from("/pay"), "/pay", true),
            (Value::from(404_i64), "4*", true),
            (Value::from(i64::MIN), "-9223372036854775808", true),
            (Value::from(0.25), "0.25", true),
            (Value::from(f64::MAX), "*", false),
            (Value::from(true), "true", true),
            (text(&["a", "b"]), "b", true),
            (text(&["a", "b"]), "c", false),
            (Value::Array(Array::I64(vec![1, 2])), "2", true),
            (Value::Array(Array::Bool(vec![false])), "false", true),
            (Value::Array(Array::F64(vec![])), "*", false),
        ];
        for (value, pattern, fits) in cases {
            let condition = AttributeCondition {
                key: "key".into(),
                included: vec![Pattern::new(pattern)],
                excluded: Vec::new(),
            };
            let attributes = [
                KeyValue::new("other", pattern),
                KeyValue::new("key", value.clone()),
            ];
            assert_eq!(condition.holds(&attributes), fits, "{value:?} {pattern}");
        }
    }

    #[test]
    fn what_is_excluded_wins() {
        let condition = AttributeCondition {
            key: "url.path".into(),
            included: Vec::new(),
            excluded: vec![Pattern::new("/live*")],
        };
        assert!(condition.holds(&[KeyValue::new("url.path", "/pay")]));
        assert!(!condition.holds(&[KeyValue::new("url.path", "/livez")]));
        assert!(!condition.holds(&[]), "it has to be there");
    }
}
