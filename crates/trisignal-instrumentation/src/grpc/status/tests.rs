//! Codes and deadlines as they come.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::HeaderValue;

use super::*;

fn with(name: &HeaderName, value: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    headers
}

#[test]
fn codes_by_number() {
    assert_eq!(Code::of(&HeaderMap::new()), None);
    for (number, name) in NAMES.iter().enumerate() {
        let code = Code::of(&with(&GRPC_STATUS, number.to_string().as_bytes())).unwrap();
        assert_eq!(code.name(), *name);
    }
    for odd in ["", "17", "-1", "256", "OK", "0 ", "1e0"] {
        let code = Code::of(&with(&GRPC_STATUS, odd.as_bytes())).unwrap();
        assert_eq!(code.name(), "UNKNOWN", "{odd:?}");
    }
    assert_eq!(
        Code::of(&with(&GRPC_STATUS, b"\xff")).unwrap().name(),
        "UNKNOWN"
    );
}

#[test]
fn errors_depend_on_the_side() {
    let server = [
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    ];
    for number in 0..17 {
        let code = Code(number);
        assert_eq!(code.is_error(Side::Client), code.name() != "OK");
        assert_eq!(code.is_error(Side::Server), server.contains(&code.name()));
    }
}

#[test]
fn http_statuses_stand_for_codes() {
    let cases = [
        (400, "INTERNAL"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "UNIMPLEMENTED"),
        (429, "UNAVAILABLE"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "UNAVAILABLE"),
        (200, "UNKNOWN"),
        (500, "UNKNOWN"),
        (418, "UNKNOWN"),
    ];
    for (status, name) in cases {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Code::of_http(status).name(), name);
    }
}

#[test]
fn deadlines() {
    let cases = [
        ("1H", Some(Duration::from_secs(3600))),
        ("2M", Some(Duration::from_secs(120))),
        ("3S", Some(Duration::from_secs(3))),
        ("4m", Some(Duration::from_millis(4))),
        ("5u", Some(Duration::from_micros(5))),
        ("6n", Some(Duration::from_nanos(6))),
        ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
        ("0S", Some(Duration::ZERO)),
        ("999999999S", None),
        ("S", None),
        ("", None),
        ("1", None),
        ("1s", None),
        ("-1S", None),
        ("+1S", None),
        ("1 S", None),
    ];
    for (text, expected) in cases {
        assert_eq!(
            timeout(&with(&GRPC_TIMEOUT, text.as_bytes())),
            expected,
            "{text:?}"
        );
    }
    assert_eq!(timeout(&with(&GRPC_TIMEOUT, "1\u{b5}".as_bytes())), None);
    assert_eq!(timeout(&HeaderMap::new()), None);
}
