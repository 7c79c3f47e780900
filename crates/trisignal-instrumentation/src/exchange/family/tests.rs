//! What is remembered is the same as what is made, and there is not too much of it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Weak;

use super::*;

fn family(method: &'static str, route: Option<&str>, port: Option<i64>) -> Arc<Family> {
    let parts = [
        ("method", Some(Part::Fixed(method))),
        ("route", route.map(Part::Text)),
        ("port", port.map(Part::Number)),
    ];
    Family::of(Role::HttpServer, &parts, || format!("{method} {route:?}"))
}

fn texts<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let texts = attributes.map(|attribute| format!("{}={}", attribute.key, attribute.value));
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_family_has_its_attributes_and_its_name() {
    let rows = [
        ("GET", None, None, "method=GET"),
        ("GET", Some("/a"), None, "method=GET route=/a"),
        ("GET", Some("/a"), Some(80), "method=GET route=/a port=80"),
        ("GET", Some("/b"), Some(80), "method=GET route=/b port=80"),
        ("PUT", Some("/a"), Some(80), "method=PUT route=/a port=80"),
        ("PUT", None, Some(80), "method=PUT port=80"),
        ("PUT", Some("80"), None, "method=PUT route=80"),
        ("PUT", Some(""), None, "method=PUT route="),
    ];
    for _ in 0..2 {
        for (method, route, port, attributes) in rows {
            let family = family(method, route, port);
            assert_eq!(texts(family.attributes().iter()), attributes);
            assert_eq!(family.name(), format!("{method} {route:?}"));
        }
    }
}

#[test]
fn a_thread_remembers_so_many_and_no_more() {
    let one = family("GET", Some("/orders/{id}"), None);
    assert!(Arc::ptr_eq(
        &one,
        &family("GET", Some("/orders/{id}"), None)
    ));
    let parts = [
        ("m", Some(Part::Fixed("GET"))),
        ("r", Some(Part::Text("/orders/{id}"))),
        ("p", None),
    ];
    let other = Family::of(Role::HttpClient, &parts, String::new);
    assert_eq!(texts(other.attributes().iter()), "m=GET r=/orders/{id}");
    drop(one);
    let mut weak: Vec<Weak<Family>> = Vec::new();
    for number in 0..10_000 {
        let route = format!("/{number}");
        let family = family("GET", Some(&route), Some(number));
        let attributes = format!("method=GET route={route} port={number}");
        assert_eq!(texts(family.attributes().iter()), attributes);
        weak.push(Arc::downgrade(&family));
    }
    let held = weak.iter().filter(|weak| weak.strong_count() > 0).count();
    assert!(held > PLACES / 2 && held <= PLACES, "{held}");

    let long = "x".repeat(MAX_TEXT + 1);
    assert_eq!(family("GET", Some(&long), None).attributes().len(), 2);
    let again = Arc::downgrade(&family("GET", Some(&long), None));
    assert_eq!(again.strong_count(), 0);
}

#[test]
fn ends_are_told_apart() {
    let family = family("GET", Some("/"), None);
    for _ in 0..2 {
        for status in 0..20 {
            for error in [None, Some("panic")] {
                let mut added = Added::default();
                added.push("status", status);
                let mut expected = format!("method=GET route=/ status={status}");
                if let Some(error) = error {
                    added.push("error", error);
                    expected = format!("{expected} error={error}");
                }
                let mut seen = None;
                family.with(&added, |all| seen = Some(texts(all.iter())));
                assert_eq!(seen, Some(expected));
            }
        }
    }
}
