//! Entities by variable: `service{service.name=checkout}[service.version=1.0]@https://example/schema;host{host.id=h1}`.

use super::members::percent_decoded;
use super::parse::Problems;

/// The attributes of all entities, those that identify before those that describe. An entity that can't be read is left
/// out as a whole; its neighbours are not.
pub(super) fn entities(text: &str, problems: &mut Problems) -> Option<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    // An empty one is only a semicolon too many.
    let entities = text.split(';').map(str::trim).enumerate();
    for (at, entity) in entities.filter(|(_, entity)| !entity.is_empty()) {
        match entity_attributes(entity) {
            Some(found) => attributes.extend(found),
            None => problems.note(
                format!("has an entity that can't be read, number {}", at + 1),
                "that entity is left out",
            ),
        }
    }
    Some(attributes)
}

fn entity_attributes(entity: &str) -> Option<Vec<(String, String)>> {
    let (kind, rest) = entity.split_once('{')?;
    let (identifying, rest) = rest.split_once('}')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !kind.starts_with(|c: char| c.is_ascii_alphabetic()) || !kind.chars().all(is_name) {
        return None;
    }
    let (describing, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    // The schema is known by its place only: resources of this SDK have no place for it.
    if !(rest.is_empty() || rest.starts_with('@')) {
        return None;
    }
    let mut attributes = members(identifying)?;
    // Without an identity it is no entity.
    if attributes.is_empty() {
        return None;
    }
    attributes.extend(members(describing)?);
    Some(attributes)
}

fn members(list: &str) -> Option<Vec<(String, String)>> {
    list.split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .map(|member| {
            let (key, value) = member.split_once('=')?;
            let value = String::from_utf8(percent_decoded(value.trim())?).ok()?;
            let key = key.trim();
            (!key.is_empty()).then(|| (key.to_owned(), value))
        })
        .collect()
}
