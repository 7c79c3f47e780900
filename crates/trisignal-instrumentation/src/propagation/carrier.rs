//! Header maps as carriers of the OpenTelemetry propagators.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector};

use super::trace_context::{TRACEPARENT, TRACESTATE};
use super::{b3, baggage};

static PARENT: HeaderName = HeaderName::from_static(TRACEPARENT);
static STATE: HeaderName = HeaderName::from_static(TRACESTATE);
static BAGGAGE: HeaderName = HeaderName::from_static(baggage::HEADER);

/// Stands for a header value that is no visible ASCII. No grammar of a propagator has this
/// character, so such a header is refused where it would be missing or cut otherwise.
const NO_TEXT: &str = "\u{fffd}";

/// Reads a header map, several values of one name included.
#[derive(Debug)]
pub struct HeaderExtractor<'a>(pub &'a HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(text)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values: Vec<_> = self.0.get_all(key).iter().map(text).collect();
        (!values.is_empty()).then_some(values)
    }
}

/// Writes into a header map, in place of all values that a name had.
///
/// A new `traceparent` takes the old `tracestate` away, and a new `x-b3-traceid` the other headers
/// of its kind: a request that was made from the headers of another would otherwise carry the state
/// of a trace it does not belong to. What is no valid header is left out.
#[derive(Debug)]
pub struct HeaderInjector<'a>(pub &'a mut HeaderMap);

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        let (Some(name), Ok(value)) = (name(key), HeaderValue::try_from(value)) else {
            return;
        };
        if name == TRACEPARENT {
            self.0.remove(&STATE);
        } else if name == b3::TRACE_ID {
            for stale in b3::OPTIONAL {
                self.0.remove(stale);
            }
        }
        // It fails only for a map of 32,768 headers, which no request can carry anyway.
        let _ = self.0.try_insert(name, value);
    }

    fn reserve(&mut self, additional: usize) {
        let _ = self.0.try_reserve(additional);
    }
}

/// To read a name takes longer than to look whether it is one of these.
fn name(key: &str) -> Option<HeaderName> {
    let known = [&PARENT, &STATE, &BAGGAGE];
    match known.into_iter().find(|known| known.as_str() == key) {
        Some(known) => Some(known.clone()),
        None => HeaderName::try_from(key).ok(),
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or(NO_TEXT)
}

#[cfg(test)]
mod tests {
    //! What no propagator of ours does, others may.

    use super::*;

    #[test]
    fn what_is_no_header_is_left_out() {
        let mut headers = HeaderMap::new();
        let mut injector = HeaderInjector(&mut headers);
        let pairs = [
            ("bad name", "1"),
            ("", "1"),
            ("x-bad", "a\r\nx-evil: 1"),
            ("x-good", "1"),
        ];
        for (name, value) in pairs {
            injector.set(name, value.to_owned());
        }
        assert_eq!(HeaderExtractor(&headers).keys(), ["x-good"]);
        assert_eq!(HeaderExtractor(&headers).get("X-Good"), Some("1"));
        assert_eq!(HeaderExtractor(&headers).get_all("x-bad"), None);
    }
}
