//! Lists of names and bytes, as records of Kafka have them.

use super::{Carrier, CarrierMut};

impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for [(K, Option<V>)] {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref().map(AsRef::as_ref)))
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for Vec<(K, Option<V>)> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.as_slice().headers()
    }
}

impl<K, V> CarrierMut for Vec<(K, Option<V>)>
where
    K: AsRef<str> + for<'a> From<&'a str>,
    V: AsRef<[u8]> + From<Vec<u8>>,
{
    fn insert(&mut self, name: &str, value: String) {
        self.push((K::from(name), Some(V::from(value.into_bytes()))));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.as_ref().eq_ignore_ascii_case(name));
    }
}
