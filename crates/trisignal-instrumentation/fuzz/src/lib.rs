//! What must hold for any header at all, one function for each parser.
//!
//! They are judges of their own: each looks at what came in and what a service would send on, by
//! rules that are written here once more and in another way than in the parsers. Used by the fuzz
//! targets, and by the tests of the crate on generated input.
//!
//! Input is lines of `name:value`, headers of a carrier that lets any byte through: a line feed
//! that is part of a value is written as U+0001.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use trisignal_instrumentation::correlation::{CorrelationId, MAX_LEN};
use trisignal_instrumentation::propagation::{Format, composite};

/// `traceparent` and `tracestate`.
pub fn traceparent(data: &[u8]) {
    let inbound = Headers::read(data);
    let cx = extract(&[Format::TraceContext], &inbound);
    let sent = inject(&[Format::TraceContext], &cx);

    let parents = inbound.all("traceparent");
    let is_good = matches!(parents[..], [parent] if is_traceparent(parent));
    assert_eq!(sent.contains_key("traceparent"), is_good, "{parents:?}");
    let Some(parent) = sent.get("traceparent") else {
        assert!(sent.is_empty(), "a state without a parent: {sent:?}");
        return;
    };
    assert!(
        is_traceparent(parent) && parent.starts_with("00-"),
        "{parent}"
    );
    assert_eq!(parent[2..53], parents[0][2..53]);
    // Sampled and random as they came, all others zero.
    let flags = |text: &str| u8::from_str_radix(&text[53..55], 16).expect("hex digits");
    assert_eq!(flags(parent), flags(parents[0]) & 0x03);

    if let Some(state) = sent.get("tracestate") {
        let lines = inbound.all("tracestate");
        let came: BTreeSet<&str> = members(&lines).collect();
        let goes: Vec<&str> = state.split(',').collect();
        assert!(goes.len() <= 32, "{state}");
        let keys: BTreeSet<_> = goes.iter().map(|member| member.split('=').next()).collect();
        assert_eq!(keys.len(), goes.len(), "a key twice: {state}");
        for member in goes {
            assert!(came.contains(member), "not sent to us: {member:?}");
            assert_eq!(member.matches('=').count(), 1, "{member:?}");
        }
    }
    is_stable(&[Format::TraceContext], &sent);
}

/// `baggage`.
pub fn baggage(data: &[u8]) {
    let inbound = Headers::read(data);
    let cx = extract(&[Format::Baggage], &inbound);
    assert!(cx.baggage().len() <= 64);
    let lines = inbound.all("baggage");
    let came: BTreeSet<&str> = members(&lines)
        .filter_map(|member| member.split_once('='))
        .map(|(key, _)| blank(key))
        .collect();
    for (key, (value, properties)) in cx.baggage() {
        assert!(came.contains(key.as_str()), "not sent to us: {key}");
        // Decoding only ever makes it shorter; what is not UTF-8 takes three bytes, as its escape.
        let longest = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        assert!(value.as_str().len() + properties.as_str().len() <= longest);
    }
    let sent = inject(&[Format::Baggage], &cx);
    let Some(header) = sent.get("baggage") else {
        return;
    };
    assert!(header.len() <= 8192);
    let goes: Vec<&str> = header.split(',').collect();
    assert!(goes.len() <= 64);
    let mut keys = BTreeSet::new();
    for member in &goes {
        let (key, _) = member.split_once('=').expect("a member has a value");
        assert!(came.contains(key), "not sent to us: {member:?}");
        assert!(keys.insert(key), "a key twice: {header:?}");
    }
    // Encoded it may be longer than it came, and then some members stay behind; all that went comes
    // back the same.
    let back = extract(&[Format::Baggage], &Headers::of(&sent));
    assert_eq!(back.baggage().len(), goes.len());
    for (key, member) in back.baggage() {
        assert_eq!(cx.baggage().get_with_metadata(key), Some(member));
    }
    is_stable(&[Format::Baggage], &sent);
}

/// `b3` and `x-b3-…`.
pub fn b3(data: &[u8]) {
    let formats = [Format::B3, Format::B3Multi];
    let inbound = Headers::read(data);
    let cx = extract(&formats, &inbound);
    let sent = inject(&formats, &cx);
    assert!(!sent.contains_key("x-b3-parentspanid"));
    let Some(single) = sent.get("b3") else {
        assert!(sent.is_empty() && !cx.span().span_context().is_valid());
        return;
    };
    let parts: Vec<&str> = single.split('-').collect();
    let state = match parts[..] {
        [state] => Some(state),
        [trace, span, ref state @ ..] => {
            assert!(
                is_hex(trace, 32) && is_hex(span, 16) && state.len() <= 1,
                "{single}"
            );
            let trace = trace.strip_prefix("0000000000000000").unwrap_or(trace);
            let ids = [trace, span];
            let came = |id: &&str| inbound.0.iter().any(|(_, value)| value.contains(*id));
            assert!(ids.iter().all(came), "not sent to us: {single}");
            assert!(sent["x-b3-spanid"] == span && sent["x-b3-traceid"].ends_with(trace));
            state.first().copied()
        }
        [] => unreachable!("a split has a part"),
    };
    assert!(matches!(state, None | Some("0" | "1" | "d")), "{single}");
    let sampled = cx.span().span_context().is_sampled();
    let has_ids = parts.len() > 1;
    assert_eq!(sampled, has_ids && matches!(state, Some("1" | "d")));
    is_stable(&formats, &sent);
}

/// `x-amzn-trace-id`.
pub fn xray(data: &[u8]) {
    let inbound = Headers::read(data);
    let cx = extract(&[Format::XRay], &inbound);
    let sent = inject(&[Format::XRay], &cx);
    let Some(header) = sent.get("x-amzn-trace-id") else {
        return;
    };
    let lines = inbound.all("x-amzn-trace-id");
    assert_eq!(lines.len(), 1, "of several nobody knows which is right");
    let came: BTreeSet<&str> = lines[0].split(';').map(blank).collect();
    let mut keys = BTreeSet::new();
    for field in header.split(';') {
        let (key, _) = field.split_once('=').expect("a field has a value");
        assert!(keys.insert(key), "{header}");
        // What is left open is sent as not sampled.
        let open = field == "Sampled=0" && !came.contains("Sampled=1");
        assert!(came.contains(field) || open, "not sent to us: {field:?}");
    }
    assert!(
        ["Root", "Parent", "Sampled"]
            .iter()
            .all(|key| keys.contains(key))
    );
    assert!(
        !keys.contains("Self") && header.len() <= 1024 + 16,
        "{header}"
    );
    is_stable(&[Format::XRay], &sent);
}

/// A correlation ID.
pub fn correlation(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let is_good = (1..=MAX_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/+=@-".contains(&b));
    match text.parse::<CorrelationId>() {
        Ok(id) => {
            assert!(is_good, "{text:?}");
            assert_eq!(id.as_str(), text);
            let cx = id.with_context(&Context::new());
            assert_eq!(CorrelationId::from_context(&cx), Some(id));
            let sent = inject(&[Format::Baggage], &cx);
            let back = extract(&[Format::Baggage], &Headers::of(&sent));
            assert_eq!(
                CorrelationId::from_context(&back)
                    .expect("it was sent")
                    .as_str(),
                text
            );
        }
        Err(error) => {
            assert!(!is_good, "{text:?}");
            let shown = error.to_string();
            assert!(shown.is_ascii() && shown.len() < 100, "{shown}");
        }
    }
}

/// Headers as they come, each name as often as it likes.
struct Headers(Vec<(String, String)>);

impl Headers {
    fn read(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(data);
        let lines = text.split('\n').filter_map(|line| line.split_once(':'));
        let header = |(name, value): (&str, &str)| (name.to_owned(), value.replace('\u{1}', "\n"));
        Self(lines.map(header).collect())
    }

    fn of(sent: &BTreeMap<String, String>) -> Self {
        Self(sent.clone().into_iter().collect())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        self.all(key).first().copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        Some(self.all(key)).filter(|all| !all.is_empty())
    }
}

#[derive(Default)]
struct Sent(BTreeMap<String, String>);

impl Injector for Sent {
    fn set(&mut self, key: &str, value: String) {
        // Fit for HTTP, for a variable and for any message broker.
        assert!(!value.is_empty(), "{key} is sent empty");
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') || byte == b'\t';
        assert!(value.bytes().all(is_plain), "{key}: {value:?}");
        assert!(
            self.0.insert(key.to_owned(), value).is_none(),
            "{key} is sent twice"
        );
    }
}

fn extract(formats: &[Format], headers: &Headers) -> Context {
    composite(formats).extract_with_context(&Context::new(), headers)
}

fn inject(formats: &[Format], cx: &Context) -> BTreeMap<String, String> {
    let mut sent = Sent::default();
    composite(formats).inject_context(cx, &mut sent);
    sent.0
}

/// The next service that only passes on what it got sends the same.
fn is_stable(formats: &[Format], sent: &BTreeMap<String, String>) {
    let again = inject(formats, &extract(formats, &Headers::of(sent)));
    assert_eq!(again, *sent);
}

fn is_traceparent(text: &str) -> bool {
    let Some(known) = text.get(..55) else {
        return false;
    };
    let parts: Vec<&str> = known.split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        return false;
    };
    let is_id = |text: &str, digits| is_hex(text, digits) && text.bytes().any(|b| b != b'0');
    is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
        && match &text[55..] {
            "" => true,
            rest => version != "00" && rest.starts_with('-'),
        }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn members<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    lines.iter().flat_map(|line| line.split(',')).map(blank)
}

/// Without the white space that the formats allow around their parts.
fn blank(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
