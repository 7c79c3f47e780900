//! One pass over a text that finds what looks like a secret.
//!
//! A table says at which bytes a secret can be recognised; the detector of such a byte looks around it, for a bounded
//! distance where it finds nothing. What is found is hidden and passed over, so the pass is linear.

use std::{borrow::Cow, ops::Range};

use super::{REDACTED, Redaction, keys::KeyWords, pairs, personal, tokens, urls};

/// What a detector is asked about.
pub(super) struct Scan<'a> {
    pub(super) text: &'a [u8],
    /// Where the byte is that the detector is for.
    pub(super) at: usize,
    /// Nothing before this is looked at: it is hidden already.
    pub(super) from: usize,
    pub(super) words: &'a KeyWords,
    pub(super) redaction: &'a Redaction,
}

/// What is to be hidden. It begins and ends beside an ASCII character, or where the text does.
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) instead: &'static str,
}

impl Found {
    pub(super) fn secret(range: Range<usize>) -> Self {
        let instead = REDACTED;
        Self { range, instead }
    }
}

/// Which detectors are for a byte, as bits.
pub(super) struct Triggers([u8; 256]);

type Detector = fn(&Scan<'_>) -> Option<Found>;

struct Kind {
    is_on: fn(&Redaction) -> bool,
    bytes: &'static [u8],
    detector: Detector,
}

/// The place of [`tokens::token`] among them.
const TOKENS: usize = 2;

/// At most eight, in the order in which they are asked: one bit each.
const KINDS: [Kind; 6] = [
    Kind {
        is_on: |redaction| redaction.urls,
        bytes: b":",
        detector: urls::userinfo,
    },
    Kind {
        is_on: |redaction| redaction.urls,
        bytes: b"=",
        detector: urls::query_value,
    },
    Kind {
        is_on: |redaction| redaction.tokens,
        bytes: tokens::TRIGGERS,
        detector: tokens::token,
    },
    Kind {
        is_on: |redaction| redaction.keys,
        bytes: b":=,",
        detector: pairs::value,
    },
    Kind {
        is_on: |redaction| redaction.card_numbers,
        bytes: b"0123456789",
        detector: personal::card_number,
    },
    Kind {
        is_on: |redaction| redaction.emails,
        bytes: b"@",
        detector: personal::email,
    },
];

impl Triggers {
    pub(super) fn new(redaction: &Redaction) -> Self {
        let mut table = [0; 256];
        for (index, kind) in KINDS.iter().enumerate() {
            if (kind.is_on)(redaction) {
                for byte in kind.bytes {
                    table[usize::from(*byte)] |= 1 << index;
                }
            }
        }
        Self(table)
    }

    /// Whether no detector has anything to look at in `bytes`, as in most texts.
    #[inline]
    pub(super) fn are_absent(&self, bytes: &[u8]) -> bool {
        let mut at = 0;
        // Eight at a time: the last of them together, whatever of them was seen before.
        while let Some(last) = bytes.len().checked_sub(8) {
            at = at.min(last);
            let eight = &bytes[at..at + 8];
            if eight
                .iter()
                .fold(0, |any, byte| any | self.0[usize::from(*byte)])
                != 0
            {
                break;
            }
            at += 8;
            if at >= bytes.len() {
                return true;
            }
        }
        self.next(bytes, at).is_none()
    }

    /// The first place from `from` on where a detector has something to look at, and which detectors, as bits.
    #[inline(never)]
    fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, u8)> {
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            let mut detectors = self.0[usize::from(*byte)];
            // Its bytes are in many texts, and what is around them is nearly never that of a token.
            if detectors & (1 << TOKENS) != 0 && !tokens::may_be_at(bytes, at) {
                detectors &= !(1 << TOKENS);
            }
            if detectors != 0 {
                return Some((at, detectors));
            }
            at += 1;
        }
        None
    }
}

/// `text` without what is found in it.
pub(super) fn redacted<'a>(
    text: &'a str,
    triggers: &Triggers,
    words: &KeyWords,
    redaction: &Redaction,
) -> Cow<'a, str> {
    let bytes = text.as_bytes();
    let mut clean = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some((next, detectors)) = triggers.next(bytes, at) {
        at = next;
        let scan = Scan {
            text: bytes,
            at,
            from,
            words,
            redaction,
        };
        let Some(found) = find(&scan, detectors) else {
            at += 1;
            continue;
        };
        clean.push_str(&text[from..found.range.start]);
        clean.push_str(found.instead);
        from = found.range.end;
        at = from;
    }
    if clean.is_empty() && from == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[from..]);
    Cow::Owned(clean)
}

fn find(scan: &Scan<'_>, detectors: u8) -> Option<Found> {
    let asked = KINDS
        .iter()
        .enumerate()
        .filter(|(index, _)| detectors & (1 << index) != 0);
    asked.map(|(_, kind)| kind.detector).find_map(|detector| {
        let found = detector(scan)?;
        // What is hidden already stays as it is.
        let is_new = &scan.text[found.range.clone()] != found.instead.as_bytes();
        (is_new && found.range.start >= scan.from && found.range.end > scan.at).then_some(found)
    })
}

/// Where the first byte is for which `holds` says so, or the end.
pub(super) fn position(text: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    text.iter()
        .position(|byte| holds(*byte))
        .unwrap_or(text.len())
}
