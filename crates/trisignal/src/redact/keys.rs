//! Which keys say that their value is a secret.

use super::Redaction;

/// Keys are compared without case and separators, by their end. So `password` stands for `db.password`, `DB_PASSWORD`
/// and `userPassword`, and `apikey` for `x-api-key` and `api.key`.
const WORDS: [&str; 28] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    // Not "tokens": they are counted more often than they are shown.
    "token",
    "jwt",
    "authorization",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "sharedkey",
    "accountkey",
    "masterkey",
    "sessionkey",
    "connectionstring",
    "xcsrf",
    "xxsrf",
];

/// What may stand behind such a word without changing what it says.
const NEUTRAL: [&str; 10] = [
    "value", "header", "hash", "raw", "string", "str", "text", "plain", "old", "new",
];

/// Words are compared up to this length, from their end.
const COMPARED: usize = 32;

/// How far back a key is read: a word, a neutral word and digits, with separators.
const READ: usize = 96;

/// The words of keys whose values are hidden.
#[derive(Debug)]
pub(super) struct KeyWords {
    /// Backwards, in lower case, without separators; each at least one byte.
    words: Vec<Box<[u8]>>,
    neutral: Vec<Box<[u8]>>,
    /// By what the last letter of such a word is, what may stand before it: nearly every key is let pass by this alone.
    endings: [u32; 32],
}

impl KeyWords {
    pub(super) fn new(redaction: &Redaction) -> Self {
        let more = redaction.more_keys.iter().map(String::as_str);
        let words = WORDS.into_iter().chain(more).map(backwards);
        let words: Vec<_> = words
            .filter(|word| redaction.keys && !word.is_empty())
            .collect();
        let neutral: Vec<_> = NEUTRAL.into_iter().map(backwards).collect();
        let mut endings = [0; 32];
        for word in words.iter().chain(&neutral) {
            let before = word.get(1).map_or(u32::MAX, |before| 1 << class(*before));
            endings[class(word[0])] |= before;
        }
        Self {
            words,
            neutral,
            endings,
        }
    }

    /// Whether the value of `key` is hidden.
    pub(super) fn hide(&self, key: &str) -> bool {
        self.hide_at_end_of(key.as_bytes())
    }

    /// The same for a key that `text` ends in.
    pub(super) fn hide_at_end_of(&self, text: &[u8]) -> bool {
        if self.words.is_empty() || !self.may_end(text) {
            return false;
        }
        let mut buffer = [0; COMPARED + 16];
        let mut length = 0;
        for byte in normalized(text).take(buffer.len()) {
            buffer[length] = byte;
            length += 1;
        }
        let mut key = &buffer[..length];
        // `password2` and `token_1` are what `password` and `token` are.
        while let [b'0'..=b'9', rest @ ..] = key {
            key = rest;
        }
        let ends_in = |key: &[u8], words: &[Box<[u8]>]| {
            let mut words = words.iter();
            words
                .find(|word| key.first() == word.first() && key.starts_with(word))
                .map(|word| word.len())
        };
        ends_in(key, &self.words).is_some()
            || ends_in(key, &self.neutral)
                .is_some_and(|neutral| ends_in(&key[neutral..], &self.words).is_some())
    }

    /// Whether the last two letters of `text`, digits behind them left out, are those of any word.
    fn may_end(&self, text: &[u8]) -> bool {
        let near = text.iter().rev().take(READ);
        let mut letters = near
            .skip_while(|byte| is_separator(**byte) || byte.is_ascii_digit())
            .filter(|byte| !is_separator(**byte));
        let Some(last) = letters.next() else {
            return false;
        };
        let before = self.endings[class(*last)];
        // Without a second one it could be a word of one letter.
        letters
            .next()
            .map_or(before != 0, |letter| before >> class(*letter) & 1 == 1)
    }
}

/// The same for both cases of a letter. What is no letter shares the class of one, so that it may look like one.
fn class(byte: u8) -> usize {
    usize::from(byte & 31)
}

fn backwards(word: &str) -> Box<[u8]> {
    normalized(word.as_bytes()).take(COMPARED).collect()
}

/// The key at the end of `text` from its last letter on, without separators.
fn normalized(text: &[u8]) -> impl Iterator<Item = u8> {
    let near = text.iter().rev().take(READ);
    near.take_while(|byte| is_letter(**byte) || is_separator(**byte))
        .filter(|byte| is_letter(**byte))
        .map(u8::to_ascii_lowercase)
}

/// Letters and digits of any script.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ')
}
