//! What is hidden, as code and operators say it.

use std::fmt;

/// The query parameters that hold a signature or a credential by the semantic conventions; their case counts.
const QUERY_PARAMETERS: [&str; 5] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "sig",
    "X-Goog-Signature",
];

/// Which secrets are hidden in console lines, log records and spans. By default [`keys`](Self::keys),
/// [`tokens`](Self::tokens) and [`urls`](Self::urls) are.
///
/// ```
/// use trisignal::Redaction;
///
/// let redaction = Redaction {
///     emails: true,
///     more_keys: vec!["iban".into()],
///     ..Redaction::default()
/// };
/// # let _ = trisignal::builder("checkout").redaction(redaction);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Values of keys that end in a word such as `password`, `secret`, `token`, `authorization`, `cookie` or `api_key`,
    /// whatever the case and the separators, and pairs like `password=…` inside of texts.
    pub keys: bool,
    /// Bearer and basic credentials, JSON web tokens, keys of AWS, GitHub, Slack, Google and Stripe, and private keys in
    /// PEM, wherever they are in a text.
    pub tokens: bool,
    /// User and password in URLs, and the values of [`query_parameters`](Self::query_parameters).
    pub urls: bool,
    /// Payment card numbers: 13 to 19 digits that begin as an issuer's do and have the right check digit. Off by default.
    pub card_numbers: bool,
    /// E-mail addresses. Off by default.
    pub emails: bool,
    /// Words for [`keys`](Self::keys), besides the built-in ones. Default none.
    pub more_keys: Vec<String>,
    /// The query parameters whose values [`urls`](Self::urls) hides; the case counts. By default the five of the semantic
    /// conventions: `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`, `sig` and `X-Goog-Signature`.
    pub query_parameters: Vec<String>,
}

impl Redaction {
    /// Nothing is hidden.
    #[must_use]
    pub fn off() -> Self {
        Self {
            keys: false,
            tokens: false,
            urls: false,
            ..Self::default()
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        KINDS.iter().all(|(_, kind)| !*kind(&mut self.clone()))
    }

    /// Reads `on`, `off` and names of kinds: `on` stands for the default ones. The first that is unknown is the error.
    pub(crate) fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut chosen = Self::off();
        for name in names {
            let kind = |(known, _): &&(&str, Kind)| known.eq_ignore_ascii_case(name);
            if name.eq_ignore_ascii_case("on") {
                (chosen.keys, chosen.tokens, chosen.urls) = (true, true, true);
            } else if let Some((_, kind)) = KINDS.iter().find(kind) {
                *kind(&mut chosen) = true;
            } else if !name.eq_ignore_ascii_case("off") {
                return Err(name);
            }
        }
        Ok(chosen)
    }
}

impl Default for Redaction {
    fn default() -> Self {
        Self {
            keys: true,
            tokens: true,
            urls: true,
            card_numbers: false,
            emails: false,
            more_keys: Vec::new(),
            query_parameters: QUERY_PARAMETERS.map(str::to_owned).into(),
        }
    }
}

/// The kinds that are hidden, as `OTEL_RUST_REDACTION` names them.
impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = self.clone();
        let chosen = KINDS.iter().filter(|(_, kind)| *kind(&mut this));
        let names: Vec<_> = chosen.map(|(name, _)| *name).collect();
        f.write_str(if names.is_empty() { "off" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

type Kind = fn(&mut Redaction) -> &mut bool;

const KINDS: [(&str, Kind); 5] = [
    ("keys", |redaction| &mut redaction.keys),
    ("tokens", |redaction| &mut redaction.tokens),
    ("urls", |redaction| &mut redaction.urls),
    ("card_numbers", |redaction| &mut redaction.card_numbers),
    ("emails", |redaction| &mut redaction.emails),
];
