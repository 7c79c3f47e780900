//! Groups of settings that code says at once: [`Otlp`], [`Batch`] and [`ItemLimits`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::redact::endpoint_for_people;
use super::{ByteSize, Compression, Protocol};

/// How one signal goes out over OTLP, for [`Builder::otlp`](crate::Builder::otlp). What is not said is as it is for all
/// signals: by the builder's methods of the same names, then by the environment.
///
/// ```
/// use trisignal::{Otlp, Protocol, Signal};
///
/// let logs = Otlp {
///     endpoint: Some("https://logs.example:4317".into()),
///     protocol: Some(Protocol::Grpc),
///     ..Otlp::default()
/// };
/// let builder = trisignal::builder("checkout").otlp(Signal::Logs, logs);
/// # let _ = builder;
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Otlp {
    /// The URL, taken as it is: nothing is appended, not even for HTTP.
    pub endpoint: Option<String>,
    /// Whether a gRPC endpoint without a scheme is plain text. Default false.
    pub insecure: Option<bool>,
    /// How OTLP travels. Default [`Protocol::HttpProtobuf`].
    pub protocol: Option<Protocol>,
    /// Sent with each request, besides those for all signals, over which the same name here wins. Values are treated as
    /// secrets.
    pub headers: Vec<(String, String)>,
    /// A file with a token, which is sent as `authorization: Bearer …`. It is read for each request, so it can be rotated.
    pub bearer_token_file: Option<PathBuf>,
    /// How long one attempt may take; zero is "no limit". Default 10 s.
    pub timeout: Option<Duration>,
    /// How requests are compressed. Default [`Compression::Auto`].
    pub compression: Option<Compression>,
    /// A PEM file of the certificates to trust, instead of the system's.
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file of the certificate to show, with its chain. It needs [`client_key`](Self::client_key).
    pub client_certificate: Option<PathBuf>,
    /// A PEM file of the private key of that certificate.
    pub client_key: Option<PathBuf>,
}

impl Otlp {
    /// This, and what `general` says where this says nothing. The endpoint is not taken over: for all signals it
    /// means something else.
    pub(super) fn over(&self, general: &Self) -> Self {
        let files = if self.client_certificate.is_some() || self.client_key.is_some() {
            self
        } else {
            general
        };
        Self {
            endpoint: self.endpoint.clone(),
            insecure: self.insecure.or(general.insecure),
            protocol: self.protocol.or(general.protocol),
            headers: [general.headers.clone(), self.headers.clone()].concat(),
            bearer_token_file: self
                .bearer_token_file
                .clone()
                .or_else(|| general.bearer_token_file.clone()),
            timeout: self.timeout.or(general.timeout),
            compression: self.compression.or(general.compression),
            ca_certificate: self
                .ca_certificate
                .clone()
                .or_else(|| general.ca_certificate.clone()),
            // A certificate belongs to its key.
            client_certificate: files.client_certificate.clone(),
            client_key: files.client_key.clone(),
        }
    }
}

/// By hand, because headers and endpoints may carry secrets.
impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let endpoint = self.endpoint.as_deref().map(endpoint_for_people);
        f.debug_struct("Otlp")
            .field("endpoint", &endpoint)
            .field("insecure", &self.insecure)
            .field("protocol", &self.protocol)
            .field("header_names", &header_names)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            // Somebody may have put the content of a file here: see `Settings::validate`.
            .finish_non_exhaustive()
    }
}

/// How spans or log records are collected into batches, for [`Builder::span_batch`](crate::Builder::span_batch) and
/// [`Builder::log_batch`](crate::Builder::log_batch). What is not said is as [`Limits`](crate::Limits) or the environment say,
/// or the default.
///
/// ```
/// use std::time::Duration;
/// use trisignal::Batch;
///
/// let batch = Batch { schedule_delay: Some(Duration::from_millis(200)), ..Batch::default() };
/// # let _ = trisignal::builder("checkout").log_batch(batch);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// How long an item waits for its batch to fill. Default 5 s for spans, 1 s for log records.
    pub schedule_delay: Option<Duration>,
    /// A second upper limit to one attempt at exporting, next to the timeout of OTLP; zero is "no limit". Default none.
    pub export_timeout: Option<Duration>,
    /// Items that wait to be encoded; the oldest are dropped beyond it. Default 65,536.
    pub queue_items: Option<usize>,
    /// Bytes of these items. Default 16 MiB.
    pub queue_bytes: Option<ByteSize>,
    /// Items in one batch, not more than the queue holds. Default 2,048.
    pub batch_items: Option<usize>,
}

impl Batch {
    /// This, and what `general` says where this says nothing.
    pub(super) fn over(self, general: Self) -> Self {
        Self {
            schedule_delay: self.schedule_delay.or(general.schedule_delay),
            export_timeout: self.export_timeout.or(general.export_timeout),
            queue_items: self.queue_items.or(general.queue_items),
            queue_bytes: self.queue_bytes.or(general.queue_bytes),
            batch_items: self.batch_items.or(general.batch_items),
        }
    }
}

/// How much of a span or a log record is kept, for [`Builder::item_limits`](crate::Builder::item_limits). What is beyond a
/// number is dropped and counted in the item; what is beyond a length is cut off.
///
/// What is `None` is as the environment says, or the default.
///
/// ```
/// use trisignal::ItemLimits;
///
/// let limits = ItemLimits { attribute_value_length: Some(4096), ..ItemLimits::default() };
/// # let _ = trisignal::builder("checkout").item_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemLimits {
    /// Characters of a text in any attribute, where nothing more special is said below. Default no limit.
    pub attribute_value_length: Option<usize>,
    /// Attributes of a span or a log record, where nothing more special is said below. Default 128.
    pub attribute_count: Option<u32>,
    /// Characters of a text in an attribute of a span, its events and its links.
    pub span_attribute_value_length: Option<usize>,
    /// Attributes of a span.
    pub span_attribute_count: Option<u32>,
    /// Events of a span. Default 128.
    pub span_event_count: Option<u32>,
    /// Links of a span. Default 128.
    pub span_link_count: Option<u32>,
    /// Attributes of an event of a span. Default 128.
    pub event_attribute_count: Option<u32>,
    /// Attributes of a link of a span. Default 128.
    pub link_attribute_count: Option<u32>,
    /// Characters of a text in an attribute of a log record.
    pub log_attribute_value_length: Option<usize>,
    /// Attributes of a log record.
    pub log_attribute_count: Option<u32>,
}
