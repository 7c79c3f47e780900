//! Forwarding headers, trusted and not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is the failure of the test"
)]

use http::Request;

use super::*;

type Found = (
    &'static str,
    Option<&'static str>,
    Option<u16>,
    Option<&'static str>,
);

fn origin(
    uri: &str,
    headers: &[(&str, &str)],
    trusted: bool,
) -> (String, Option<String>, Option<u16>, Option<String>) {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let headers = Headers::new(&parts.headers);
    let found = Origin::of(&parts, &headers, trusted, None);
    (
        found.scheme.to_owned(),
        found.server_address.map(str::to_owned),
        found.server_port,
        found.forwarded_for.map(|address| address.to_string()),
    )
}

#[test]
fn forwarding_headers_count_from_trusted_callers_only() {
    type Headers = &'static [(&'static str, &'static str)];
    let cases: &[(&str, Headers, Found, Found)] = &[
        (
            "/",
            &[],
            ("http", None, None, None),
            ("http", None, None, None),
        ),
        (
            "/",
            &[("host", "a:8080")],
            ("http", Some("a"), Some(8080), None),
            ("http", Some("a"), Some(8080), None),
        ),
        (
            "https://b/x",
            &[("host", "a")],
            ("https", Some("b"), None, None),
            ("https", Some("b"), None, None),
        ),
        (
            "/",
            &[
                ("host", "a"),
                ("x-forwarded-host", "b:1, c"),
                ("x-forwarded-proto", "HTTPS"),
                ("x-forwarded-for", "1.2.3.4, 5.6.7.8"),
            ],
            ("https", Some("b"), Some(1), Some("1.2.3.4")),
            ("http", Some("a"), None, None),
        ),
        (
            "/",
            &[
                (
                    "forwarded",
                    "For=\"[2001:db8::1]:4711\";Proto=https;host=b, for=1.2.3.4",
                ),
                ("x-forwarded-host", "no"),
            ],
            ("https", Some("b"), None, Some("2001:db8::1")),
            ("http", None, None, None),
        ),
        (
            "/",
            &[("forwarded", "for=\"[2001:db8::1]\"")],
            ("http", None, None, Some("2001:db8::1")),
            ("http", None, None, None),
        ),
        // What is not known never gets far.
        (
            "/",
            &[
                ("x-forwarded-proto", "gopher"),
                ("x-forwarded-for", "unknown"),
            ],
            ("http", None, None, None),
            ("http", None, None, None),
        ),
        (
            "/",
            &[("forwarded", "nonsense;for;=,")],
            ("http", None, None, None),
            ("http", None, None, None),
        ),
        (
            "/",
            &[("host", "")],
            ("http", None, None, None),
            ("http", None, None, None),
        ),
    ];
    for (uri, headers, internal, edge) in cases {
        for (trusted, expected) in [(true, internal), (false, edge)] {
            let found = origin(uri, headers, trusted);
            let found = (
                found.0.as_str(),
                found.1.as_deref(),
                found.2,
                found.3.as_deref(),
            );
            assert_eq!(found, *expected, "{uri} {headers:?} {trusted}");
        }
    }
}

#[test]
fn the_layer_may_know_the_scheme() {
    let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let headers = Headers::new(&parts.headers);
    assert_eq!(
        Origin::of(&parts, &headers, false, Some("https")).scheme,
        "https"
    );
}
