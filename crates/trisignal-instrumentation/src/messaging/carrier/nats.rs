//! The headers of NATS messages.

use async_nats::{HeaderMap, HeaderName, HeaderValue};

use super::{Carrier, CarrierMut};

impl Carrier for HeaderMap {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter().flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| (name.as_ref(), Some(value.as_ref())))
        })
    }
}

impl CarrierMut for HeaderMap {
    fn insert(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            self.append(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        let is_meant = |key: &HeaderName| AsRef::<str>::as_ref(key).eq_ignore_ascii_case(name);
        if !self.iter().any(|(key, _)| is_meant(key)) {
            return;
        }
        // The map has no removal of its own.
        let mut others = HeaderMap::new();
        for (key, values) in self.iter().filter(|(key, _)| !is_meant(key)) {
            for value in values {
                others.append(key.clone(), value.clone());
            }
        }
        *self = others;
    }
}
