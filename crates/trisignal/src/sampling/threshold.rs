//! Consistent probability sampling: a trace is kept when 56 random bits of it are not below a threshold.
//!
//! The random bits are the explicit ones of the caller (`ot=rv:` in the trace state), else the last 7 bytes of the
//! trace ID. The threshold goes along as `ot=th:`, so that a backend knows for how many traces one stands. Every
//! participant that follows this rule keeps the same traces.

use std::fmt::Write as _;

use opentelemetry::trace::{TraceId, TraceState};

/// The member of the trace state that belongs to OpenTelemetry.
const KEY: &str = "ot";
/// The longest value that a member may have, in bytes.
const LONGEST_VALUE: usize = 256;
/// Hexadecimal digits in 56 bits.
const DIGITS: usize = 14;
const BITS: u32 = 56;
/// One more than the highest random value.
const RANGE: u64 = 1 << BITS;
/// Significant digits of a threshold, as the specification recommends: more only make headers longer.
const PRECISION: u32 = 4;

/// How many of 2^56 traces are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold(u64);

impl Threshold {
    /// Nothing is dropped.
    pub(crate) const ALL: Self = Self(0);

    /// The threshold that keeps a share of `ratio`; `None` when that is nothing at all.
    pub(crate) fn of_ratio(ratio: f64) -> Option<Self> {
        if ratio.is_nan() || ratio <= 0.0 {
            return None;
        }
        // Exact: a power of two only moves the exponent. What is smaller than the smallest share becomes it.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the product is between 0 and 2^56"
        )]
        let kept = ((ratio.min(1.0) * RANGE as f64).round() as u64).clamp(1, RANGE);
        let bits = u64::BITS - kept.leading_zeros();
        // Leading digits `f` say nothing: the significant ones come after them.
        let leading = BITS.saturating_sub(bits) / 4;
        let digits = (PRECISION + leading).min(14);
        let unit = 1_u64 << (4 * (14 - digits));
        let exact = RANGE - kept;
        let rounded = (exact + unit / 2) / unit * unit;
        Some(Self(if rounded < RANGE { rounded } else { exact }))
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether a trace is kept.
    pub(crate) fn keeps(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// The share that is kept.
    #[cfg(test)]
    pub(crate) fn ratio(self) -> f64 {
        (RANGE - self.0) as f64 / RANGE as f64
    }

    /// What follows `th:`, 1 to 14 digits without zeros at the end.
    fn write(self, out: &mut String) {
        let from = out.len();
        // A write to a string can't fail.
        let _ = write!(out, "{:014x}", self.0);
        let kept = out[from..].trim_end_matches('0').len().max(1);
        out.truncate(from + kept);
    }

    fn parse(text: &str) -> Option<Self> {
        let shift = 4 * DIGITS.checked_sub(text.len())?;
        Some(Self(hex(text)? << shift))
    }
}

/// The random bits that decide about a trace.
pub(crate) fn randomness(trace_id: TraceId, state: &TraceState) -> u64 {
    let explicit = sub_key(state, "rv").filter(|text| text.len() == DIGITS);
    explicit.and_then(hex).unwrap_or_else(|| {
        let [.., a, b, c, d, e, f, g] = trace_id.to_bytes();
        u64::from_be_bytes([0, a, b, c, d, e, f, g])
    })
}

/// The threshold that came with a trace.
pub(crate) fn threshold(state: &TraceState) -> Option<Threshold> {
    sub_key(state, "th").and_then(Threshold::parse)
}

/// `state` with `threshold` in place of the one that is in it. What else is in it stays, the random bits above all.
pub(crate) fn with_threshold(state: &TraceState, threshold: Option<Threshold>) -> TraceState {
    let old = member(state);
    if threshold.is_none() && !old.is_some_and(|old| sub_keys(old).any(|(key, _)| key == "th")) {
        return state.clone();
    }
    let mut value = String::with_capacity(DIGITS + 3);
    for member in old.unwrap_or_default().split(';') {
        if !member.is_empty() && !member.starts_with("th:") {
            append(&mut value, member);
        }
    }
    let others = value.len();
    if let Some(threshold) = threshold {
        append(&mut value, "th:");
        threshold.write(&mut value);
        if value.len() > LONGEST_VALUE {
            // There is no room for it, and a wrong threshold must not stay.
            value.truncate(others);
        }
    }
    let changed = if value.is_empty() {
        state.delete(KEY)
    } else {
        state.insert(KEY, value)
    };
    // The key is valid and the value made of what was valid before.
    changed.unwrap_or_else(|_| state.clone())
}

fn append(value: &mut String, member: &str) {
    if !value.is_empty() {
        value.push(';');
    }
    value.push_str(member);
}

/// The member of the list that OpenTelemetry writes. Nearly all lists are empty.
fn member(state: &TraceState) -> Option<&str> {
    if *state == TraceState::NONE {
        return None;
    }
    state.get(KEY)
}

fn sub_key<'a>(state: &'a TraceState, key: &str) -> Option<&'a str> {
    let (_, value) = sub_keys(member(state)?).find(|(found, _)| *found == key)?;
    Some(value)
}

fn sub_keys(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(';').filter_map(|member| member.split_once(':'))
}

/// A number of lower-case digits only, as the specification has it.
fn hex(text: &str) -> Option<u64> {
    let valid = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.is_empty() || text.len() > DIGITS || !text.bytes().all(valid) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::str::FromStr;

    use super::*;

    fn digits(ratio: f64) -> String {
        let mut text = String::new();
        Threshold::of_ratio(ratio).unwrap().write(&mut text);
        text
    }

    /// The table of the specification, at its recommended precision.
    #[test]
    fn thresholds_are_those_of_the_specification() {
        let table = [
            (1.0, "0"),
            (2.0, "8"),
            (3.0, "aaab"),
            (4.0, "c"),
            (5.0, "cccd"),
            (8.0, "e"),
            (10.0, "e666"),
            (16.0, "f"),
            (100.0, "fd70a"),
            (1000.0, "ffbe77"),
            (10_000.0, "fff9724"),
            (100_000.0, "ffff583a"),
            (1_000_000.0, "ffffef39"),
        ];
        for (one_in, expected) in table {
            assert_eq!(digits(1.0 / one_in), expected, "1 in {one_in}");
        }
    }

    #[test]
    fn the_edges_of_ratios() {
        assert_eq!(Threshold::of_ratio(0.0), None);
        assert_eq!(Threshold::of_ratio(-1.0), None);
        assert_eq!(Threshold::of_ratio(f64::NAN), None);
        assert_eq!(Threshold::of_ratio(7.0), Some(Threshold::ALL));
        // The smallest share keeps one of 2^56.
        for tiny in [2_f64.powi(-56), 1e-300] {
            let threshold = Threshold::of_ratio(tiny).unwrap();
            assert!(threshold.keeps(RANGE - 1) && !threshold.keeps(RANGE - 2));
        }
        // Near 1, four digits are too few to tell it from everything.
        assert_eq!(Threshold::of_ratio(0.999_999_9), Some(Threshold::ALL));
        for ratio in [0.9, 0.5, 0.123_456_7, 0.01, 0.000_1, 1e-9, 1e-12] {
            let kept = Threshold::of_ratio(ratio).unwrap().ratio();
            assert!((kept / ratio - 1.0).abs() < 1e-3, "{ratio} became {kept}");
        }
    }

    #[test]
    fn randomness_is_of_the_caller_or_of_the_trace_id() {
        let id = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        let cases = [
            ("", 0x00ce_929d_0e0e_4736),
            ("ot=rv:6e6d1a75832a2f", 0x006e_6d1a_7583_2a2f),
            ("other=1,ot=th:c;rv:6e6d1a75832a2f", 0x006e_6d1a_7583_2a2f),
            // Too short, too long, upper case: none at all.
            ("ot=rv:6e6d1a75832a2", 0x00ce_929d_0e0e_4736),
            ("ot=rv:6e6d1a75832a2ff", 0x00ce_929d_0e0e_4736),
            ("ot=rv:6E6D1A75832A2F", 0x00ce_929d_0e0e_4736),
        ];
        for (state, expected) in cases {
            let state = TraceState::from_str(state).unwrap();
            assert_eq!(randomness(id, &state), expected, "{}", state.header());
        }
    }

    #[test]
    fn a_threshold_is_put_in_and_taken_out_and_nothing_else_changes() {
        let quarter = Threshold::of_ratio(0.25);
        let full = format!("ot=rv:6e6d1a75832a2f;x:{}", "y".repeat(236));
        let cases = [
            ("", quarter, "ot=th:c"),
            ("", None, ""),
            ("a=1,b=2", quarter, "ot=th:c,a=1,b=2"),
            ("a=1,b=2", None, "a=1,b=2"),
            ("a=1,ot=th:8", quarter, "ot=th:c,a=1"),
            ("a=1,ot=th:8", None, "a=1"),
            ("a=1,ot=th:8;p:2", None, "ot=p:2,a=1"),
            ("ot=rv:6e6d1a75832a2f", quarter, "ot=rv:6e6d1a75832a2f;th:c"),
            ("ot=rv:6e6d1a75832a2f;th:8", None, "ot=rv:6e6d1a75832a2f"),
            ("ot=th:rubbish", None, ""),
            // No room: the threshold stays out, the rest stays in.
            (&full, quarter, &full),
        ];
        for (before, threshold, after) in cases {
            let state = TraceState::from_str(before).unwrap();
            assert_eq!(
                with_threshold(&state, threshold).header(),
                after,
                "{before}"
            );
        }
        assert_eq!(
            threshold(&TraceState::from_str("ot=th:c").unwrap()),
            quarter
        );
        for bad in [
            "ot=th:",
            "ot=th:C",
            "ot=th:123456789012345",
            "ot=p:1",
            "th=c",
        ] {
            assert_eq!(
                threshold(&TraceState::from_str(bad).unwrap()),
                None,
                "{bad}"
            );
        }
    }
}
