//! Header maps of messages, whatever they are.
//!
//! | type | for | feature |
//! |---|---|---|
//! | [`http::HeaderMap`], `HashMap<String, String>`, `BTreeMap<String, String>` | any | – |
//! | `Vec<(String, Option<Vec<u8>>)>` | Kafka-style records | – |
//! | `async_nats::HeaderMap` | NATS | `nats` |
//! | `lapin::types::FieldTable` | RabbitMQ | `lapin` |
//! | `Option` of any of them | headers that may be missing | – |
//!
//! Any other takes one method to be read ([`Carrier`]) and two to be written ([`CarrierMut`]).
//!
//! # rdkafka
//!
//! `rdkafka` builds a C library, so nothing here depends on it. Its two kinds of headers are plugged
//! in by a few lines:
//!
//! ```
//! # mod rdkafka { pub mod message {
//! #     //! As much of rdkafka's headers as the lines below use.
//! #     pub struct Header<'a, V> { pub key: &'a str, pub value: Option<V> }
//! #     pub trait Headers { fn list(&self) -> &[(String, Option<Vec<u8>>)];
//! #         fn iter(&self) -> impl Iterator<Item = Header<'_, &[u8]>> {
//! #             self.list().iter().map(|(key, value)| Header { key, value: value.as_deref() }) } }
//! #     #[derive(Default)] pub struct OwnedHeaders(Vec<(String, Option<Vec<u8>>)>);
//! #     pub type BorrowedHeaders = OwnedHeaders;
//! #     impl Headers for OwnedHeaders { fn list(&self) -> &[(String, Option<Vec<u8>>)] { &self.0 } }
//! #     impl OwnedHeaders { pub fn new() -> Self { Self::default() }
//! #         pub fn insert<V: AsRef<[u8]> + ?Sized>(mut self, header: Header<'_, &V>) -> Self {
//! #             self.0.push((header.key.to_owned(), header.value.map(|v| v.as_ref().to_vec()))); self } }
//! # } }
//! use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};
//! use trisignal_instrumentation::messaging::{Carrier, CarrierMut, Producer};
//!
//! struct Received<'a>(&'a BorrowedHeaders);
//!
//! impl Carrier for Received<'_> {
//!     fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
//!         self.0.iter().map(|header| (header.key, header.value))
//!     }
//! }
//!
//! // What goes out is a list, which rdkafka takes at the end.
//! type Outgoing = Vec<(String, Option<Vec<u8>>)>;
//!
//! fn to_rdkafka(headers: Outgoing) -> OwnedHeaders {
//!     headers.iter().fold(OwnedHeaders::new(), |owned, (key, value)| {
//!         owned.insert(Header { key, value: value.as_ref() })
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let producer = Producer::new("kafka").destination("orders");
//! let sent = producer.send(Outgoing::new(), |headers| async {
//!     // producer.send(FutureRecord::to("orders").headers(to_rdkafka(headers)), …).await
//!     Ok::<_, std::io::Error>(to_rdkafka(headers))
//! });
//! let _ = Received(&sent.await.unwrap()).headers().count();
//! # }
//! ```

#[cfg(feature = "lapin")]
mod lapin;
mod maps;
#[cfg(feature = "nats")]
mod nats;
mod records;

use opentelemetry::propagation::{Extractor, Injector};

/// Stands for a value that is no text. No grammar of a propagator has this character, so such a
/// header is refused where it would be missing otherwise.
const NO_TEXT: &str = "\u{fffd}";

/// Headers of a message that can be read.
pub trait Carrier {
    /// All headers: name and value, in the order in which they are. A name may come several times. A
    /// header without a value is `None`, which is as good as no header.
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)>;

    /// The values of the header `name` as text, whatever its case: a broker, or a client in another
    /// language, may have changed that. A value that is no UTF-8 becomes U+FFFD.
    fn values(&self, name: &str) -> Vec<&str> {
        self.headers()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| value.map(text))
            .collect()
    }
}

/// Headers of a message that can be written.
///
/// This crate inserts only what it removed first, or what is not there.
pub trait CarrierMut: Carrier {
    /// Adds a header. What cannot be a header of this kind is left out.
    fn insert(&mut self, name: &str, value: String);

    /// Takes away all headers `name`, whatever their case.
    fn remove(&mut self, name: &str);
}

impl<C: Carrier + ?Sized> Carrier for &C {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        (**self).headers()
    }
}

impl<C: Carrier> Carrier for &mut C {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        (**self).headers()
    }
}

impl<C: CarrierMut> CarrierMut for &mut C {
    fn insert(&mut self, name: &str, value: String) {
        (**self).insert(name, value);
    }

    fn remove(&mut self, name: &str) {
        (**self).remove(name);
    }
}

/// Headers that a message may have. They are made when something has to be written.
impl<C: Carrier> Carrier for Option<C> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.iter().flat_map(Carrier::headers)
    }
}

impl<C: CarrierMut + Default> CarrierMut for Option<C> {
    fn insert(&mut self, name: &str, value: String) {
        self.get_or_insert_default().insert(name, value);
    }

    fn remove(&mut self, name: &str) {
        if let Some(headers) = self {
            headers.remove(name);
        }
    }
}

/// What the propagators read.
pub(super) struct Reader<'a, C>(pub(super) &'a C);

impl<C: Carrier> Extractor for Reader<'_, C> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.values(key).first().copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.headers().map(|(key, _)| key).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.values(key);
        (!values.is_empty()).then_some(values)
    }
}

/// What the propagators write, to be looked through before it goes into a message.
#[derive(Default)]
pub(super) struct Written(pub(super) Vec<(String, String)>);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}

pub(super) fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or(NO_TEXT)
}

#[cfg(test)]
mod tests;
