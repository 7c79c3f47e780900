//! Points in time as text, in UTC, without a calendar library.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

const SECONDS_PER_DAY: i64 = 86_400;

/// Appends RFC 3339 with nanoseconds, as in `2026-11-22T17:00:00.123456789Z`. Writing to a `String` cannot fail.
pub(super) fn push_rfc3339(out: &mut String, time: SystemTime) {
    let (seconds, nanos) = since_epoch(time);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let (hour, minute, second) = clock(seconds);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"
    );
}

/// Appends the time of day with milliseconds, as in `17:00:00.123Z`.
pub(super) fn push_time_of_day(out: &mut String, time: SystemTime) {
    let (seconds, nanos) = since_epoch(time);
    let (hour, minute, second) = clock(seconds);
    let millis = nanos / 1_000_000;
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
}

/// Seconds, below zero before 1970, and nanoseconds, which always count forwards.
fn since_epoch(time: SystemTime) -> (i64, u32) {
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (signed(after.as_secs()), after.subsec_nanos()),
        Err(error) => {
            let before = error.duration();
            match before.subsec_nanos() {
                0 => (-signed(before.as_secs()), 0),
                nanos => (-signed(before.as_secs()) - 1, 1_000_000_000 - nanos),
            }
        }
    }
}

fn clock(seconds: i64) -> (i64, i64, i64) {
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    (of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// The calendar repeats every 400 years, which are 146,097 days. Years are taken to begin in March, so that the leap
/// day is the last of its year and the months before it have fixed lengths: 153 days in every five of them.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    // 0000-03-01 is this many days before 1970-01-01.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(ERA);
    let of_era = shifted.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(seconds: i64, nanos: u32) -> String {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 {
            UNIX_EPOCH - whole
        } else {
            UNIX_EPOCH + whole
        };
        let mut out = String::new();
        push_rfc3339(&mut out, time + Duration::from_nanos(nanos.into()));
        out
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Computed with Python's datetime.
        let table = [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (-2_208_988_800, 0, "1900-01-01T00:00:00.000000000Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000000000Z"),
            (1_709_251_199, 500_000_000, "2024-02-29T23:59:59.500000000Z"),
            (1_795_366_800, 123_456_789, "2026-11-22T17:00:00.123456789Z"),
            (4_107_542_399, 0, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000000000Z"),
        ];
        for (seconds, nanos, expected) in table {
            assert_eq!(text(seconds, nanos), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let (mut year, mut month, mut day) = civil_from_days(-146_097);
        for days in -146_096..=146_097 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                4 | 6 | 9 | 11 => 30,
                2 if leap => 29,
                2 => 28,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
            assert_eq!(civil_from_days(days), (year, month, day));
        }
    }
}
