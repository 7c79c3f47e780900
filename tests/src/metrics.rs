//! Reading a page of metrics in the text format of Prometheus.

use std::collections::BTreeMap;

/// One line of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name of the series, with its suffix (`_count`, `_bucket`, …).
    pub name: String,
    /// The labels by name.
    pub labels: BTreeMap<String, String>,
    /// The value; not a number where the page says so.
    pub value: f64,
}

/// Reads all samples; comments and lines that are none are left out.
#[must_use]
pub fn read_samples(page: &str) -> Vec<Sample> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(read_sample)
        .collect()
}

fn read_sample(line: &str) -> Option<Sample> {
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// The text up to the closing quote, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let page = "# HELP x y\na_count{b=\"1\",c=\"q\\\"}, \\n\"} 3 # {trace_id=\"1\"} 0.1\nup 1.5\nbroken{\n";
        let samples = read_samples(page);
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0].name, "a_count");
        assert_eq!(samples[0].labels["c"], "q\"}, \n");
        assert!((samples[0].value - 3.0).abs() < f64::EPSILON);
        assert!((samples[1].value - 1.5).abs() < f64::EPSILON);
    }
}
