//! What the HTTP semantic conventions say about values: methods, versions, hosts, errors, and what
//! is to be redacted.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use http::{Method, Version};

use crate::exchange::values::OTHER;

const REDACTED: &str = "REDACTED";

/// The query parameters that hold a signature or a credential by the conventions' list; the case
/// counts.
const SENSITIVE: [&str; 5] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "sig",
    "X-Goog-Signature",
];

/// The methods that are known by default.
const KNOWN: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
];

/// What the process knows, where it was told.
static PROCESS_KNOWN: OnceLock<Arc<[Arc<str>]>> = OnceLock::new();

/// The methods that all layers and clients of the process know, in place of the default ones, unless they are told
/// otherwise themselves. The case counts. The first call of a process counts; `trisignal` makes it when it is installed, by
/// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`.
pub fn set_known_methods(names: impl IntoIterator<Item = impl AsRef<str>>) {
    let names = names.into_iter().map(|name| Arc::from(name.as_ref()));
    let _ = PROCESS_KNOWN.set(names.collect());
}

/// The methods that are shown by their names, in their own case.
#[derive(Clone, Default)]
pub(super) struct KnownMethods(Option<Arc<[Arc<str>]>>);

impl KnownMethods {
    /// These and no others.
    pub(super) fn only(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let names = names.into_iter().map(|name| Arc::from(name.as_ref()));
        Self(Some(names.collect()))
    }

    /// How `method` is shown. It allocates nothing.
    #[inline]
    pub(super) fn name<'a>(&'a self, method: &'a Method) -> Named<'a> {
        let method = method.as_str();
        let known = match self.0.as_ref().or_else(|| PROCESS_KNOWN.get()) {
            None => default_name(method),
            Some(names) => {
                let mut names = names.iter().map(|name| &**name);
                names.find(|name| *name == method)
            }
        };
        Named {
            name: known.unwrap_or(OTHER),
            original: Some(method).filter(|method| known.is_none() && *method != OTHER),
        }
    }
}

/// What a method is known as by default.
#[inline(never)]
fn default_name(method: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|name| *name == method)
}

/// A method as it is shown.
pub(super) struct Named<'a> {
    /// The value of `http.request.method`: a known method, else [`OTHER`].
    pub(super) name: &'a str,
    /// The value of `http.request.method_original`, which is there only where it differs.
    pub(super) original: Option<&'a str>,
}

/// The name of the span: `{method} {target}` with a route or a template as the target, or the method
/// alone. Never the path.
pub(super) fn span_name<'a>(method: &'a str, target: Option<&str>) -> Cow<'a, str> {
    let method = if method == OTHER { "HTTP" } else { method };
    match target {
        // Not by `format!`, which takes several times as long.
        Some(target) => Cow::Owned([method, " ", target].concat()),
        None => Cow::Borrowed(method),
    }
}

/// The value of `network.protocol.version`.
pub(crate) fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// The query parameters whose values are never shown.
#[derive(Clone, Default)]
pub(super) struct Redaction(Option<Arc<[String]>>);

impl Redaction {
    /// These and no others.
    pub(super) fn only(keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Some(keys.into_iter().map(Into::into).collect()))
    }

    /// `url` with its userinfo and the values of sensitive query parameters redacted.
    pub(super) fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let (head, rest) = split_before(url, |byte| matches!(byte, b'?' | b'#'));
        let (query, fragment) = match rest.strip_prefix('?') {
            Some(rest) => split_before(rest, |byte| byte == b'#'),
            None => ("", rest),
        };
        let shown_head = redact_userinfo(head);
        let shown_query = self.query(query);
        if matches!(
            (&shown_head, &shown_query),
            (Cow::Borrowed(_), Cow::Borrowed(_))
        ) {
            return Cow::Borrowed(url);
        }
        let mark = if rest.starts_with('?') { "?" } else { "" };
        Cow::Owned(format!("{shown_head}{mark}{shown_query}{fragment}"))
    }

    /// `query` with the values of sensitive parameters redacted; their keys stay.
    pub(super) fn query<'a>(&self, query: &'a str) -> Cow<'a, str> {
        let is_sensitive = |pair: &str| {
            pair.split_once('=')
                .is_some_and(|(key, _)| self.is_sensitive(key))
        };
        if query.is_empty() || !query.split('&').any(is_sensitive) {
            return Cow::Borrowed(query);
        }
        let mut shown = String::with_capacity(query.len());
        for (index, pair) in query.split('&').enumerate() {
            if index != 0 {
                shown.push('&');
            }
            match pair.split_once('=') {
                Some((key, _)) if self.is_sensitive(key) => {
                    shown.push_str(key);
                    shown.push('=');
                    shown.push_str(REDACTED);
                }
                _ => shown.push_str(pair),
            }
        }
        Cow::Owned(shown)
    }

    fn is_sensitive(&self, key: &str) -> bool {
        match &self.0 {
            None => SENSITIVE.contains(&key),
            Some(keys) => keys.iter().any(|own| own == key),
        }
    }
}

fn redact_userinfo(head: &str) -> Cow<'_, str> {
    if !head.as_bytes().contains(&b'@') {
        return Cow::Borrowed(head);
    }
    let Some((scheme, rest)) = head.split_once("://") else {
        return Cow::Borrowed(head);
    };
    let (authority, path) = split_before(rest, |byte| byte == b'/');
    match authority.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://{REDACTED}:{REDACTED}@{host}{path}")),
        None => Cow::Borrowed(head),
    }
}

/// Splits `text` before the first byte that is a mark, which must be ASCII.
fn split_before(text: &str, is_mark: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(is_mark).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
