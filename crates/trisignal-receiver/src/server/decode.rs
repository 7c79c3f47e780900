//! From the bytes of a request to its records: framing, decompression, decoding. No IO, no panic.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use prost::Message;

use crate::answer::Code;
use crate::model::{Batch, Malformed, Signal};
use crate::request::Protocol;

/// How the body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Why the receiver itself refuses a request, whatever the script says.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(http: u16, message: impl Into<String>) -> Self {
        Self {
            code: Code::Http(http),
            message: message.into(),
        }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(413, format!("the request is larger than {limit} bytes"))
    }
}

/// Takes the one message out of the body of a gRPC call; says whether it is compressed.
pub(super) fn unframe(body: &Bytes) -> Result<(bool, Bytes), Refusal> {
    let Some((prefix, message)) = body.split_at_checked(5) else {
        return Err(Refusal::new(
            400,
            "the body ends within the prefix of the message",
        ));
    };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if message.len() as u64 != u64::from(length) {
        let message = format!(
            "expected one message of {length} bytes, got {}",
            message.len()
        );
        return Err(Refusal::new(400, message));
    }
    match prefix[0] {
        flag @ (0 | 1) => Ok((flag == 1, body.slice(5..))),
        flag => Err(Refusal::new(
            400,
            format!("unknown flag {flag} of the message"),
        )),
    }
}

/// Decompresses, but never to more than `limit` bytes.
pub(super) fn decompress(body: Bytes, encoding: Encoding, limit: usize) -> Result<Bytes, Refusal> {
    match encoding {
        Encoding::Identity if body.len() > limit => Err(Refusal::too_large(limit)),
        Encoding::Identity => Ok(body),
        Encoding::Gzip => read_within(MultiGzDecoder::new(&body[..]), "gzip", limit),
        Encoding::Zstd => match zstd::stream::read::Decoder::with_buffer(&body[..]) {
            Ok(decoder) => read_within(decoder, "zstd", limit),
            Err(error) => Err(broken("zstd", &error)),
        },
    }
}

fn read_within(decoder: impl Read, name: &str, limit: usize) -> Result<Bytes, Refusal> {
    let mut plain = Vec::new();
    // One byte more than allowed tells "exactly full" from "too large".
    let read = decoder
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut plain);
    read.map_err(|error| broken(name, &error))?;
    if plain.len() > limit {
        Err(Refusal::too_large(limit))
    } else {
        Ok(plain.into())
    }
}

fn broken(name: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(400, format!("the {name} body is broken: {error}"))
}

/// Decodes an export request.
pub(super) fn decode(
    signal: Signal,
    protocol: Protocol,
    message: &[u8],
    log_identity: Option<&str>,
) -> Result<Batch, Refusal> {
    let json = protocol == Protocol::HttpJson;
    match signal {
        Signal::Traces => parse(json, message).and_then(Batch::from_traces),
        Signal::Metrics => parse(json, message).and_then(Batch::from_metrics),
        Signal::Logs => parse(json, message).and_then(|logs| Batch::from_logs(logs, log_identity)),
    }
    .map_err(|Malformed(why)| {
        Refusal::new(400, format!("the {signal} could not be decoded: {why}"))
    })
}

fn parse<M>(json: bool, message: &[u8]) -> Result<M, Malformed>
where
    M: Message + Default + for<'de> serde::Deserialize<'de>,
{
    if json {
        serde_json::from_slice(message).map_err(|error| Malformed(error.to_string()))
    } else {
        M::decode(message).map_err(|error| Malformed(error.to_string()))
    }
}
