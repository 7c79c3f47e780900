//! The messages of answers: `google.rpc.Status`, `RetryInfo`, and what all three export responses look like.

use std::time::Duration;

use prost::Message;
use serde_json::json;

use crate::model::Signal;

/// `google.rpc.Status`: the body of a refusal, and the detail of a gRPC status.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `ExportTraceServiceResponse` and its two siblings, which are the same on the wire.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl RpcStatus {
    pub(super) fn new(code: i32, message: String, retry_after: Option<Duration>) -> Self {
        let details = retry_after.map(|delay| Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: RetryInfo {
                retry_delay: Some(RetryDelay {
                    seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
                    // Below a billion, so that it always fits.
                    nanos: delay.subsec_nanos() as i32,
                }),
            }
            .encode_to_vec(),
        });
        Self {
            code,
            message,
            details: details.into_iter().collect(),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        json!({ "code": self.code, "message": self.message })
            .to_string()
            .into_bytes()
    }
}

impl ExportResponse {
    /// Nothing set where all was taken without a warning.
    pub(super) fn new(rejected: usize, message: String) -> Self {
        let said = rejected > 0 || !message.is_empty();
        let partial = PartialSuccess {
            rejected: rejected as i64,
            error_message: message,
        };
        Self {
            partial_success: said.then_some(partial),
        }
    }

    pub(super) fn to_json(&self, signal: Signal) -> Vec<u8> {
        let field = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        };
        let value = match &self.partial_success {
            None => json!({}),
            // 64-bit integers are strings in the JSON of protobuf.
            Some(partial) => json!({ "partialSuccess": {
                field: partial.rejected.to_string(),
                "errorMessage": partial.error_message,
            } }),
        };
        value.to_string().into_bytes()
    }
}

/// Base64 without padding, as gRPC has it in headers that end with `-bin`.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .enumerate()
            .fold(0, |bits, (i, b)| bits | u32::from(*b) << (16 - 8 * i));
        for digit in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

/// `grpc-message`: printable ASCII as it is, everything else and `%` by percent.
pub(super) fn percent_encode(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_no_padding() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (&[0xfb, 0xff, 0xfe], "+//+"),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn messages_are_percent_encoded() {
        for (message, text) in [("a b~", "a b~"), ("5 %", "5 %25"), ("é\n", "%C3%A9%0A")] {
            assert_eq!(percent_encode(message), text);
        }
    }
}
