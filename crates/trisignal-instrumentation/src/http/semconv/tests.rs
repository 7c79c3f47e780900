//! Values as the conventions want them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use super::*;
use crate::exchange::values::{default_port, error_type, host_and_port};

#[test]
fn methods_are_known_or_other() {
    let known = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
    ];
    let shown = |known: &KnownMethods, name: &str| {
        let parsed = Method::from_bytes(name.as_bytes()).unwrap();
        let shown = known.name(&parsed);
        (shown.name.to_owned(), shown.original.map(str::to_owned))
    };
    for name in known {
        let found = shown(&KnownMethods::default(), name);
        assert_eq!(found, (name.to_owned(), None));
    }
    for name in ["get", "PROPFIND", "GETS"] {
        let found = shown(&KnownMethods::default(), name);
        assert_eq!(found, (OTHER.to_owned(), Some(name.to_owned())));
    }
    // An override is a full one.
    let own = KnownMethods::only(["PROPFIND", "get"]);
    for (name, expected) in [
        ("PROPFIND", "PROPFIND"),
        ("get", "get"),
        ("GET", OTHER),
        ("_OTHER", OTHER),
    ] {
        assert_eq!(shown(&own, name).0, expected);
    }
    assert_eq!(shown(&own, "_OTHER").1, None, "it does not differ");
}

#[test]
fn names_never_hold_a_path() {
    assert_eq!(span_name("GET", Some("/orders/{id}")), "GET /orders/{id}");
    assert_eq!(span_name("GET", None), "GET");
    assert_eq!(span_name(OTHER, Some("/orders")), "HTTP /orders");
    assert_eq!(span_name(OTHER, None), "HTTP");
}

#[test]
fn versions() {
    let cases = [
        (Version::HTTP_09, "0.9"),
        (Version::HTTP_10, "1.0"),
        (Version::HTTP_11, "1.1"),
        (Version::HTTP_2, "2"),
        (Version::HTTP_3, "3"),
    ];
    for (version, text) in cases {
        assert_eq!(protocol_version(version), Some(text));
    }
}

#[test]
fn errors_are_named_by_type_unless_boxed() {
    assert_eq!(error_type::<std::io::Error>(), "std::io::error::Error");
    assert_eq!(
        error_type::<Box<dyn std::error::Error + Send + Sync>>(),
        OTHER
    );
}

#[test]
fn hosts_and_ports() {
    let cases = [
        ("example.com", ("example.com", None)),
        ("example.com:8080", ("example.com", Some(8080))),
        ("127.0.0.1:1", ("127.0.0.1", Some(1))),
        ("[::1]", ("::1", None)),
        ("[::1]:443", ("::1", Some(443))),
        ("::1", ("::1", None)),
        ("[::1", ("[::1", None)),
        ("user:secret@example.com:80", ("example.com", Some(80))),
        ("user@here@[::1]:443", ("::1", Some(443))),
        ("example.com:", ("example.com", None)),
        ("example.com:99999", ("example.com", None)),
        ("", ("", None)),
    ];
    for (authority, expected) in cases {
        assert_eq!(host_and_port(authority), expected, "{authority}");
    }
    assert_eq!(
        (
            default_port("http"),
            default_port("https"),
            default_port("ftp")
        ),
        (Some(80), Some(443), None)
    );
}

#[test]
fn secrets_are_redacted() {
    let cases = [
        ("https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
        ("https://example.com", "https://example.com"),
        (
            "https://u:p@example.com/a",
            "https://REDACTED:REDACTED@example.com/a",
        ),
        (
            "https://token@example.com:8443",
            "https://REDACTED:REDACTED@example.com:8443",
        ),
        (
            "https://u:p@x@example.com/",
            "https://REDACTED:REDACTED@example.com/",
        ),
        (
            "https://u:p@example.com?sig=s",
            "https://REDACTED:REDACTED@example.com?sig=REDACTED",
        ),
        ("https://example.com/a@b", "https://example.com/a@b"),
        (
            "https://example.com/?mail=a@b",
            "https://example.com/?mail=a@b",
        ),
        (
            "https://example.com/?sig=s&a=1&sig=t#f",
            "https://example.com/?sig=REDACTED&a=1&sig=REDACTED#f",
        ),
        (
            "https://example.com/?a=1&X-Amz-Signature=s=s",
            "https://example.com/?a=1&X-Amz-Signature=REDACTED",
        ),
        ("https://example.com/#sig=s", "https://example.com/#sig=s"),
        ("/a?sig=s", "/a?sig=REDACTED"),
    ];
    for (url, shown) in cases {
        assert_eq!(Redaction::default().url(url), shown);
    }
    let queries = [
        ("", ""),
        ("sig", "sig"),
        ("sig=", "sig=REDACTED"),
        (
            "Sig=1&SIG=2&x-amz-signature=3",
            "Sig=1&SIG=2&x-amz-signature=3",
        ),
        (
            "X-Amz-Credential=a&X-Amz-Security-Token=b&X-Goog-Signature=c&signature=d",
            "X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Goog-Signature=REDACTED&signature=d",
        ),
        ("&a=1&&sig=2", "&a=1&&sig=REDACTED"),
    ];
    for (query, shown) in queries {
        assert_eq!(Redaction::default().query(query), shown);
    }
}

#[test]
fn an_override_of_the_redaction_is_a_full_one() {
    let own = Redaction::only(["token"]);
    assert_eq!(
        own.query("token=1&sig=2&Token=3"),
        "token=REDACTED&sig=2&Token=3"
    );
    assert_eq!(
        own.url("http://u:p@a/?token=1"),
        "http://REDACTED:REDACTED@a/?token=REDACTED"
    );
}
