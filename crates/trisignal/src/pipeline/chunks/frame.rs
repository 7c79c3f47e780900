//! From chunks to the request that carries them.

use bytes::Bytes;

use super::{Chunk, Scope};
use crate::otlp::request::{self, ResourceHead, ScopeHead, ScopeItems};

/// The request with the items of all `chunks`, grouped by their scopes in the order in which these come first.
pub(crate) fn request(resource: &ResourceHead, chunks: &[Chunk]) -> Bytes {
    let mut scopes: Vec<(&Scope, ScopeItems<'_>)> = Vec::new();
    for (scope, part) in chunks.iter().flat_map(Chunk::parts) {
        let known = scopes
            .iter_mut()
            .find(|(known, _)| known.as_str() == scope.as_str());
        match known {
            Some((_, items)) => items.parts.push(part),
            None => {
                let items = ScopeItems {
                    head: ScopeHead::named(scope.as_str()),
                    parts: vec![part],
                };
                scopes.push((scope, items));
            }
        }
    }
    let scopes: Vec<_> = scopes.into_iter().map(|(_, items)| items).collect();
    Bytes::from(request::request(resource, &scopes))
}
