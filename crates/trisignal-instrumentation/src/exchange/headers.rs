//! The headers of a request, asked for by many names of which few are there.

use std::cell::Cell;

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::Extractor;

use crate::propagation::HeaderExtractor;

/// A header map that knows about most names that they are not in it: a look-up hashes the name, and a
/// server asks for a dozen of them.
pub(crate) struct Headers<'a> {
    all: HeaderExtractor<'a>,
    /// A bit for each name that is there, which others may share.
    marks: u64,
    /// What every request is asked for, found on the way.
    host: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    was_read: Cell<bool>,
}

impl<'a> Headers<'a> {
    #[inline]
    pub(crate) fn new(map: &'a HeaderMap) -> Self {
        let mut headers = Self {
            all: HeaderExtractor(map),
            marks: 0,
            host: None,
            user_agent: None,
            was_read: Cell::new(false),
        };
        for (name, value) in map {
            headers.marks |= mark(name.as_str());
            if *name == HOST {
                headers.host.get_or_insert(value);
            } else if *name == USER_AGENT {
                headers.user_agent.get_or_insert(value);
            }
        }
        headers
    }

    /// `Host`, where it is visible ASCII.
    #[inline]
    pub(crate) fn host(&self) -> Option<&'a str> {
        text_of(self.host?)
    }

    /// `User-Agent`, where it is visible ASCII.
    pub(crate) fn user_agent(&self) -> Option<&'a str> {
        text_of(self.user_agent?)
    }

    /// Whether there was anything for a propagator.
    pub(super) fn was_read(&self) -> bool {
        self.was_read.get()
    }

    /// The first value of `name`.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&'a HeaderValue> {
        if self.may_have(name.as_str()) {
            self.all.0.get(name)
        } else {
            None
        }
    }

    /// The same, where it is visible ASCII.
    pub(crate) fn text(&self, name: &HeaderName) -> Option<&'a str> {
        text_of(self.get(name)?)
    }

    /// Whether any of the names may be there whose [`marks`] these are.
    pub(crate) fn may_have_any(&self, marks: u64) -> bool {
        self.marks & marks != 0
    }

    fn may_have(&self, name: &str) -> bool {
        self.may_have_any(mark(name))
    }
}

/// For propagators.
impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if !self.may_have(key) {
            return None;
        }
        self.was_read.set(true);
        self.all.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.was_read.set(true);
        self.all.keys()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        if !self.may_have(key) {
            return None;
        }
        self.was_read.set(true);
        self.all.get_all(key)
    }
}

/// One copy of a loop, for all that are looked at.
#[inline(never)]
fn text_of(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// One bit of 64, by length and first letter in any case: that tells the names apart which requests
/// mostly have.
pub(super) const fn mark(name: &str) -> u64 {
    let first = match name.as_bytes() {
        [first, ..] => (*first | 0x20) as usize,
        [] => 0,
    };
    1 << ((name.len() + 7 * first) % 64)
}

/// The bits of all these names.
pub(crate) const fn marks(names: &[&str]) -> u64 {
    match names {
        [first, rest @ ..] => mark(first) | marks(rest),
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    /// Whatever is in the map is found, in any case, and nothing else, however many names share a bit.
    #[test]
    fn finds_what_the_map_has() {
        let wanted: Vec<_> = (0..300)
            .map(|number| HeaderName::try_from(format!("x-{number:0number$}")).unwrap())
            .chain([HOST, header::FORWARDED, USER_AGENT])
            .collect();
        let mut map = HeaderMap::new();
        for (number, name) in wanted.iter().enumerate() {
            let headers = Headers::new(&map);
            assert_eq!(headers.text(name), None, "{name}");
            assert_eq!(headers.get_all(name.as_str()), None);
            map.append(name, number.into());
            map.append(name, "more".parse().unwrap());
            let headers = Headers::new(&map);
            let value = number.to_string();
            assert_eq!(headers.text(name), Some(&*value), "{name}");
            let other_case = name.as_str().to_uppercase();
            assert_eq!(Extractor::get(&headers, &other_case), Some(&*value));
            assert_eq!(headers.get_all(&other_case), Some(vec![&*value, "more"]));
            assert_eq!(headers.keys().len(), number + 1);
        }
        let headers = Headers::new(&map);
        assert_eq!(headers.host(), headers.text(&HOST));
        assert_eq!(headers.user_agent(), headers.text(&USER_AGENT));
        assert!(
            headers
                .host()
                .is_some_and(|host| Some(host) != headers.user_agent())
        );
        map.clear();
        assert_eq!(Headers::new(&map).host(), None);
        assert_eq!(Extractor::get(&Headers::new(&map), ""), None);
    }
}
