//! Names for Prometheus: what the OpenTelemetry specification makes of the names of instruments and attributes, and of
//! their units, and how names that Prometheus' old character set does not have are escaped.

use std::borrow::Cow;

/// How characters outside of `[a-zA-Z0-9_:]` are put; the scraper chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// Each run of them is one `_`: the default.
    Underscores,
    /// `.` is `_dot_`, `_` is `__`, anything else is `_`.
    Dots,
    /// `U__` in front, and each of them as its code point between underscores. It can be undone.
    Values,
    /// As they are, in quotes.
    Utf8,
}

/// What a family of metrics is, as far as its name depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// The suffix of counters.
pub(super) const TOTAL: &str = "_total";

/// The name of the samples of an instrument, with unit and `_total`, and the unit by itself, which may be empty.
pub(super) fn metric(name: &str, unit: &str, kind: Kind, escaping: Escaping) -> (String, String) {
    let unit = unit_words(unit, kind);
    let mut full = match escaping {
        Escaping::Underscores => underscored(name, true),
        Escaping::Dots | Escaping::Values | Escaping::Utf8 => name.to_owned(),
    };
    if kind == Kind::Counter && full.ends_with(TOTAL) && full.len() > TOTAL.len() {
        full.truncate(full.len() - TOTAL.len());
    }
    if !unit.is_empty() && !has_words(&full, &unit) {
        full.push('_');
        full.push_str(&unit);
    }
    if kind == Kind::Counter {
        full.push_str(TOTAL);
    }
    (escaped(&full, escaping, true), unit)
}

/// The name of the label of an attribute.
pub(super) fn label(key: &str, escaping: Escaping) -> Cow<'_, str> {
    let is_plain = is_legacy(key, false) && !key.contains("__");
    match escaping {
        Escaping::Underscores if is_plain => Cow::Borrowed(key),
        // Two underscores in front are Prometheus' own: `__name__` would be another name of the metric.
        Escaping::Utf8 | Escaping::Values if key.starts_with("__") || key.is_empty() => {
            label_without_prefix(key, escaping)
        }
        Escaping::Utf8 => Cow::Borrowed(key),
        Escaping::Values if is_legacy(key, false) => Cow::Borrowed(key),
        _ => Cow::Owned(escaped(key, escaping, false)),
    }
}

fn label_without_prefix(key: &str, escaping: Escaping) -> Cow<'static, str> {
    let key = format!("_{}", key.trim_start_matches('_'));
    Cow::Owned(escaped(&key, escaping, false))
}

/// Whether a name needs no quotes; a label's must not have colons.
pub(super) fn is_legacy(name: &str, colons: bool) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| is_legacy_byte(first, colons) && !first.is_ascii_digit())
        && bytes.all(|byte| is_legacy_byte(byte, colons))
}

fn is_legacy_byte(byte: u8, colons: bool) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b':' && colons)
}

fn is_legacy_char(character: char, colons: bool) -> bool {
    u8::try_from(character).is_ok_and(|byte| byte.is_ascii() && is_legacy_byte(byte, colons))
}

fn escaped(name: &str, escaping: Escaping, colons: bool) -> String {
    match escaping {
        Escaping::Underscores => underscored(name, colons),
        Escaping::Dots => dotted(name, colons),
        Escaping::Values => valued(name, colons),
        Escaping::Utf8 if name.is_empty() => "_".to_owned(),
        Escaping::Utf8 => name.to_owned(),
    }
}

/// With each run of underscores and of other characters as one underscore.
fn underscored(name: &str, colons: bool) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        out.push('_');
    }
    for character in name.chars() {
        if character != '_' && is_legacy_char(character, colons) {
            out.push(character);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

fn dotted(name: &str, colons: bool) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        out.push('_');
    }
    for character in name.chars() {
        match character {
            '_' => out.push_str("__"),
            '.' => out.push_str("_dot_"),
            character if is_legacy_char(character, colons) => out.push(character),
            _ => out.push('_'),
        }
    }
    out
}

fn valued(name: &str, colons: bool) -> String {
    use std::fmt::Write;
    if is_legacy(name, colons) {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len() + 8);
    out.push_str("U__");
    for (index, character) in name.chars().enumerate() {
        let is_leading_digit = index == 0 && character.is_ascii_digit();
        if character == '_' {
            out.push_str("__");
        } else if is_legacy_char(character, colons) && !is_leading_digit {
            out.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "_{:x}_", u32::from(character));
        }
    }
    out
}

/// Whether the words of `unit` are in `name`, one after the other.
fn has_words(name: &str, unit: &str) -> bool {
    let words = |text: &str| {
        let words = text.split(|character: char| !character.is_ascii_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (name, unit) = (words(name), words(unit));
    !unit.is_empty() && name.windows(unit.len()).any(|part| part == unit)
}

/// A unit of UCUM in the words of Prometheus: `ms` is `milliseconds`, `By/s` is `bytes_per_second`, `{order}` is none,
/// and `1` is `ratio` where a gauge has it.
fn unit_words(unit: &str, kind: Kind) -> String {
    let unit = without_annotations(unit);
    let (main, per) = match unit.split_once('/') {
        Some((main, per)) => (main.trim(), per.trim()),
        None => (unit.trim(), ""),
    };
    let main = match main {
        "1" if per.is_empty() && kind == Kind::Gauge => "ratio".to_owned(),
        "1" => String::new(),
        main => words_of(main, UNITS),
    };
    let per = words_of(per, PER_UNITS);
    match (main.is_empty(), per.is_empty()) {
        (_, true) => main,
        (true, false) => format!("per_{per}"),
        (false, false) => format!("{main}_per_{per}"),
    }
}

fn without_annotations(unit: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(unit.len());
    for character in unit.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(character),
            _ => {}
        }
    }
    out
}

fn words_of(unit: &str, table: &[(&str, &str)]) -> String {
    if let Some((_, words)) = table.iter().find(|(short, _)| *short == unit) {
        return (*words).to_owned();
    }
    let mut out = String::with_capacity(unit.len());
    for character in unit.chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("kBy", "kilobytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("bit", "bits"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

const PER_UNITS: &[(&str, &str)] = &[
    ("s", "second"),
    ("ms", "millisecond"),
    ("m", "minute"),
    ("min", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("wk", "week"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
    ("By", "byte"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_units_and_total_once() {
        use Kind::{Counter as C, Gauge as G, Histogram as H};
        let rows = [
            (
                "http.server.request.duration",
                "s",
                H,
                "http_server_request_duration_seconds",
                "seconds",
            ),
            ("orders.placed", "{order}", C, "orders_placed_total", ""),
            ("orders.total", "{order}", C, "orders_total", ""),
            ("request_count", "", C, "request_count_total", ""),
            ("sent.bytes_total", "By", C, "sent_bytes_total", "bytes"),
            ("sent_total", "By", C, "sent_bytes_total", "bytes"),
            ("_total", "", C, "_total_total", ""),
            (
                "request_latency_seconds",
                "s",
                H,
                "request_latency_seconds",
                "seconds",
            ),
            ("store.fill", "1", G, "store_fill_ratio", "ratio"),
            ("store.fill.ratio", "1", G, "store_fill_ratio", "ratio"),
            ("tries", "1", C, "tries_total", ""),
            (
                "disk.io",
                "By/s",
                G,
                "disk_io_bytes_per_second",
                "bytes_per_second",
            ),
            (
                "orders.rate",
                "{order}/min",
                G,
                "orders_rate_per_minute",
                "per_minute",
            ),
            ("price", "EUR", G, "price_EUR", "EUR"),
            ("odd", "a b//c{x}", G, "odd_a_b_per_c", "a_b_per_c"),
            ("a..b--c__d", "", G, "a_b_c_d", ""),
            ("7up", "", G, "_7up", ""),
            ("ünïcode.µ", "µs", G, "_n_code_s", "s"),
            ("", "", G, "_", ""),
        ];
        for (name, unit, kind, expected, words) in rows {
            let got = metric(name, unit, kind, Escaping::Underscores);
            assert_eq!(
                got,
                (expected.to_owned(), words.to_owned()),
                "{name} {unit}"
            );
        }
    }

    #[test]
    fn each_escaping_has_its_way() {
        let rows = [
            (Escaping::Underscores, "a_b_c_seconds_total"),
            (Escaping::Dots, "a_dot_b__c__seconds__total"),
            (Escaping::Values, "U__a_2e_b__c__seconds__total"),
            (Escaping::Utf8, "a.b_c_seconds_total"),
        ];
        for (escaping, expected) in rows {
            assert_eq!(metric("a.b_c", "s", Kind::Counter, escaping).0, expected);
        }
        assert_eq!(
            metric("plain", "", Kind::Gauge, Escaping::Values).0,
            "plain"
        );
        assert_eq!(metric("7", "", Kind::Gauge, Escaping::Values).0, "U___37_");
    }

    #[test]
    fn labels_are_never_prometheus_own() {
        let rows = [
            (Escaping::Underscores, "http.route", "http_route"),
            (Escaping::Underscores, "__name__", "_name_"),
            (Escaping::Underscores, "a:b", "a_b"),
            (Escaping::Underscores, "", "_"),
            (Escaping::Underscores, "1st", "_1st"),
            (Escaping::Utf8, "http.route", "http.route"),
            (Escaping::Utf8, "__name__", "_name__"),
            (Escaping::Utf8, "", "_"),
            (Escaping::Dots, "http.route", "http_dot_route"),
            (Escaping::Values, "http.route", "U__http_2e_route"),
            (Escaping::Values, "a:b", "U__a_3a_b"),
            (Escaping::Values, "__name__", "_name__"),
            (Escaping::Values, "a__b", "a__b"),
        ];
        for (escaping, key, expected) in rows {
            assert_eq!(label(key, escaping), expected, "{escaping:?} {key}");
        }
    }
}
