//! Who sends: the name of the service and the attributes of the resource, each with where it is from.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::entities::Entity;
use super::reader::Reader;
use super::redact::value_for_people;
use super::variables as table;
use super::{Origin, Settings, file, show};
use crate::redact::Redactor;
use crate::resource::{self, Layers};

const SERVICE_NAME: &str = "service.name";

/// Who sends.
pub(super) struct Identity {
    pub service_name: String,
    pub resource: Resource,
    /// Of attributes that somebody said, by key, the strongest last; all others are detected.
    pub origins: Vec<(String, Origin)>,
}

/// What code, the operator and the machine say together.
pub(super) fn identity(settings: &Settings, reader: &mut Reader<'_>) -> Identity {
    if let Some(document) = reader.file {
        return file::identity(document, settings, reader);
    }
    let mut operator: Vec<KeyValue> = entities(settings, reader)
        .iter()
        .flat_map(Entity::attributes)
        .cloned()
        .collect();
    let mut origins = named(
        &operator,
        &Origin::Environment(table::ENTITIES.name.to_owned()),
    );
    if let Some((attributes, origin)) = reader.read(&table::RESOURCE_ATTRIBUTES) {
        origins.extend(named(&attributes, &origin));
        operator.extend(attributes);
    }
    let of_operator = origin_of(&origins, SERVICE_NAME);
    let code = settings.attributes();
    origins.extend(named(&code, &Origin::Code));
    let name = reader.read(&table::SERVICE_NAME);
    let layers = Layers {
        init_name: &settings.service_name,
        operator: &operator,
        operator_name: name.as_ref().map(|(name, _)| name.as_str()),
        code: &code,
    };
    let (service_name, source) = layers.service_name();
    let origin = match source {
        resource::NameSource::Code => Origin::Code,
        resource::NameSource::Variable => Origin::Environment(table::SERVICE_NAME.name.to_owned()),
        resource::NameSource::Attributes => of_operator.unwrap_or(Origin::Default),
        resource::NameSource::Fallback => Origin::Default,
    };
    reader.note(SERVICE_NAME, show::display(&service_name), origin);
    let resource = layers.build(resource::detect());
    Identity {
        service_name,
        resource,
        origins,
    }
}

/// The operator's entities; those of code take their place, and are among the attributes of code. All are noted by their
/// types.
pub(super) fn entities(settings: &Settings, reader: &mut Reader<'_>) -> Vec<Entity> {
    let (of_operator, origin) = match &settings.entities {
        Some(_) => (Vec::new(), Origin::Code),
        None => reader
            .read(&table::ENTITIES)
            .unwrap_or((Vec::new(), Origin::Default)),
    };
    let in_force = settings.entities.as_ref().unwrap_or(&of_operator);
    let kinds: Vec<_> = in_force.iter().map(Entity::kind).collect();
    reader.note("entities", value_for_people(&show::list(&kinds)), origin);
    of_operator
}

/// The keys of these attributes, all from one place.
pub(super) fn named(attributes: &[KeyValue], origin: &Origin) -> Vec<(String, Origin)> {
    let keys = attributes.iter().map(|attribute| attribute.key.to_string());
    keys.map(|key| (key, origin.clone())).collect()
}

fn origin_of(origins: &[(String, Origin)], key: &str) -> Option<Origin> {
    let found = origins.iter().rev().find(|(known, _)| known == key);
    found.map(|(_, origin)| origin.clone())
}

impl Identity {
    /// Each attribute of the resource but the name of the service, which has been noted. What looks like a secret is hidden
    /// as it would be in a log.
    pub(super) fn note(&self, redactor: &Redactor, reader: &mut Reader<'_>) {
        let mut attributes: Vec<_> = self.resource.iter().collect();
        attributes.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in attributes {
            if key.as_str() == SERVICE_NAME {
                continue;
            }
            let shown = value.to_string();
            let shown = value_for_people(&redactor.value(key.as_str(), &shown));
            let origin = origin_of(&self.origins, key.as_str()).unwrap_or(Origin::Detected);
            let key = format!("resource.{}", value_for_people(key.as_str()));
            reader.note(&key, shown, origin);
        }
    }
}
