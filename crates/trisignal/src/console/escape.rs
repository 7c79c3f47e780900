//! Which characters must not reach a terminal or a log file as they are.

/// Whether `c` can end a line, control a terminal, or change the order in which text is shown: the control
/// characters C0, DEL and C1, the separators of lines and paragraphs, and the marks of bidirectional text.
pub(crate) fn is_unsafe(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Appends `text`, with each character for which `special` says so replaced by what `escape` appends for it.
pub(super) fn push_escaped(
    out: &mut String,
    text: &str,
    special: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char),
) {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| special(*c)) {
        out.push_str(&rest[..at]);
        escape(out, c);
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
}
