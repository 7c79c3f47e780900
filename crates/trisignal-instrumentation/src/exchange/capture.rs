//! Headers that become attributes of the span, because somebody asked for exactly these.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

const REDACTED: &str = "REDACTED";

/// An allow-list of headers with the keys of their attributes. A clone is a reference count.
///
/// The attributes are lists of texts under keys of their own, which `tracing` has no fields for:
/// they are set on the span of the bridge.
#[derive(Clone, Default)]
pub(crate) struct Capture(Option<Arc<[(HeaderName, Key)]>>);

impl Capture {
    /// Captures nothing.
    pub(crate) const NOTHING: Self = Self(None);

    /// Captures the headers `names` under `{prefix}.{name}`.
    pub(crate) fn new(prefix: &str, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let pairs: Arc<[_]> = names
            .into_iter()
            .map(|name| {
                let key = Key::from(format!("{prefix}.{name}"));
                (name, key)
            })
            .collect();
        Self((!pairs.is_empty()).then_some(pairs))
    }

    /// What of `headers` is on the list, if anything is.
    pub(crate) fn attributes(&self, headers: &HeaderMap) -> Option<Vec<KeyValue>> {
        let pairs = self.0.as_ref()?.iter();
        let attributes: Vec<_> = pairs
            .filter(|(name, _)| headers.contains_key(name))
            .map(|(name, key)| {
                let values = headers.get_all(name).iter().map(text).collect();
                KeyValue::new(key.clone(), Value::Array(Array::String(values)))
            })
            .collect();
        (!attributes.is_empty()).then_some(attributes)
    }
}

/// A value that its sender marked as a secret stays one.
fn text(value: &HeaderValue) -> StringValue {
    if value.is_sensitive() {
        return REDACTED.into();
    }
    String::from_utf8_lossy(value.as_bytes())
        .into_owned()
        .into()
}
