//! From chunks to the request that carries them.

use std::ops::Range;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{Chunk, Chunks, Scope};
use crate::otlp::request::{self, ResourceHead, ScopeHead};
use crate::pipeline::pieces::Pieces;

/// Requests below it are put into one piece of memory: that costs less than to keep several.
const SMALL_BYTES: usize = 16 * 1024;

/// The items of one scope.
struct Items {
    scope: Scope,
    parts: Vec<Part>,
}

/// Where a part of them is.
struct Part {
    chunk: usize,
    range: Range<usize>,
}

/// The request with the items of all `chunks`, grouped by their scopes in the order in which these come first.
///
/// The memory of the chunks becomes that of the request where it can, and goes back when the request is sent.
pub(crate) fn in_pieces(resource: &ResourceHead, chunks: Vec<Chunk>, back: &Arc<Chunks>) -> Pieces {
    if !is_worth_pieces(&chunks) {
        let body = request(resource, &chunks);
        let memory = chunks.into_iter().map(|chunk| chunk.bytes);
        memory.for_each(|bytes| back.recycle(bytes));
        return body.into();
    }
    let scopes = by_scope(&chunks);
    let heads = heads(resource, &scopes);
    let lent: Vec<Bytes> = chunks.into_iter().map(|chunk| lend(chunk, back)).collect();
    let pieces = heads.into_iter().zip(&scopes).flat_map(|(head, items)| {
        let slice = |part: &Part| lent[part.chunk].slice(part.range.clone());
        std::iter::once(Bytes::from(head)).chain(items.parts.iter().map(slice))
    });
    pieces.collect()
}

/// The same as a copy in one piece.
pub(crate) fn request(resource: &ResourceHead, chunks: &[Chunk]) -> Bytes {
    let scopes = by_scope(chunks);
    let mut body = Vec::new();
    for (head, items) in heads(resource, &scopes).iter().zip(&scopes) {
        body.extend_from_slice(head);
        for part in &items.parts {
            body.extend_from_slice(&chunks[part.chunk].bytes[part.range.clone()]);
        }
    }
    body.into()
}

fn heads(resource: &ResourceHead, scopes: &[Items]) -> Vec<Vec<u8>> {
    let lengths = scopes.iter().map(|items| {
        let lengths = items.parts.iter().map(|part| part.range.len());
        (ScopeHead::named(items.scope.as_str()), lengths.sum())
    });
    request::heads(resource, &lengths.collect::<Vec<_>>())
}

fn by_scope(chunks: &[Chunk]) -> Vec<Items> {
    let mut scopes: Vec<Items> = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut start = 0;
        for run in &chunk.runs {
            let part = Part {
                chunk: index,
                range: start..run.end,
            };
            start = run.end;
            let known = scopes
                .iter_mut()
                .find(|known| known.scope.as_str() == run.scope.as_str());
            match known {
                Some(items) => items.parts.push(part),
                None => scopes.push(Items {
                    scope: run.scope.clone(),
                    parts: vec![part],
                }),
            }
        }
    }
    scopes
}

/// Few and large parts, and no memory that is mostly empty: it may have to wait for a backend that is down.
fn is_worth_pieces(chunks: &[Chunk]) -> bool {
    let length: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    let runs: usize = chunks.iter().map(|chunk| chunk.runs.len()).sum();
    let is_full = |chunk: &Chunk| chunk.bytes.len() >= chunk.bytes.capacity() / 2;
    length >= SMALL_BYTES && runs <= 4 * chunks.len() && chunks.iter().all(is_full)
}

/// The memory of a chunk while a request has it.
struct Lent {
    bytes: Vec<u8>,
    back: Weak<Chunks>,
}

fn lend(chunk: Chunk, back: &Arc<Chunks>) -> Bytes {
    Bytes::from_owner(Lent {
        bytes: chunk.bytes,
        back: Arc::downgrade(back),
    })
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(back) = self.back.upgrade() {
            back.recycle(std::mem::take(&mut self.bytes));
        }
    }
}
