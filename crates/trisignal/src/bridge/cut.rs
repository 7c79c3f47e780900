//! The bounds of single texts: nobody limits them by default, and one of ten megabytes must not cost its neighbours.

use std::borrow::Cow;
use std::fmt;

/// The longest value of an attribute or a message, in bytes.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// The longest description of a status, in bytes.
pub(crate) const MAX_DESCRIPTION: usize = 16 * 1024;
/// The longest name of a span or an event, in bytes.
pub(crate) const MAX_NAME: usize = 4 * 1024;

/// `text` itself, or what of it fits into `limit` bytes and how much there was.
#[inline]
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    Cow::Owned(cut_long(text, limit))
}

fn cut_long(text: &str, limit: usize) -> String {
    let mark = mark(text.len());
    let kept = text.floor_char_boundary_before(limit.saturating_sub(mark.len()));
    format!("{}{mark}", &text[..kept])
}

fn mark(length: usize) -> String {
    format!("… [cut, {length} bytes]")
}

trait FloorCharBoundary {
    fn floor_char_boundary_before(&self, index: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_before(&self, index: usize) -> usize {
        (0..=index.min(self.len()))
            .rev()
            .find(|index| self.is_char_boundary(*index))
            .unwrap_or(0)
    }
}

/// Takes what is written to it up to [`MAX_TEXT`] bytes, and counts the rest.
pub(crate) struct Bounded<'a> {
    out: &'a mut String,
    start: usize,
    written: usize,
}

impl<'a> Bounded<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        let start = out.len();
        Self {
            out,
            start,
            written: 0,
        }
    }

    /// What was written so far, as far as it is kept.
    pub(crate) fn text(&self) -> &str {
        &self.out[self.start..]
    }

    /// Says at the end of the text how much there was, if that was too much.
    #[inline]
    pub(crate) fn finish(self) {
        if self.written > MAX_TEXT {
            self.mark();
        }
    }

    #[cold]
    fn mark(self) {
        let mark = mark(self.written);
        let kept = &self.out[self.start..];
        let length = kept.floor_char_boundary_before(MAX_TEXT - mark.len());
        self.out.truncate(self.start + length);
        self.out.push_str(&mark);
    }

    /// Takes what still fits of a text that is too long together with those before.
    #[cold]
    fn write_rest(&mut self, text: &str) {
        let room = (self.start + MAX_TEXT).saturating_sub(self.out.len());
        let end = text.floor_char_boundary_before(room);
        self.out.push_str(&text[..end]);
    }
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written += text.len();
        if self.written <= MAX_TEXT {
            self.out.push_str(text);
        } else {
            self.write_rest(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(cut("short", 5), "short");
        let long = "é".repeat(MAX_TEXT);
        for limit in [MAX_NAME, MAX_NAME + 1, MAX_TEXT] {
            let cut = cut(&long, limit);
            assert!(cut.len() <= limit && cut.len() + 4 > limit, "{}", cut.len());
            assert!(cut.ends_with("é… [cut, 131072 bytes]"));
        }
    }

    #[test]
    fn what_is_written_is_bounded_and_counted() {
        let mut out = "before".to_owned();
        let mut bounded = Bounded::new(&mut out);
        for _ in 0..1_000 {
            bounded.write_str(&"ä".repeat(500)).unwrap();
        }
        bounded.finish();
        assert!(out.starts_with("beforeä") && out.ends_with("ä… [cut, 1000000 bytes]"));
        assert!(out.len() <= "before".len() + MAX_TEXT);
        let mut out = String::new();
        let mut bounded = Bounded::new(&mut out);
        bounded.write_str("all").unwrap();
        bounded.finish();
        assert_eq!(out, "all");
    }
}
