//! What is about people and their money: on request only, since much that is no secret looks like it.

use super::{
    keys::is_letter,
    scan::{Found, Scan, position},
};

/// Digits of a card number, with the spaces or dashes between its groups.
const LONGEST_CARD: usize = 19 + 6;

/// The parts of an address before and behind the `@` are not longer.
const LONGEST_NAME: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// A payment card number, at its first digit.
pub(super) fn card_number(scan: &Scan<'_>) -> Option<Found> {
    let before = scan.text[scan.from..scan.at].last();
    if before.is_some_and(|byte| is_letter(*byte) || matches!(byte, b'.' | b'_')) {
        return None;
    }
    let rest = &scan.text[scan.at..];
    let (mut digits, mut count, mut end) = ([0_u8; 19], 0, 0);
    for (index, byte) in rest.iter().take(LONGEST_CARD + 1).enumerate() {
        match byte {
            b'0'..=b'9' if count < digits.len() => {
                digits[count] = byte - b'0';
                count += 1;
                end = index + 1;
            }
            b' ' | b'-' if end == index => {}
            _ => break,
        }
    }
    let goes_on = rest
        .get(end)
        .is_some_and(|byte| is_letter(*byte) || *byte == b'_');
    let digits = &digits[..count];
    (!goes_on && is_issued(digits) && has_check_digit(digits))
        .then(|| Found::secret(scan.at..scan.at + end))
}

/// Whether a number begins as those of the issuers do, and is as long.
fn is_issued(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0, |sum, digit| sum * 10 + u32::from(*digit))
    };
    match (first(2), digits.len()) {
        // American Express.
        (34 | 37, length) => length == 15,
        // Diners Club.
        (30 | 36 | 38 | 39, length) => matches!(length, 14..=19),
        // Visa.
        (40..=49, length) => matches!(length, 13 | 16 | 19),
        // JCB; Mastercard, with its newer range; Maestro, UnionPay, Discover.
        (35 | 51..=55, length) => length == 16,
        (22..=27, length) => length == 16 && (2221..=2720).contains(&first(4)),
        (50 | 56..=69, length) => matches!(length, 13..=19),
        _ => false,
    }
}

/// Luhn's sum, of ISO/IEC 7812.
fn has_check_digit(digits: &[u8]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        });
    sum.map(u32::from).sum::<u32>() % 10 == 0
}

/// An e-mail address, at its `@`.
pub(super) fn email(scan: &Scan<'_>) -> Option<Found> {
    let before = &scan.text[scan.from..scan.at];
    let name = before.iter().rev().take(LONGEST_NAME);
    let name = name.take_while(|byte| is_letter(**byte) || b".!#$%&'*+-/=?^_`{|}~".contains(byte));
    // Much may be in a name, but it does not begin like this: `mailto=ann@…`, `'ann@…'`.
    let start = scan.at - name.count();
    let begins = |byte: u8| (is_letter(byte) && !is_inner(byte)) || byte == b'_';
    let marks = position(&scan.text[start..scan.at], begins);
    let name_start = scan.text[start + marks..scan.at]
        .iter()
        .rposition(|byte| matches!(byte, b'=' | b'\'' | b'`' | b'{' | b'|' | b'/' | b'&' | b'?'))
        .map_or(start + marks, |last| start + marks + last + 1);
    let behind = &scan.text[scan.at + 1..];
    let near = &behind[..behind.len().min(LONGEST_DOMAIN)];
    let mut domain = &near[..position(near, |byte| {
        !is_letter(byte) && !matches!(byte, b'.' | b'-')
    })];
    while let [rest @ .., b'.' | b'-'] = domain {
        domain = rest;
    }
    let dot = domain.iter().rposition(|byte| *byte == b'.')?;
    let is_address = name_start < scan.at && dot > 0 && domain.len() - dot > 2;
    (is_address && domain.len() < LONGEST_DOMAIN)
        .then(|| Found::secret(name_start..scan.at + 1 + domain.len()))
}

/// Whether `byte` is one of a character's other than the first.
fn is_inner(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf)
}
