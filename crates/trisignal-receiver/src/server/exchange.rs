//! What happens between the head of a request and its answer, the same for all protocols.

use std::sync::{MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Shared;
use super::connection::Cutter;
use super::decode::{Encoding, Refusal, decode, decompress, unframe};
use crate::answer::{Act, Answer, Code, seconds};
use crate::model::{Batch, Signal};
use crate::request::{Outcome, Protocol, RequestInfo};
use crate::script::Script;

/// What the head of a request said.
pub(super) struct Head {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    pub(super) info: RequestInfo,
}

/// What to tell the client.
#[derive(Debug)]
pub(super) enum Verdict {
    Taken {
        rejected: usize,
        message: String,
    },
    Refused {
        code: Code,
        message: String,
        retry_after: Option<String>,
    },
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            code: refusal.code,
            message: refusal.message,
            retry_after: None,
        }
    }
}

impl Verdict {
    /// As the list of requests has it.
    pub(super) fn outcome(&self, protocol: Protocol) -> Outcome {
        let code = match self {
            Self::Taken { .. } => Code::Http(200),
            Self::Refused { code, .. } => *code,
        };
        match protocol {
            Protocol::Grpc => Outcome::Grpc(code.grpc()),
            _ => Outcome::Http(code.http()),
        }
    }

    /// What gRPC can say of `retry_after`.
    pub(super) fn retry_delay(retry_after: Option<&str>) -> Option<std::time::Duration> {
        retry_after.and_then(seconds)
    }
}

/// Reads the request, asks the script, and acts. Does not return where the client gets no answer.
pub(super) async fn exchange(
    mut head: Head,
    mut body: Incoming,
    shared: &Shared,
    cutter: &Cutter,
) -> Verdict {
    let early = script(shared).decide_early(head.signal);
    if early.as_ref().is_some_and(Answer::acts_early) {
        return cut_while_reading(head, body, shared, cutter).await;
    }
    let batch = match collect(&mut body, shared.limits.body).await {
        Ok(body) => {
            head.info.encoded_bytes = body.len();
            read(&mut head, body, shared)
        }
        Err(refusal) => Err(refusal),
    };
    let answer = early.unwrap_or_else(|| match &batch {
        Ok(batch) => script(shared).decide(batch),
        Err(_) => script(shared).decide_unread(head.signal),
    });
    let open = OpenRequest::new(shared, head.info);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    act(answer, batch, open, cutter).await
}

/// Enters a request that was refused by its head alone.
pub(super) fn refuse_by_head(info: RequestInfo, refusal: Refusal, shared: &Shared) -> Verdict {
    let open = OpenRequest::new(shared, info);
    let verdict = Verdict::from(refusal);
    open.refuse(None, &verdict);
    verdict
}

async fn act(
    answer: Answer,
    batch: Result<Batch, Refusal>,
    open: OpenRequest<'_>,
    cutter: &Cutter,
) -> Verdict {
    match (answer.act, batch) {
        (Act::Hang, _) => {
            open.close(Outcome::Hung);
            std::future::pending().await
        }
        (Act::Reset, _) => {
            open.close(Outcome::Reset);
            match cutter.reset().await {}
        }
        (Act::Refuse(code), batch) => {
            let refused = batch.ok().map(|batch| (batch.signal, batch.items()));
            let message = answer
                .message
                .unwrap_or_else(|| format!("scripted answer {}", code.http()));
            let verdict = match code.http() {
                // A success that takes nothing.
                200 => Verdict::Taken {
                    rejected: 0,
                    message: String::new(),
                },
                _ => Verdict::Refused {
                    code,
                    message,
                    retry_after: answer.retry_after,
                },
            };
            open.refuse(refused, &verdict);
            verdict
        }
        (Act::Accept | Act::AcceptThenReset | Act::Partial { .. }, Err(refusal)) => {
            let verdict = Verdict::from(refusal);
            open.refuse(None, &verdict);
            verdict
        }
        (Act::Accept, Ok(batch)) => {
            let verdict = Verdict::Taken {
                rejected: 0,
                message: String::new(),
            };
            open.accept(batch, 0, &verdict);
            verdict
        }
        (Act::AcceptThenReset, Ok(batch)) => {
            open.accept_as(batch, 0, Outcome::Reset);
            match cutter.reset().await {}
        }
        (Act::Partial { rejected, message }, Ok(mut batch)) => {
            let rejected = rejected.min(batch.items());
            batch.keep_first(batch.items() - rejected);
            let verdict = Verdict::Taken { rejected, message };
            open.accept(batch, rejected, &verdict);
            verdict
        }
    }
}

async fn cut_while_reading(
    mut head: Head,
    mut body: Incoming,
    shared: &Shared,
    cutter: &Cutter,
) -> Verdict {
    // The first piece only: the client is to be in the middle of its body.
    if let Some(Ok(frame)) = body.frame().await {
        head.info.encoded_bytes = frame.data_ref().map_or(0, Bytes::len);
    }
    OpenRequest::new(shared, head.info).close(Outcome::Reset);
    match cutter.reset().await {}
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Refusal::new(400, format!("the body is broken: {e}")))?;
        if let Some(data) = frame.data_ref() {
            if collected.len().saturating_add(data.len()) > limit {
                return Err(Refusal::too_large(limit));
            }
            collected.extend_from_slice(data);
        }
    }
    Ok(collected.freeze())
}

fn read(head: &mut Head, body: Bytes, shared: &Shared) -> Result<Batch, Refusal> {
    let protocol = head.info.protocol;
    let (compressed, message) = match protocol {
        Protocol::Grpc => unframe(&body)?,
        _ => (true, body),
    };
    // A gRPC message may be plain although the call says gzip.
    let encoding = if compressed {
        head.encoding
    } else {
        Encoding::Identity
    };
    if protocol == Protocol::Grpc && compressed && encoding == Encoding::Identity {
        return Err(Refusal::new(
            400,
            "a compressed message in a call without grpc-encoding",
        ));
    }
    let message = decompress(message, encoding, shared.limits.decompressed)?;
    head.info.decompressed_bytes = message.len();
    let batch = decode(
        head.signal,
        protocol,
        &message,
        shared.log_identity.as_deref(),
    )?;
    head.info.items = batch.items();
    Ok(batch)
}

fn script(shared: &Shared) -> MutexGuard<'_, Script> {
    shared.script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry of the list of requests that has no end yet; it says so when it is dropped.
struct OpenRequest<'a> {
    shared: &'a Shared,
    number: u64,
    protocol: Protocol,
    open: bool,
}

impl<'a> OpenRequest<'a> {
    fn new(shared: &'a Shared, info: RequestInfo) -> Self {
        let protocol = info.protocol;
        Self {
            shared,
            number: shared.store.open_request(info),
            protocol,
            open: true,
        }
    }

    fn accept(self, batch: Batch, rejected: usize, verdict: &Verdict) {
        let outcome = verdict.outcome(self.protocol);
        self.accept_as(batch, rejected, outcome);
    }

    fn accept_as(mut self, batch: Batch, rejected: usize, outcome: Outcome) {
        self.open = false;
        self.shared
            .store
            .accept(self.number, batch, rejected, outcome);
    }

    fn refuse(mut self, refused: Option<(Signal, usize)>, verdict: &Verdict) {
        self.open = false;
        self.shared
            .store
            .refuse(self.number, refused, verdict.outcome(self.protocol));
    }

    fn close(mut self, outcome: Outcome) {
        self.open = false;
        self.shared.store.refuse(self.number, None, outcome);
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        if self.open {
            self.shared
                .store
                .refuse(self.number, None, Outcome::Abandoned);
        }
    }
}
