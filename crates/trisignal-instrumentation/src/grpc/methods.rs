//! Which methods there are, so that the paths that strangers make up become no names.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use super::status::Code;

/// How many methods are learned: far more than a server has, and a bound for what the memory and
/// the metrics of one can be made to hold.
pub(super) const MAX_LEARNED: usize = 1024;

/// The longest path that is taken for a method without being on a list, in bytes.
const MAX_LEN: usize = 255;

/// The methods of a server or of a client.
#[derive(Debug, Default)]
pub(super) struct Methods {
    /// These and no others.
    listed: Option<HashSet<Arc<str>>>,
    learned: RwLock<HashSet<Arc<str>>>,
}

/// What is known of a method when the call begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    Known(Arc<str>),
    /// It may be one; the answer tells.
    Unverified(Arc<str>),
    Unknown(Arc<str>),
}

impl Methods {
    pub(super) fn only(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names = names
            .into_iter()
            .map(|name| Arc::from(name.as_ref().trim_start_matches('/')));
        Self {
            listed: Some(names.collect()),
            ..Self::default()
        }
    }

    /// The method that a path names, on a server. It allocates nothing for one that is known.
    pub(super) fn find(&self, path: &str) -> Method {
        let name = path.strip_prefix('/').unwrap_or(path);
        if let Some(listed) = &self.listed {
            return listed.get(name).map_or_else(
                || Method::Unknown(name.into()),
                |name| Method::Known(Arc::clone(name)),
            );
        }
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        match learned.get(name) {
            Some(name) => Method::Known(Arc::clone(name)),
            None if is_method(name) => Method::Unverified(name.into()),
            None => Method::Unknown(name.into()),
        }
    }

    /// The method that a path names, on a client: it is the program's own, so it is taken as it is.
    pub(super) fn own(&self, path: &str) -> Arc<str> {
        match self.find(path) {
            Method::Known(name) => name,
            Method::Unverified(name) => {
                self.learn(&name);
                name
            }
            Method::Unknown(name) => name,
        }
    }

    /// Takes `name` for a method from now on, and says whether it is one: there is room for so many
    /// and no more.
    pub(super) fn learn(&self, name: &Arc<str>) -> bool {
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        learned.contains(name) || (learned.len() < MAX_LEARNED && learned.insert(Arc::clone(name)))
    }
}

/// Whether an answer with the status of gRPC `status` shows that the method exists.
///
/// A server says `UNIMPLEMENTED` about a method that it does not have. The others that count for
/// nothing are what gates in front of the methods say (authentication, rate limits, load shedding,
/// time limits), to any path at all.
pub(super) fn proves(status: Code) -> bool {
    const GATES: [Code; 7] = [
        Code::UNIMPLEMENTED,
        Code::UNAUTHENTICATED,
        Code::PERMISSION_DENIED,
        Code::RESOURCE_EXHAUSTED,
        Code::UNAVAILABLE,
        Code::CANCELLED,
        Code::DEADLINE_EXCEEDED,
    ];
    !GATES.contains(&status)
}

/// Whether it has the form `package.Service/Method`.
fn is_method(name: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    name.len() <= MAX_LEN
        && name
            .split_once('/')
            .is_some_and(|(service, method)| is_word(service) && is_word(method))
}

#[cfg(test)]
mod tests;
