//! What is kept about each request.

use std::time::Instant;

use crate::model::Signal;

/// A request that reached the receiver, whatever became of it.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The signal; `None` where the path named none.
    pub signal: Option<Signal>,
    /// How it came.
    pub protocol: Protocol,
    /// Path of the URL.
    pub path: String,
    /// Headers in the order of arrival, names in lower case; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body as sent; less than the sender's whole body where the connection was cut.
    pub encoded_bytes: usize,
    /// Bytes of the OTLP message after decompression; 0 where it could not be read.
    pub decompressed_bytes: usize,
    /// Items in the message; 0 where it could not be read.
    pub items: usize,
    /// Items that were taken into the store.
    pub accepted: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// When its head was there.
    pub received_at: Instant,
}

impl RequestInfo {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC over HTTP/2.
    Grpc,
    /// HTTP with a protobuf body.
    HttpProtobuf,
    /// HTTP with a JSON body.
    HttpJson,
    /// HTTP with a body of another type, which is refused.
    HttpOther,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Not answered yet: a scripted delay is running.
    Pending,
    /// Answered over HTTP with this status.
    Http(u16),
    /// Answered over gRPC with this `grpc-status`.
    Grpc(i32),
    /// Left without an answer by the script.
    Hung,
    /// The connection was reset by the script.
    Reset,
    /// The client gave up, or the receiver was stopped or paused, before there was an answer.
    Abandoned,
}

impl Outcome {
    /// Whether the client was told that its data was taken, wholly or in part.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Http(200) | Self::Grpc(0))
    }
}
