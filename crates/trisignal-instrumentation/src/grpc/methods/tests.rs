//! What becomes a name, and what does not.

use super::*;

#[test]
fn paths_of_the_form_of_a_method_may_be_one() {
    let long = format!("/a/{}", "b".repeat(300));
    let cases = [
        ("/shop.Orders/Place", true),
        ("/Echo/Echo", true),
        ("/a.b_c.D1/e", true),
        ("/", false),
        ("", false),
        ("//", false),
        ("/orders", false),
        ("/shop.Orders/", false),
        ("/a/b/c", false),
        ("/a/b%20c", false),
        ("/a/b-c", false),
        (&long, false),
    ];
    let methods = Methods::default();
    for (path, expected) in cases {
        let name: Arc<str> = path.strip_prefix('/').unwrap_or(path).into();
        let found = if expected {
            Method::Unverified(name)
        } else {
            Method::Unknown(name)
        };
        assert_eq!(methods.find(path), found, "{path}");
    }
}

#[test]
fn a_list_is_the_last_word() {
    let methods = Methods::only(["shop.Orders/Place", "/odd"]);
    for path in ["/shop.Orders/Place", "/odd"] {
        assert_eq!(methods.find(path), Method::Known(path[1..].into()));
    }
    methods.learn(&"shop.Orders/Cancel".into());
    assert_eq!(
        methods.find("/shop.Orders/Cancel"),
        Method::Unknown("shop.Orders/Cancel".into())
    );
}

#[test]
fn what_is_learned_is_bounded() {
    let methods = Methods::default();
    let name = |number: usize| Arc::<str>::from(format!("a/m{number}"));
    for number in 0..2 * MAX_LEARNED {
        methods.learn(&name(number));
    }
    assert_eq!(methods.find("/a/m0"), Method::Known(name(0)));
    let late = name(MAX_LEARNED);
    assert_eq!(methods.find(&format!("/{late}")), Method::Unverified(late));
}

#[test]
fn gates_prove_nothing() {
    for number in 0_u8..17 {
        let mut headers = http::HeaderMap::new();
        headers.insert("grpc-status", u16::from(number).into());
        let code = Code::of(&headers).unwrap();
        assert_eq!(
            proves(code),
            ![1, 4, 7, 8, 12, 14, 16].contains(&number),
            "{code:?}"
        );
    }
}
