//! Keeps secrets out of what is shown and sent: the one place that console, log records and spans ask.
//!
//! A value is hidden as a whole where its key says so (`password`, `http.request.header.authorization`), and what
//! looks like a secret is hidden inside of any text: pairs such as `password=…`, tokens, keys, passwords in URLs. What
//! is hidden reads `REDACTED`; redacting twice changes nothing.
//!
//! It never panics, its time is linear in the text, and a text with nothing to hide is neither copied nor changed.
//! It can't know every secret: `the password is hunter2` passes.

mod keys;
mod pairs;
mod personal;
mod scan;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;
mod urls;

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use self::{keys::KeyWords, scan::Triggers};
pub use settings::Redaction;

/// Stands for what is hidden, as the semantic conventions write it.
pub(crate) const REDACTED: &str = "REDACTED";

/// A rule of the user: key and value to what is shown instead, if anything.
pub(crate) type OwnRule = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// What hides secrets. Clones share it, and its count of panics.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Option<Arc<Rules>>);

struct Rules {
    redaction: Redaction,
    words: KeyWords,
    triggers: Triggers,
    own: Option<OwnRule>,
    panics: AtomicU64,
}

impl Redactor {
    /// The redactor for `redaction` and the rule of the user.
    pub(crate) fn new(redaction: Redaction, own: Option<OwnRule>) -> Self {
        if redaction.is_off() && own.is_none() {
            return Self::default();
        }
        Self(Some(Arc::new(Rules {
            words: KeyWords::new(&redaction),
            triggers: Triggers::new(&redaction),
            redaction,
            own,
            panics: AtomicU64::new(0),
        })))
    }

    /// Whether every value is shown as it is.
    pub(crate) fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// `value` of the attribute or field `key`, fit to be shown. Where all of it is hidden, it borrows a constant.
    pub(crate) fn value<'a>(&self, key: &str, value: &'a str) -> Cow<'a, str> {
        self.value_of(key, || self.hides(key), value)
    }

    /// The same for a key of which it is known whether it [`hides`](Self::hides) its value.
    #[inline]
    pub(crate) fn value_of<'a>(
        &self,
        key: &str,
        hides: impl FnOnce() -> bool,
        value: &'a str,
    ) -> Cow<'a, str> {
        let Some(rules) = self.0.as_deref() else {
            return Cow::Borrowed(value);
        };
        if let Some(own) = rules.own(key, value) {
            return own;
        }
        if hides() && !pairs::says_nothing(value) {
            return Cow::Borrowed(REDACTED);
        }
        rules.scan(value)
    }

    /// A message, the name of a span, the description of a status: a text without a key, fit to be shown. It is borrowed
    /// exactly when it is shown as it is.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.0.as_deref() {
            Some(rules) if !self.shows(text) => rules.text(text),
            _ => Cow::Borrowed(text),
        }
    }

    /// Whether `text` is shown as it is, whoever says it: so it is with most texts, and nothing has to be asked but this.
    /// Where it says no, the text may be shown as it is all the same.
    #[inline(never)]
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.0
            .as_deref()
            .is_none_or(|rules| rules.own.is_none() && rules.triggers.are_absent(text.as_bytes()))
    }

    /// Whether the value of `key` is hidden whatever it is: for numbers, which no other rule looks at.
    pub(crate) fn hides(&self, key: &str) -> bool {
        self.0.as_deref().is_some_and(|rules| rules.words.hide(key))
    }

    /// How often the rule of the user panicked.
    pub(crate) fn panics(&self) -> u64 {
        let panics = |rules: &Rules| rules.panics.load(Ordering::Relaxed);
        self.0.as_deref().map_or(0, panics)
    }
}

impl Rules {
    /// What the rule of the user answers.
    #[inline]
    fn own<'a>(&self, key: &str, value: &str) -> Option<Cow<'a, str>> {
        self.answer_of(self.own.as_ref()?, key, value)
    }

    /// Where the rule panics the value is hidden: it may be the one that it is for.
    fn answer_of<'a>(&self, own: &OwnRule, key: &str, value: &str) -> Option<Cow<'a, str>> {
        match catch_unwind(AssertUnwindSafe(|| own(key, value))) {
            Ok(answer) => answer.map(Cow::Owned),
            Err(_) => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                Some(Cow::Owned(REDACTED.to_owned()))
            }
        }
    }

    #[inline(never)]
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.own("", text).unwrap_or_else(|| self.scan(text))
    }

    fn scan<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.triggers.are_absent(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        scan::redacted(text, &self.triggers, &self.words, &self.redaction)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rules) = &self.0 else {
            return f.write_str("Redactor(off)");
        };
        f.debug_struct("Redactor")
            .field("redaction", &rules.redaction)
            .field("own_rule", &rules.own.is_some())
            .finish_non_exhaustive()
    }
}
