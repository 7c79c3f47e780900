//! Every adapter keeps what is there, and finds what another client wrote.

use std::collections::{BTreeMap, HashMap};

use super::{Carrier, CarrierMut, NO_TEXT};

type Records = Vec<(String, Option<Vec<u8>>)>;

/// What holds for all of them.
fn check<C: CarrierMut + Default>(kind: &str) {
    let mut headers = C::default();
    headers.insert("Traceparent", "1".to_owned());
    headers.insert("own", "kept".to_owned());
    assert_eq!(headers.values("traceparent"), ["1"], "{kind}");
    assert_eq!(headers.values("absent"), [""; 0], "{kind}");

    headers.remove("traceparent");
    headers.insert("traceparent", "2".to_owned());
    assert_eq!(headers.values("TRACEPARENT"), ["2"], "{kind}");
    assert_eq!(headers.values("own"), ["kept"], "{kind}");
    let mut names: Vec<_> = headers.headers().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["own", "traceparent"], "{kind}");

    headers.remove("absent");
    let borrowed = &&mut headers;
    assert_eq!(borrowed.headers().count(), 2, "{kind}");
}

#[test]
fn all_adapters_do_the_same() {
    check::<http::HeaderMap>("http");
    check::<HashMap<String, String>>("hash map");
    check::<BTreeMap<String, String>>("tree map");
    check::<Records>("records");
    check::<Option<Records>>("optional records");
    #[cfg(feature = "nats")]
    check::<async_nats::HeaderMap>("nats");
    #[cfg(feature = "nats")]
    check::<Option<async_nats::HeaderMap>>("optional nats");
    #[cfg(feature = "lapin")]
    check::<lapin::types::FieldTable>("lapin");
}

#[test]
fn headers_that_are_not_there_are_not_made_by_reading() {
    let mut none: Option<Records> = None;
    none.remove("own");
    assert_eq!(none.values("own"), [""; 0]);
    assert!(none.is_none());
}

#[test]
fn bytes_that_are_no_text_are_no_value_of_anything() {
    let records: Records = vec![
        ("a".to_owned(), Some(vec![0xff, b'1'])),
        ("a".to_owned(), None),
        ("A".to_owned(), Some(b"2".to_vec())),
    ];
    assert_eq!(records.values("a"), [NO_TEXT, "2"]);
}

#[cfg(feature = "nats")]
#[test]
fn nats_keeps_all_values_of_others_and_takes_no_second_line() {
    let mut headers = async_nats::HeaderMap::new();
    headers.append("Own", "1");
    headers.append("Own", "2");
    CarrierMut::insert(&mut headers, "x", "1".to_owned());
    headers.remove("X");
    assert_eq!(headers.values("own"), ["1", "2"]);
    CarrierMut::insert(&mut headers, "evil", "1\r\nx: 2".to_owned());
    CarrierMut::insert(&mut headers, "evil name:", "1".to_owned());
    assert_eq!(headers.headers().count(), 2);
}

#[cfg(feature = "lapin")]
#[test]
fn amqp_keeps_what_is_no_text() {
    use lapin::types::{AMQPValue, FieldTable};

    let mut headers = FieldTable::default();
    headers.insert("x-death-count".into(), AMQPValue::LongLongInt(3));
    headers.insert("short".into(), AMQPValue::ShortString("text".into()));
    headers.insert(
        "bytes".into(),
        AMQPValue::ByteArray(b"text".to_vec().into()),
    );
    headers.insert("gone".into(), AMQPValue::Void);
    CarrierMut::remove(&mut headers, "GONE");
    CarrierMut::insert(&mut headers, &"n".repeat(256), "too long".to_owned());

    assert_eq!(headers.values("short"), ["text"]);
    assert_eq!(headers.values("bytes"), ["text"]);
    assert_eq!(headers.values("x-death-count"), [""; 0]);
    assert_eq!(
        headers.inner().get("x-death-count"),
        Some(&AMQPValue::LongLongInt(3))
    );
    assert_eq!(headers.inner().len(), 3);
}
