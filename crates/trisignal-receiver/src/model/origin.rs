//! Where a record comes from: the resource and the instrumentation scope.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;

use super::Attributes;

/// What sent the record. All records of one block of a request share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// The attributes, `service.name` among them.
    pub attributes: Attributes,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// The schema URL of the block, empty where there is none.
    pub schema_url: String,
}

impl Resource {
    /// `service.name`, or an empty string.
    pub fn service(&self) -> &str {
        self.attributes.str("service.name").unwrap_or_default()
    }

    pub(crate) fn from_proto(resource: Option<ProtoResource>, schema_url: String) -> Self {
        let resource = resource.unwrap_or_default();
        Self {
            attributes: Attributes::from_proto(resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count,
            schema_url,
        }
    }
}

/// The instrumentation scope: which library made the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Name of the library or, for logs, usually the target.
    pub name: String,
    /// Version of the library.
    pub version: String,
    /// Attributes of the scope.
    pub attributes: Attributes,
    /// The schema URL of the block, empty where there is none.
    pub schema_url: String,
}

impl Scope {
    pub(crate) fn from_proto(scope: Option<InstrumentationScope>, schema_url: String) -> Self {
        let scope = scope.unwrap_or_default();
        Self {
            name: scope.name,
            version: scope.version,
            attributes: Attributes::from_proto(scope.attributes),
            schema_url,
        }
    }
}
