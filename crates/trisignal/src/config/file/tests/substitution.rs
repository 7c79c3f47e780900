//! `${…}` by the table of the specification, and beyond it.

use super::super::cursor::Cursor;
use super::super::node::{Kind, Value};
use super::{Pairs, Problems, errors, map, parse};

const VARIABLES: Pairs<'_> = &[
    ("STRING_VALUE", "value"),
    ("BOOL_VALUE", "true"),
    ("INT_VALUE", "1"),
    ("FLOAT_VALUE", "1.1"),
    ("HEX_VALUE", "0xdeadbeef"),
    ("INVALID_MAP_VALUE", "value\nkey:value"),
    ("DO_NOT_REPLACE_ME", "Never use this value"),
    ("REPLACE_ME", "${DO_NOT_REPLACE_ME}"),
    ("VALUE_WITH_ESCAPE", "value$$"),
    ("EMPTY", ""),
    ("LIST", "[a, b]"),
    ("COMMENT", "a #b"),
    ("TILDE", "~"),
];

/// Kind and text of what stands behind `key:`, below a top that the schema leaves alone.
fn value(yaml: &str) -> Option<(Kind, String)> {
    let text = format!("file_format: \"1.1\"\nmine:\n  key: {yaml}\n");
    let mut problems = Problems::default();
    let root = parse(&text, &map(VARIABLES), &mut problems).unwrap();
    let cursor = Cursor::root(&root).find(&["mine", "key"]).unwrap();
    match &cursor.node.value {
        Value::Scalar(scalar) => Some((scalar.kind, scalar.text.clone())),
        Value::Broken => None,
        other => panic!("{other:?} of {yaml}"),
    }
}

#[test]
fn references_become_values_with_their_types() {
    let cases = [
        ("${STRING_VALUE}", Kind::Text, "value"),
        ("${BOOL_VALUE}", Kind::Bool(true), "true"),
        ("${INT_VALUE}", Kind::Int(1), "1"),
        ("${FLOAT_VALUE}", Kind::Float(1.1), "1.1"),
        ("${HEX_VALUE}", Kind::Int(0xdead_beef), "0xdeadbeef"),
        ("\"${STRING_VALUE}\"", Kind::Text, "value"),
        ("\"${BOOL_VALUE}\"", Kind::Text, "true"),
        ("'${INT_VALUE}'", Kind::Text, "1"),
        ("\"${FLOAT_VALUE}\"", Kind::Text, "1.1"),
        ("\"${HEX_VALUE}\"", Kind::Text, "0xdeadbeef"),
        ("${env:STRING_VALUE}", Kind::Text, "value"),
        ("${INVALID_MAP_VALUE}", Kind::Text, "value\nkey:value"),
        (
            "foo ${STRING_VALUE} ${FLOAT_VALUE}",
            Kind::Text,
            "foo value 1.1",
        ),
        ("${UNDEFINED_KEY}", Kind::Null, ""),
        ("\"${UNDEFINED_KEY}\"", Kind::Text, ""),
        ("${UNDEFINED_KEY:-fallback}", Kind::Text, "fallback"),
        ("${EMPTY:-fallback}", Kind::Text, "fallback"),
        ("${EMPTY}", Kind::Null, ""),
        ("${INT_VALUE:-2}", Kind::Int(1), "1"),
        ("${UNDEFINED_KEY:-2}", Kind::Int(2), "2"),
        ("${UNDEFINED_KEY:-}", Kind::Null, ""),
        ("${UNDEFINED_KEY:-Zürich}", Kind::Text, "Zürich"),
        ("${REPLACE_ME}", Kind::Text, "${DO_NOT_REPLACE_ME}"),
        (
            "${UNDEFINED_KEY:-${STRING_VALUE}}",
            Kind::Text,
            "${STRING_VALUE}",
        ),
        ("$${STRING_VALUE}", Kind::Text, "${STRING_VALUE}"),
        ("$$${STRING_VALUE}", Kind::Text, "$value"),
        ("$$$${STRING_VALUE}", Kind::Text, "$${STRING_VALUE}"),
        (
            "$${STRING_VALUE:-fallback}",
            Kind::Text,
            "${STRING_VALUE:-fallback}",
        ),
        (
            "$${STRING_VALUE:-${STRING_VALUE}}",
            Kind::Text,
            "${STRING_VALUE:-value}",
        ),
        (
            "${UNDEFINED_KEY:-$${UNDEFINED_KEY}}",
            Kind::Text,
            "${UNDEFINED_KEY:-${UNDEFINED_KEY}}",
        ),
        ("${VALUE_WITH_ESCAPE}", Kind::Text, "value$$"),
        ("a $$ b", Kind::Text, "a $ b"),
        ("a $ b", Kind::Text, "a $ b"),
        ("$", Kind::Text, "$"),
        ("${STRING_VALUE", Kind::Text, "${STRING_VALUE"),
        // What a variable holds has no structure, whatever it looks like.
        ("${LIST}", Kind::Text, "[a, b]"),
        ("${COMMENT}", Kind::Text, "a #b"),
        ("${TILDE}", Kind::Null, "~"),
        // The type is that of the whole, once everything is in its place.
        ("${INT_VALUE}${INT_VALUE}", Kind::Int(11), "11"),
        ("1${INT_VALUE}", Kind::Int(11), "11"),
        ("|-\n    ${INT_VALUE}", Kind::Text, "1"),
        ("!!str ${INT_VALUE}", Kind::Text, "1"),
        ("!!int ${INT_VALUE}", Kind::Int(1), "1"),
    ];
    for (yaml, kind, text) in cases {
        assert_eq!(value(yaml), Some((kind, text.to_owned())), "{yaml}");
    }
}

#[test]
fn what_is_no_reference_is_an_error_with_its_place() {
    let references = [
        "${STRING_VALUE:?error}",
        "${1API_KEY}",
        "${API_$KEY}",
        "${}",
        "${ STRING_VALUE}",
        "${STRING_VALUE }",
        "${sys:STRING_VALUE}",
        "${env:}",
        "${ENV:STRING_VALUE}",
        "${STRING_VALUE-x}",
        "${STRING_VALUE:x}",
        "${É}",
        "ok ${STRING_VALUE} ${1}",
    ];
    for reference in references {
        let text = format!("file_format: \"1.1\"\nresource:\n  schema_url: {reference}\n");
        let expected = "telemetry.yaml:3:15: resource.schema_url: an invalid reference to a variable: \
                        it is ${NAME} or ${NAME:-default}, and $$ is a plain $";
        assert_eq!(errors(&text), [expected], "{reference}");
    }
}

#[test]
fn keys_and_comments_are_left_alone() {
    let text = "file_format: \"1.1\"  # ${1}\n${STRING_VALUE}: ${STRING_VALUE}\n# ${?}\n";
    let mut problems = Problems::default();
    let root = parse(text, &map(VARIABLES), &mut problems).unwrap();
    let cursor = Cursor::root(&root).get("${STRING_VALUE}").unwrap();
    assert_eq!(cursor.text(), Some("value"));
    assert!(!problems.has_errors());
}

#[test]
fn an_alias_is_substituted_once() {
    let text = "file_format: \"1.1\"\na: &it $${STRING_VALUE}\nb: *it\n";
    let mut problems = Problems::default();
    let root = parse(text, &map(VARIABLES), &mut problems).unwrap();
    let cursor = Cursor::root(&root).get("b").unwrap();
    assert_eq!(cursor.text(), Some("${STRING_VALUE}"));
}
