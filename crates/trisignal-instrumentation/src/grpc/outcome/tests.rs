//! Which answers give a call its name.

use std::collections::HashSet;

use super::*;
use crate::grpc::methods::MAX_LEARNED;

fn headers<const N: usize>(pairs: [(&'static str, &'static str); N]) -> HeaderMap {
    let text = http::HeaderValue::from_static;
    pairs
        .into_iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), text(value)))
        .collect()
}

/// The method that the metrics show for a call of `path`.
fn shown(
    methods: &Arc<Methods>,
    path: &str,
    status: u16,
    head: &HeaderMap,
    trailers: &HeaderMap,
) -> String {
    let span = Span::none();
    let mut outcome = Outcome::new(methods.find(path), methods, &HeaderMap::new());
    outcome.respond(&span, StatusCode::from_u16(status).unwrap(), head);
    outcome.trailers(&span, trailers);
    let added = outcome.finish(Side::Server, End::Complete, &span);
    let method = added.iter().find(|(key, _)| *key == "rpc.method");
    let method = method.and_then(|(_, part)| part.as_ref()?.text());
    // What is known at once is measured from the beginning on.
    let method = method.unwrap_or(&path[1..]).to_owned();
    assert_eq!(outcome.new_name().is_some(), method == OTHER, "{path}");
    method
}

#[test]
fn only_what_grpc_says_proves_a_method() {
    let none = HeaderMap::new();
    let grpc = headers([("content-type", "application/grpc+proto")]);
    let page = headers([("content-type", "text/html")]);
    let status = |code| headers([("grpc-status", code)]);
    for (code, head, trailers, is_proof) in [
        (200, &grpc, &none, true),
        (200, &status("0"), &none, true),
        (200, &status("5"), &none, true),
        (200, &status("12"), &none, false),
        (200, &none, &status("0"), true),
        (200, &none, &status("12"), false),
        (404, &none, &status("5"), true),
        (200, &none, &none, false),
        (200, &page, &none, false),
        (400, &none, &none, false),
        (500, &none, &none, false),
        (500, &grpc, &none, false),
        (302, &none, &none, false),
    ] {
        let methods = Arc::default();
        let method = shown(&methods, "/a.B/c", code, head, trailers);
        let expected = if is_proof { "a.B/c" } else { OTHER };
        assert_eq!(method, expected, "{code} {head:?} {trailers:?}");
    }
}

#[test]
fn no_more_names_are_shown_than_are_learned() {
    let methods = Arc::default();
    let head = headers([("grpc-status", "0")]);
    for _ in 0..2 {
        let names: HashSet<String> = (0..2 * MAX_LEARNED)
            .map(|number| format!("/a.B/m{number}"))
            .map(|path| shown(&methods, &path, 200, &head, &HeaderMap::new()))
            .collect();
        assert_eq!(names.len(), MAX_LEARNED + 1);
        assert!(names.contains(OTHER) && names.contains("a.B/m0"));
    }
}
