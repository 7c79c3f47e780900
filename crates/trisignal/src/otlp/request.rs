//! The frame of a request: one resource, and under it a scope for each run of encoded items.

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

use super::value;
use super::wire::{self, Message};

/// `ExportTraceServiceRequest.resource_spans`, and the same of the other signals.
const RESOURCES: u32 = 1;
/// `ResourceSpans`, `ResourceLogs`.
const RESOURCE: u32 = 1;
const SCOPES: u32 = 2;
const RESOURCE_SCHEMA_URL: u32 = 3;
/// `ScopeSpans`, `ScopeLogs`.
const SCOPE: u32 = 1;
const SCOPE_SCHEMA_URL: u32 = 3;
/// `ScopeSpans.spans`, `ScopeLogs.log_records`: the field under which items are encoded.
pub(crate) const ITEMS: u32 = 2;
/// `Resource`.
const RESOURCE_ATTRIBUTES: u32 = 1;
/// `InstrumentationScope`.
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SCOPE_ATTRIBUTES: u32 = 3;

/// The encoded fields of a `ResourceSpans` or `ResourceLogs` that say who sends.
#[derive(Clone, Debug)]
pub(crate) struct ResourceHead(Vec<u8>);

impl ResourceHead {
    pub(crate) fn new(resource: &Resource) -> Self {
        let mut out = Vec::new();
        let message = Message::begin_large(&mut out, RESOURCE);
        for (key, value) in resource.iter() {
            let attribute = opentelemetry::KeyValue::new(key.clone(), value.clone());
            value::otel_attribute(&mut out, RESOURCE_ATTRIBUTES, &attribute);
        }
        message.end(&mut out);
        if let Some(url) = resource.schema_url() {
            wire::bytes(&mut out, RESOURCE_SCHEMA_URL, url.as_bytes());
        }
        Self(out)
    }
}

/// The encoded fields of a `ScopeSpans` or `ScopeLogs` that say what made the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeHead(Vec<u8>);

impl ScopeHead {
    /// A scope with nothing but a name.
    pub(crate) fn named(name: &str) -> Self {
        let mut out = Vec::with_capacity(name.len() + 8);
        let message = Message::begin(&mut out, SCOPE);
        wire::bytes(&mut out, SCOPE_NAME, name.as_bytes());
        message.end(&mut out);
        Self(out)
    }

    /// The scope of OpenTelemetry's API.
    pub(crate) fn new(scope: &InstrumentationScope) -> Self {
        let mut out = Vec::new();
        let message = Message::begin(&mut out, SCOPE);
        wire::bytes(&mut out, SCOPE_NAME, scope.name().as_bytes());
        wire::bytes(
            &mut out,
            SCOPE_VERSION,
            scope.version().unwrap_or_default().as_bytes(),
        );
        for attribute in scope.attributes() {
            value::otel_attribute(&mut out, SCOPE_ATTRIBUTES, attribute);
        }
        message.end(&mut out);
        wire::bytes(
            &mut out,
            SCOPE_SCHEMA_URL,
            scope.schema_url().unwrap_or_default().as_bytes(),
        );
        Self(out)
    }
}

/// The items of one scope: parts that are each nothing but items, encoded as field [`ITEMS`].
#[derive(Debug)]
pub(crate) struct ScopeItems<'a> {
    pub(crate) head: ScopeHead,
    pub(crate) parts: Vec<&'a [u8]>,
}

impl ScopeItems<'_> {
    fn length(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// The request with all `scopes` under one resource, in one piece of memory of the right size.
pub(crate) fn request(resource: &ResourceHead, scopes: &[ScopeItems<'_>]) -> Vec<u8> {
    let lengths = scopes
        .iter()
        .map(|scope| (scope.head.clone(), scope.length()));
    let heads = heads(resource, &lengths.collect::<Vec<_>>());
    let items: usize = scopes.iter().map(ScopeItems::length).sum();
    let mut out = Vec::with_capacity(items + heads.iter().map(Vec::len).sum::<usize>());
    for (head, scope) in heads.iter().zip(scopes) {
        out.extend_from_slice(head);
        for part in &scope.parts {
            out.extend_from_slice(part);
        }
    }
    out
}

/// What is in a request before the items of each scope, which have so many bytes: the resource is before the first.
pub(crate) fn heads(resource: &ResourceHead, scopes: &[(ScopeHead, usize)]) -> Vec<Vec<u8>> {
    let fields = scopes
        .iter()
        .map(|(head, items)| wire::field_len(head.0.len() + items));
    let length = resource.0.len() + fields.sum::<usize>();
    let mut before = Vec::new();
    wire::header(&mut before, RESOURCES, length);
    before.extend_from_slice(&resource.0);
    let heads = scopes.iter().map(|(head, items)| {
        let mut out = std::mem::take(&mut before);
        wire::header(&mut out, SCOPES, head.0.len() + items);
        out.extend_from_slice(&head.0);
        out
    });
    heads.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use opentelemetry::KeyValue;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;

    fn items(names: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for name in names {
            let span = Message::begin_large(&mut out, ITEMS);
            wire::bytes(&mut out, 5, name.as_bytes());
            span.end(&mut out);
        }
        out
    }

    #[test]
    fn a_request_has_its_resource_once_and_a_scope_for_each() {
        let resource = Resource::builder_empty()
            .with_schema_url([KeyValue::new("service.name", "checkout")], "http://schema")
            .build();
        let scope = InstrumentationScope::builder("lib")
            .with_version("1.0")
            .with_schema_url("http://lib")
            .with_attributes([KeyValue::new("k", true)])
            .build();
        let (first, second, third) = (items(&["a", "b"]), items(&["c"]), items(&["d"]));
        let scopes = [
            ScopeItems {
                head: ScopeHead::named("ours"),
                parts: vec![&first, &second],
            },
            ScopeItems {
                head: ScopeHead::new(&scope),
                parts: vec![&third],
            },
        ];
        let bytes = request(&ResourceHead::new(&resource), &scopes);
        assert_eq!(bytes.len(), bytes.capacity());
        let mut decoded = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let resource_spans = decoded.resource_spans.pop().unwrap();
        assert!(decoded.resource_spans.is_empty());
        assert_eq!(resource_spans.schema_url, "http://schema");
        assert_eq!(
            resource_spans.resource.unwrap().attributes[0].key,
            "service.name"
        );
        let [ours, lib] = &resource_spans.scope_spans[..] else {
            panic!("two scopes")
        };
        let names: Vec<_> = ours.spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(ours.scope.as_ref().unwrap().name, "ours");
        assert_eq!(
            (lib.schema_url.as_str(), lib.spans.len()),
            ("http://lib", 1)
        );
        let scope = lib.scope.as_ref().unwrap();
        assert_eq!(
            (scope.name.as_str(), scope.version.as_str()),
            ("lib", "1.0")
        );
        assert_eq!(scope.attributes[0].key, "k");
    }
}
