//! The maps that everybody has.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Carrier, CarrierMut};

impl Carrier for HeaderMap {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter()
            .map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
    }
}

impl CarrierMut for HeaderMap {
    fn insert(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            // It fails only for a map of 32,768 headers.
            let _ = self.try_append(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        HeaderMap::remove(self, name);
    }
}

impl<S: BuildHasher> Carrier for HashMap<String, String, S> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter()
            .map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
    }
}

impl<S: BuildHasher> CarrierMut for HashMap<String, String, S> {
    fn insert(&mut self, name: &str, value: String) {
        HashMap::insert(self, name.to_owned(), value);
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl Carrier for BTreeMap<String, String> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter()
            .map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
    }
}

impl CarrierMut for BTreeMap<String, String> {
    fn insert(&mut self, name: &str, value: String) {
        BTreeMap::insert(self, name.to_owned(), value);
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}
