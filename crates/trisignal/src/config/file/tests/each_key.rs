//! Every key of the schema with everything that may not stand behind it.
//!
//! The tables say what there is and what fits; from them come the documents, the bad values and what is expected of the errors: file,
//! line, column, path, what would have fitted, and nothing of what may be a secret.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::schema::{Form, Shape, Type};
use super::generated::{Place, places};
use super::{load, warnings};
use crate::cpu_time::CpuTime;

/// What no error and no warning may repeat.
const SECRET: &str = "hush";

/// A value that does not fit, and how its error goes on after the path; `None` where an item of it is wrong.
type Bad = (String, Option<String>);

fn bad_values(shape: &Shape) -> Vec<Bad> {
    let (what, found) = expected(shape);
    let all = [
        ("\"hush\"", "a text", Found::Text),
        ("true", "true", Found::Bool),
        ("7.5", "7.5", Found::Fraction),
        (
            "-99999999999999999999999999999999999999999999",
            "-99999999999999999999999999999999999999999999",
            Found::Huge,
        ),
        (".nan", ".nan", Found::Fraction),
        ("-.inf", "-.inf", Found::Fraction),
        ("[]", "a list", Found::List),
        ("[[\"hush\"]]", "a list", Found::List),
        ("{\"hush\": \"hush\"}", "a mapping", Found::Map),
        ("null", "nothing", Found::Null),
        ("\"${SECRET}\"", "a text from a variable", Found::Text),
    ];
    let bad = all.iter().filter(|(.., kind)| !found.contains(kind));
    let told = |(value, shown, _): &(&str, &str, Found)| {
        let quotes = match (shape, *shown) {
            (Shape::Text { .. }, "a list" | "a mapping" | "nothing") => "",
            (Shape::Text { .. }, _) => " (in quotes)",
            _ => "",
        };
        let one_key = match shape {
            Shape::Mapping(ty) if is_choice(ty) && *shown == "nothing" => " with one key",
            _ => "",
        };
        let told = format!("expected {what}{one_key}{quotes}, found {shown}");
        ((*value).to_owned(), Some(told))
    };
    let mut bad: Vec<Bad> = bad.map(told).collect();
    // In the right kind, and out of range.
    let beyond: Vec<String> = match shape {
        Shape::Whole { min, max, .. } => {
            let mut beyond = vec![i128::from(*min) - 1];
            beyond.extend((*max < i64::MAX).then(|| i128::from(*max) + 1));
            beyond.iter().map(ToString::to_string).collect()
        }
        Shape::Number { min, max, .. } if max.is_finite() => {
            vec![
                (min - 0.5).to_string(),
                (max + 0.5).to_string(),
                "1e400".to_owned(),
            ]
        }
        _ => Vec::new(),
    };
    bad.extend(beyond.into_iter().map(|value| {
        let told = format!("expected {what}, found {value}");
        (value, Some(told))
    }));
    if let Shape::List { of, min } = shape {
        bad.extend((*min > 0).then(|| ("[]".to_owned(), Some("the list is empty".to_owned()))));
        bad.extend((!matches!(of, Shape::Mapping(_))).then(|| ("[{}]".to_owned(), None)));
    }
    bad
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Text,
    Bool,
    Fraction,
    Huge,
    List,
    Map,
    Null,
}

/// What an error says of the shape, and which of the values above are not for it.
fn expected(shape: &Shape) -> (String, Vec<Found>) {
    use Found::{Bool, Fraction, Huge, List, Map, Null, Text};
    let (what, mut fits) = match shape {
        Shape::Bool { .. } => ("true or false".to_owned(), vec![Bool]),
        Shape::Text { .. } => ("a text".to_owned(), vec![Text]),
        Shape::Whole { min, max, .. } if *max == i64::MAX => {
            (format!("a whole number from {min}"), vec![])
        }
        Shape::Whole { min, max, .. } => (format!("a whole number from {min} to {max}"), vec![]),
        Shape::Number { min, max, .. } if max.is_finite() => {
            (format!("a number from {min} to {max}"), vec![])
        }
        Shape::Number { .. } => ("a number".to_owned(), vec![Fraction, Huge]),
        Shape::OneOf(texts) => (format!("one of {}", texts.join(", ")), vec![]),
        Shape::Mapping(ty) => (
            "a mapping".to_owned(),
            if ty.nullable {
                vec![Map, Null]
            } else {
                vec![Map]
            },
        ),
        // Empty ones are below.
        Shape::List { .. } => ("a list".to_owned(), vec![List]),
        Shape::Attribute => (
            "a value or a list of values of one type".to_owned(),
            vec![Text, Bool, Fraction, Huge, Null],
        ),
    };
    match shape {
        Shape::Bool { nullable: true }
        | Shape::Text { nullable: true }
        | Shape::Whole { nullable: true, .. }
        | Shape::Number { nullable: true, .. }
        | Shape::OneOf(_) => fits.push(Null),
        _ => {}
    }
    (what, fits)
}

/// Errors and warnings of a text, within a moment and without a secret.
fn told(text: &str) -> (Vec<String>, Vec<String>) {
    let begin = CpuTime::now();
    let told = match load(text, &[("SECRET", SECRET)]) {
        Ok(config) => (Vec::new(), warnings(&config)),
        Err(errors) => (errors, Vec::new()),
    };
    let start: String = text.chars().take(400).collect();
    assert!(begin.elapsed() < Duration::from_secs(20), "{start}");
    for line in told.0.iter().chain(&told.1) {
        assert!(!line.contains(SECRET), "{line} of\n{start}");
        assert!(line.len() < 2_000, "{} bytes of\n{start}", line.len());
        assert!(!line.contains('\n'), "{line} of\n{start}");
    }
    told
}

fn is_choice(ty: &Type) -> bool {
    matches!(ty.form, Form::Choice(_))
}

#[test]
fn the_smallest_document_with_each_key_loads() {
    let all = places();
    // Keys that the schema has in several places are of one type, and there once.
    assert!(all.len() > 200, "{}", all.len());
    for place in &all {
        let made = place.with(place.key.name, &place.fitting());
        let (errors, _) = told(&made.text);
        assert!(
            errors.is_empty(),
            "{}: {errors:#?} of\n{}",
            place.path,
            made.text
        );
    }
}

#[test]
fn each_key_refuses_what_does_not_fit_and_says_where_and_what_would() {
    let (mut keys, mut values, mut wrong) = (0, 0, Vec::new());
    for place in places() {
        keys += 1;
        for (value, expected) in bad_values(&place.key.shape) {
            values += 1;
            let made = place.with(place.key.name, &value);
            let at = match value.as_str() {
                // Where there is nothing, the key is what can be pointed at.
                "null" => &made.key_at,
                _ => &made.value_at,
            };
            let (errors, _) = told(&made.text);
            let start = format!("{at}: {}", place.path);
            let fits = |error: &&String| match &expected {
                Some(expected) => **error == format!("{start}: {expected}"),
                None => error.starts_with(&start),
            };
            // Inside of a list its item is what is wrong.
            let inside = format!("{}[0]", place.path);
            let fits =
                |error: &&String| fits(error) || (expected.is_none() && error.contains(&inside));
            if errors.iter().find(fits).is_none() {
                wrong.push(format!("{start}: {value}: {expected:?}, not {errors:#?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(keys > 200 && values > 1_500, "{keys} keys, {values} values");
}

/// Two neighbours in the middle, swapped.
fn misspelt(name: &str) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    let at = (1..letters.len().saturating_sub(1)).find(|at| {
        let (one, other) = (letters[*at], letters[*at + 1]);
        one != other && one.is_alphanumeric() && other.is_alphanumeric()
    })?;
    letters.swap(at, at + 1);
    Some(letters.into_iter().collect())
}

#[test]
fn each_key_that_is_misspelt_is_named_with_the_right_one() {
    let mut keys = 0;
    for place in places() {
        let Some(name) = misspelt(place.key.name) else {
            continue;
        };
        keys += 1;
        let made = place.with(&name, &place.fitting());
        let (mut lines, warned) = told(&made.text);
        lines.extend(warned);
        let start = format!("{}: ", made.key_at);
        let right = format!("did you mean `{}`?", place.key.name);
        let named = |line: &&String| line.starts_with(&start) && line.contains(&right);
        assert!(lines.iter().find(named).is_some(), "{name}: {lines:#?}");
    }
    assert!(keys > 200, "{keys}");
}

#[test]
fn each_key_is_there_once() {
    for place in places() {
        let value = place.fitting();
        let twice = format!("{value}, \"{}\": {value}", place.key.name);
        let made = place.with(place.key.name, &twice);
        let (errors, _) = told(&made.text);
        let expected = format!("{}: the key is there twice", place.path);
        let found = errors.iter().any(|error| error.ends_with(&expected));
        assert!(found, "{expected}: {errors:#?}");
    }
}

#[test]
fn each_key_bears_what_is_far_too_much() {
    let long = format!("\"{}\"", "x".repeat(200_000));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let huge = "9".repeat(5_000);
    let control = "\"\\0\\e[31m\\r\\u202e\"";
    for place in places() {
        let made = place.with(place.key.name, &deep);
        let (errors, _) = told(&made.text);
        let found = errors
            .iter()
            .find(|error| error.contains("nested more than 64 levels deep"));
        let found = found.unwrap_or_else(|| panic!("{}: {errors:#?}", place.path));
        assert!(found.starts_with("telemetry.yaml:2:"), "{found}");
        for value in [&long, &huge, control] {
            let made = place.with(place.key.name, value);
            let (errors, warnings) = told(&made.text);
            let lines = errors.iter().chain(&warnings);
            for line in lines {
                let escaped = line.chars().all(|letter| !letter.is_control());
                assert!(escaped && !line.contains('\u{202e}'), "{line:?}");
            }
        }
    }
}

/// Of each mapping, all keys at once.
#[test]
fn all_that_is_wrong_is_told_at_once() {
    let mut types: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    let at_once = |place: &Place| !place.key.required && !is_choice(place.of);
    for place in places().into_iter().filter(at_once) {
        types.entry(place.of.name).or_default().push(place);
    }
    assert!(types.len() > 40, "{}", types.len());
    for (name, places) in types {
        let bad = |place: &Place| bad_values(&place.key.shape)[0].0.clone();
        let (first, others) = places.split_first().unwrap();
        let more = others
            .iter()
            .map(|place| format!(", \"{}\": {}", place.key.name, bad(place)));
        let made = first.with(first.key.name, &(bad(first) + &more.collect::<String>()));
        let (errors, _) = told(&made.text);
        for place in &places {
            let ends = [format!("{}: ", place.path), format!("{}[", place.path)];
            let is_of = |error: &String| ends.iter().any(|end| error.contains(end.as_str()));
            assert!(
                errors.iter().any(is_of),
                "{name}: {}: {errors:#?}",
                place.path
            );
        }
    }
}
