//! What the service is part of, said by code or by variable:
//! `service{service.name=checkout}[service.version=1.0]@https://example/schema;host{host.id=h1}`.

use opentelemetry::KeyValue;

use super::members::percent_decoded;
use super::parse::Problems;

/// Something that the service is part of, such as a host or a deployment, for [`Builder::entities`](crate::Builder::entities).
/// Its attributes become attributes of the resource.
///
/// ```
/// use trisignal::Entity;
/// use trisignal::otel::KeyValue;
///
/// let host = Entity::new("host", [KeyValue::new("host.id", "h1")])
///     .description([KeyValue::new("host.type", "m7g.large")]);
/// # let _ = trisignal::builder("checkout").entities([host]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    kind: String,
    identifying: Vec<KeyValue>,
    describing: Vec<KeyValue>,
}

impl Entity {
    /// An entity of a type such as `host`, and the attributes by which it is told from others, at least one. A type is
    /// made of ASCII letters, digits, `.`, `_` and `-`, a letter first.
    pub fn new(kind: impl Into<String>, identifying: impl IntoIterator<Item = KeyValue>) -> Self {
        Self {
            kind: kind.into(),
            identifying: identifying.into_iter().collect(),
            describing: Vec::new(),
        }
    }

    /// Adds attributes that say more about it.
    #[must_use]
    pub fn description(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.describing.extend(attributes);
        self
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Those that identify before those that describe.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &KeyValue> {
        self.identifying.iter().chain(&self.describing)
    }

    /// What is impossible about it, for a person.
    pub(super) fn problem(&self) -> Option<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins = self.kind.starts_with(|c: char| c.is_ascii_alphabetic());
        let mut keys = self.attributes().map(|attribute| attribute.key.as_str());
        if !begins || !self.kind.chars().all(is_name) {
            Some("the type of an entity is no name".to_owned())
        } else if self.identifying.is_empty() {
            Some(format!("the entity {} has no identity", self.kind))
        } else if keys.any(str::is_empty) {
            Some(format!(
                "the entity {} has an attribute without a key",
                self.kind
            ))
        } else {
            None
        }
    }
}

/// All that can be read. An entity that can't be is left out as a whole; its neighbours are not.
pub(super) fn entities(text: &str, problems: &mut Problems) -> Option<Vec<Entity>> {
    let mut all = Vec::new();
    let mut unreadable = Vec::new();
    // An empty one is only a semicolon too many.
    let texts = text.split(';').map(str::trim).enumerate();
    for (at, text) in texts.filter(|(_, text)| !text.is_empty()) {
        match entity(text).filter(|entity| entity.problem().is_none()) {
            Some(entity) => all.push(entity),
            None => unreadable.push(at + 1),
        }
    }
    // One sentence, however many there are.
    match unreadable[..] {
        [] => {}
        [at] => problems.note(
            format!("has an entity that can't be read, number {at}"),
            "that entity is left out",
        ),
        [first, ..] => problems.note(
            format!(
                "has {} entities that can't be read, the first is number {first}",
                unreadable.len()
            ),
            "these entities are left out",
        ),
    }
    Some(all)
}

fn entity(text: &str) -> Option<Entity> {
    let (kind, rest) = text.split_once('{')?;
    let (identifying, rest) = rest.split_once('}')?;
    let (describing, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    // The schema is known by its place only: resources of this SDK have no place for it.
    if !(rest.is_empty() || rest.starts_with('@')) {
        return None;
    }
    Some(Entity::new(kind, members(identifying)?).description(members(describing)?))
}

fn members(list: &str) -> Option<Vec<KeyValue>> {
    list.split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .map(|member| {
            let (key, value) = member.split_once('=')?;
            let value = String::from_utf8(percent_decoded(value.trim())?).ok()?;
            Some(KeyValue::new(key.trim().to_owned(), value))
        })
        .collect()
}
