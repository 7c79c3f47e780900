//! The headers of AMQP 0.9.1 messages: the `headers` table of their basic properties.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

use super::{Carrier, CarrierMut};

impl Carrier for FieldTable {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.inner().iter().map(|(name, value)| {
            let value = match value {
                AMQPValue::LongString(text) => Some(text.as_bytes()),
                AMQPValue::ShortString(text) => Some(text.as_str().as_bytes()),
                AMQPValue::ByteArray(bytes) => Some(bytes.as_slice()),
                // Numbers, tables and the like carry no context.
                _ => None,
            };
            (name.as_str(), value)
        })
    }
}

impl CarrierMut for FieldTable {
    fn insert(&mut self, name: &str, value: String) {
        // A name of more than 255 bytes is none in AMQP.
        if let Ok(name) = ShortString::try_new(name) {
            let value = AMQPValue::LongString(LongString::from(value));
            FieldTable::insert(self, name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        let is_meant = |key: &ShortString| key.as_str().eq_ignore_ascii_case(name);
        if !self.inner().keys().any(is_meant) {
            return;
        }
        // The table has no removal of its own.
        let others: BTreeMap<_, _> = self
            .inner()
            .iter()
            .filter(|(key, _)| !is_meant(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        *self = others.into();
    }
}
