//! The grammar, the encoding and the limits of baggage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::propagation::{extract, inject};

use super::*;

fn received(lines: &[&str]) -> Context {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            HeaderName::from_static(HEADER),
            HeaderValue::from_bytes(line.as_bytes()).unwrap(),
        );
    }
    extract(&Context::new(), &headers)
}

fn sent(cx: &Context) -> Option<String> {
    let mut headers = HeaderMap::new();
    inject(cx, &mut headers);
    assert!(headers.get_all(HEADER).iter().count() <= 1);
    headers
        .get(HEADER)
        .map(|value| value.to_str().unwrap().to_owned())
}

/// The members as `(key, value, properties)`, in the order of the keys.
fn members(cx: &Context) -> Vec<(String, String, String)> {
    let mut members: Vec<_> = cx
        .baggage()
        .iter()
        .map(|(key, (value, properties))| {
            (key.to_string(), value.to_string(), properties.to_string())
        })
        .collect();
    members.sort();
    members
}

#[test]
fn reads_members() {
    type Member = (&'static str, &'static str, &'static str);
    let cases: &[(&[&str], &[Member])] = &[
        (&["a=1"], &[("a", "1", "")]),
        (&["a=1,b=2"], &[("a", "1", ""), ("b", "2", "")]),
        (
            &["a=1", "b=2", "c=3"],
            &[("a", "1", ""), ("b", "2", ""), ("c", "3", "")],
        ),
        (&[" a = 1 \t,\tb =2"], &[("a", "1", ""), ("b", "2", "")]),
        (&["a=1,,b=2,"], &[("a", "1", ""), ("b", "2", "")]),
        // A value may hold what separates a key, and may be empty.
        (&["a=b=c=d=="], &[("a", "b=c=d==", "")]),
        (&["a="], &[("a", "", "")]),
        // Values are decoded once, keys never.
        (&["a=%2C%3B%20%25%5C%22"], &[("a", ",; %\\\"", "")]),
        (&["a=caf%C3%A9"], &[("a", "café", "")]),
        (&["a=%c3%a9"], &[("a", "é", "")]),
        (&["a=100%2541"], &[("a", "100%41", "")]),
        (&["a%20b=1"], &[("a%20b", "1", "")]),
        // What is no escape stands for itself, what is no UTF-8 is replaced.
        (&["a=100%"], &[("a", "100%", "")]),
        (&["a=%4,b=%zz"], &[("a", "%4", ""), ("b", "%zz", "")]),
        (&["a=%FF"], &[("a", "\u{fffd}", "")]),
        (&["a=%+1"], &[("a", "%+1", "")]),
        // Properties stay as they are and never become members.
        (&["a=1;p=2;q"], &[("a", "1", "p=2;q")]),
        (
            &["a=1 ; p = 2 ; q ,b=2"],
            &[("a", "1", "p = 2 ; q"), ("b", "2", "")],
        ),
        (&["a=1;p=x%2Cevil=1"], &[("a", "1", "p=x%2Cevil=1")]),
        // The last of two with one key.
        (&["a=1,a=2"], &[("a", "2", "")]),
        // Ill-formed members go alone.
        (&["a,b=2"], &[("b", "2", "")]),
        (&["=1,b=2"], &[("b", "2", "")]),
        (&["a b=1,b=2"], &[("b", "2", "")]),
        (&["a=1 2,b=2"], &[("b", "2", "")]),
        (&["a=\"1\",b=2"], &[("b", "2", "")]),
        (&["a=\\,b=2"], &[("b", "2", "")]),
        (&["(a)=1,b=2"], &[("b", "2", "")]),
        (&["a=1;p=\"x\",b=2"], &[("b", "2", "")]),
        (&["a=\u{e9}", "b=2"], &[("b", "2", "")]),
        (&[""], &[]),
        (&[";"], &[]),
    ];
    for (lines, expected) in cases {
        let found = members(&received(lines));
        let found: Vec<_> = found
            .iter()
            .map(|(k, v, p)| (k.as_str(), v.as_str(), p.as_str()))
            .collect();
        assert_eq!(found, *expected, "{lines:?}");
    }
}

#[test]
fn writes_members_encoded() {
    let cases: &[(&str, &str, &str)] = &[
        ("1", "", "k=1"),
        ("a=b", "", "k=a=b"),
        ("+a+b+", "", "k=%2Ba%2Bb%2B"),
        (",;%\\\" ", "", "k=%2C%3B%25%5C%22%20"),
        ("100%41", "", "k=100%2541"),
        ("café", "", "k=caf%C3%A9"),
        ("a\r\nx: y\u{1b}\0\u{7f}", "", "k=a%0D%0Ax:%20y%1B%00%7F"),
        ("1", "p=2;q", "k=1;p=2;q"),
        ("1", "p=x%2Cevil=1", "k=1;p=x%2Cevil=1"),
        ("1", "p=x,evil=1", "k=1;p=x%2Cevil=1"),
        ("1", "p=\r\n\"\\é", "k=1;p=%0D%0A%22%5C%C3%A9"),
    ];
    for (value, properties, expected) in cases {
        let mut baggage = Baggage::new();
        baggage.insert_with_metadata("k", (*value).to_owned(), *properties);
        assert_eq!(
            sent(&Context::new().with_baggage(baggage)).as_deref(),
            Some(*expected),
            "{value:?}"
        );
    }
    assert_eq!(sent(&Context::new()), None);
    assert_eq!(sent(&Context::new().with_cleared_baggage()), None);
}

#[test]
fn order_is_stable_and_the_correlation_id_comes_first() {
    let cx = received(&["z=1,correlation.id=order-1,a=2"]);
    assert_eq!(sent(&cx).unwrap(), "correlation.id=order-1,a=2,z=1");
}

#[test]
fn everything_within_the_limits_goes_through() {
    let list: Vec<_> = (10..74)
        .map(|number| format!("key{number}={}", "v".repeat(121)))
        .collect();
    let header = list.join(",");
    assert_eq!(list.len(), MAX_MEMBERS);
    assert!(header.len() <= MAX_BYTES, "{}", header.len());
    assert_eq!(sent(&received(&[&header])).unwrap(), header);
    let lines: Vec<_> = list.iter().map(String::as_str).collect();
    assert_eq!(sent(&received(&lines)).unwrap(), header);

    let exactly = format!("a={}", "v".repeat(MAX_BYTES - 2));
    assert_eq!(sent(&received(&[&exactly])), Some(exactly));
}

#[test]
fn extraction_is_limited_to_whole_members() {
    let many: Vec<_> = (100..200).map(|number| format!("k{number}=v")).collect();
    let cx = received(&[&many.join(",")]);
    assert_eq!(cx.baggage().len(), MAX_MEMBERS);

    let big = format!("a=1,b={},c=3", "v".repeat(MAX_BYTES));
    assert_eq!(
        members(&received(&[&big])),
        [("a".to_owned(), "1".to_owned(), String::new())]
    );

    let lines: Vec<_> = (0..1000)
        .map(|number| format!("k{number}={}", "v".repeat(100)))
        .collect();
    let cx = received(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(cx.baggage().len(), MAX_MEMBERS);
    let empty = vec![""; 10_000];
    let cx = received(&[&empty[..], &["late=1"]].concat());
    assert_eq!(cx.baggage().len(), 0);
}

#[test]
fn injection_is_limited_to_whole_members() {
    // In memory it is within the limit, encoded it is three times as long.
    let mut baggage = Baggage::new();
    baggage.insert("correlation.id", "order-1");
    baggage.insert("aaa", " ".repeat(4000));
    baggage.insert("zzz", "1");
    let header = sent(&Context::new().with_baggage(baggage)).unwrap();
    assert_eq!(header, "correlation.id=order-1,zzz=1");
}

#[test]
fn baggage_without_a_good_member_leaves_the_context_alone() {
    let mut baggage = Baggage::new();
    baggage.insert("own", "1");
    let own = Context::new().with_baggage(baggage);
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_static("nonsense"));
    assert_eq!(extract(&own, &headers).baggage().len(), 1);
}

#[test]
fn what_is_sent_comes_back_the_same() {
    let mut random = crate::testing::Random::new(11);
    let alphabet: Vec<char> = "abz019 ,;=%\\\"+&\t\r\n\u{1b}\u{7f}é漢😀\u{202e}"
        .chars()
        .collect();
    for round in 0..2_000 {
        let mut baggage = Baggage::new();
        for _ in 0..random.below(8) {
            let key = format!("k{}", random.below(50));
            let value: String = (0..random.below(12))
                .map(|_| alphabet[random.below(alphabet.len())])
                .collect();
            baggage.insert_with_metadata(
                key,
                value,
                if random.below(2) == 0 { "" } else { "p=1;q" },
            );
        }
        let cx = Context::new().with_baggage(baggage);
        let back = sent(&cx).map_or_else(Context::new, |header| received(&[&header]));
        assert_eq!(members(&back), members(&cx), "round {round}");
    }
}
