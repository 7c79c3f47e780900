//! Content negotiation: which format and which escaping of names a scraper asks for.

use super::names::Escaping;

/// A member of the header beyond these is not looked at.
const MOST_MEMBERS: usize = 64;

/// The syntax of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `text/plain; version=0.0.4`
    Text,
    /// `text/plain; version=1.0.0`: the same with names in quotes.
    QuotedText,
    /// `application/openmetrics-text; version=0.0.1`
    EarlyOpenMetrics,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

/// What an exposition looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) syntax: Syntax,
    pub(super) escaping: Escaping,
}

impl Format {
    /// What a scraper gets that asks for nothing, or only for what is not had here.
    pub(super) const DEFAULT: Self = Self {
        syntax: Syntax::Text,
        escaping: Escaping::Underscores,
    };

    pub(super) fn is_open_metrics(self) -> bool {
        matches!(self.syntax, Syntax::OpenMetrics | Syntax::EarlyOpenMetrics)
    }

    pub(super) fn content_type(self) -> &'static str {
        use {Escaping as E, Syntax as S};
        match (self.syntax, self.escaping) {
            (S::Text, E::Dots) => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
            (S::Text, E::Values) => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
            (S::Text, E::Underscores | E::Utf8) => {
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
            }
            (S::QuotedText, E::Underscores) => {
                "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (S::QuotedText, E::Dots) => "text/plain; version=1.0.0; charset=utf-8; escaping=dots",
            (S::QuotedText, E::Values) => {
                "text/plain; version=1.0.0; charset=utf-8; escaping=values"
            }
            (S::QuotedText, E::Utf8) => {
                "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (S::EarlyOpenMetrics, _) => {
                "application/openmetrics-text; version=0.0.1; charset=utf-8"
            }
            (S::OpenMetrics, E::Underscores) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (S::OpenMetrics, E::Dots) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots"
            }
            (S::OpenMetrics, E::Values) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"
            }
            (S::OpenMetrics, E::Utf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
        }
    }
}

/// The format of the highest weight among those that are had here, the first of equals.
pub(super) fn negotiate<'a>(accept: impl IntoIterator<Item = &'a str>) -> Format {
    let members = accept.into_iter().flat_map(|header| header.split(','));
    let mut best: Option<(f32, Format)> = None;
    for (weight, format) in members.take(MOST_MEMBERS).filter_map(member) {
        if weight > 0.0 && best.is_none_or(|(highest, _)| weight > highest) {
            best = Some((weight, format));
        }
    }
    best.map_or(Format::DEFAULT, |(_, format)| format)
}

/// One member of an `Accept` header: its weight and the format that it stands for; `None` when there is none here.
fn member(text: &str) -> Option<(f32, Format)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next()?.to_ascii_lowercase();
    let (mut version, mut escaping, mut weight) = (None, None, 1.0);
    for part in parts {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => weight = quality(value)?,
            "version" => version = Some(value),
            "escaping" => escaping = Some(value),
            _ => {}
        }
    }
    let syntax = match (range.as_str(), version) {
        ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => Syntax::Text,
        ("text/plain", Some("1.0.0")) => Syntax::QuotedText,
        ("application/openmetrics-text", None | Some("1.0.0")) => Syntax::OpenMetrics,
        ("application/openmetrics-text", Some("0.0.1")) => Syntax::EarlyOpenMetrics,
        _ => return None,
    };
    let escaping = match (syntax, escaping) {
        // These know of no names that need quotes.
        (Syntax::EarlyOpenMetrics, _) | (Syntax::Text, Some("allow-utf-8")) => {
            Escaping::Underscores
        }
        (_, Some("allow-utf-8")) => Escaping::Utf8,
        (_, Some("dots")) => Escaping::Dots,
        (_, Some("values")) => Escaping::Values,
        _ => Escaping::Underscores,
    };
    Some((weight, Format { syntax, escaping }))
}

fn quality(text: &str) -> Option<f32> {
    let weight: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_weight_that_is_had_here_wins() {
        use {Escaping as E, Syntax as S};
        let rows: &[(&[&str], S, E)] = &[
            (&[], S::Text, E::Underscores),
            (&[""], S::Text, E::Underscores),
            (&["*/*"], S::Text, E::Underscores),
            (&["text/html,application/json"], S::Text, E::Underscores),
            (
                &["application/openmetrics-text"],
                S::OpenMetrics,
                E::Underscores,
            ),
            (
                &[
                    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3",
                ],
                S::OpenMetrics,
                E::Utf8,
            ),
            (
                &[
                    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=1.0.0;escaping=dots;q=0.4,*/*;q=0.2",
                ],
                S::QuotedText,
                E::Dots,
            ),
            // Weights, not the order, decide; the first of equals.
            (
                &["text/plain;q=0.2", "application/openmetrics-text;q=0.9"],
                S::OpenMetrics,
                E::Underscores,
            ),
            (
                &["text/plain;q=0.5,application/openmetrics-text;q=0.5"],
                S::Text,
                E::Underscores,
            ),
            // Excluded, broken or unknown: as if it were not there.
            (
                &["application/openmetrics-text;q=0"],
                S::Text,
                E::Underscores,
            ),
            (
                &["application/openmetrics-text;q=2"],
                S::Text,
                E::Underscores,
            ),
            (
                &["application/openmetrics-text;q=NaN"],
                S::Text,
                E::Underscores,
            ),
            (
                &["application/openmetrics-text;version"],
                S::Text,
                E::Underscores,
            ),
            (
                &["application/openmetrics-text;version=2.0.0"],
                S::Text,
                E::Underscores,
            ),
            (
                &["application/openmetrics-text; version=0.0.1"],
                S::EarlyOpenMetrics,
                E::Underscores,
            ),
            (
                &["APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"; Escaping=values"],
                S::OpenMetrics,
                E::Values,
            ),
            (
                &["text/plain;version=0.0.4;escaping=allow-utf-8"],
                S::Text,
                E::Underscores,
            ),
            (
                &["text/plain;version=0.0.4;escaping=values"],
                S::Text,
                E::Values,
            ),
            (
                &["text/plain;version=1.0.0;escaping=sideways"],
                S::QuotedText,
                E::Underscores,
            ),
        ];
        for (accept, syntax, escaping) in rows {
            let expected = Format {
                syntax: *syntax,
                escaping: *escaping,
            };
            assert_eq!(negotiate(accept.iter().copied()), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_hostile_header_is_read_only_so_far() {
        let mut header = "a/b,".repeat(MOST_MEMBERS);
        header.push_str("application/openmetrics-text");
        assert_eq!(negotiate([header.as_str()]), Format::DEFAULT);
    }
}
