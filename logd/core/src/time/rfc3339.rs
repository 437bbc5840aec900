//! The stamps of RFC 5424 §6.2.3, which are those of RFC 3339: `2026-01-02T03:04:05.678+01:00`.
//!
//! Read more leniently than written there, as rsyslog does: fields of one digit, a dot without digits after it, a day 31 in
//! every month, the second 60 at any time. Days and seconds past the end of their month or minute count on into the next
//! one. The offset's colon can be missing (`+0100`, as strftime's `%z` writes it); the offset itself can't, because nothing
//! says that the sender would have meant its local time.

use super::digits::Reader;
use super::{DAY_S, Timestamp, days_from_civil};

/// How long `2026-01-02T03:04:05` is.
const USUAL_BYTES: usize = 19;

/// Reads a stamp at the beginning of `bytes`, which has to be followed by a space or the end. Returns it and its length,
/// that space not included.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<(Timestamp, usize)> {
    let mut reader = Reader::new(bytes);
    let local_s = match usual(bytes) {
        Some(local_s) => {
            reader.skip(USUAL_BYTES);
            local_s
        }
        None => date_and_time(&mut reader)?,
    };
    let (nanos, fraction_digits) = reader.fraction();
    let (offset_s, zulu) = offset(&mut reader)?;
    if !reader.at_end_of_word() {
        return None;
    }
    let stamp = Timestamp {
        unix_s: local_s - i64::from(offset_s),
        nanos,
        fraction_digits,
        offset_s,
        zulu,
    };
    Some((stamp, reader.consumed()))
}

/// Date and time, counted as though they were UTC, where their fields have the usual lengths: then each is where it always is.
fn usual(bytes: &[u8]) -> Option<i64> {
    let written: &[u8; USUAL_BYTES] = bytes.first_chunk()?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T', _, _, b':', _, _, b':', _, _] = written else {
        return None;
    };
    let two = |at: usize| {
        let (tens, ones) = (written[at].wrapping_sub(b'0'), written[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| 10 * tens + ones)
    };
    let year = 100 * i32::from(two(0)?) + i32::from(two(2)?);
    let (month, day, hour, minute, second) = (two(5)?, two(8)?, two(11)?, two(14)?, two(17)?);
    let is_in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    is_in_range.then(|| local_s(year, month, day, hour, minute, second))
}

/// The same with fields of one digit among them.
fn date_and_time(reader: &mut Reader<'_>) -> Option<i64> {
    if !reader.rest().get(..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let year = reader.number(4)?;
    reader.eat(b'-')?;
    let month = reader.number_in(1, 12)?;
    reader.eat(b'-')?;
    let day = reader.number_in(1, 31)?;
    reader.eat(b'T').or_else(|| reader.eat(b't'))?;
    let hour = reader.number_in(0, 23)?;
    reader.eat(b':')?;
    let minute = reader.number_in(0, 59)?;
    reader.eat(b':')?;
    let second = reader.number_in(0, 60)?;
    Some(local_s(year as i32, month, day, hour, minute, second))
}

fn local_s(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> i64 {
    days_from_civil(year, month, day) * DAY_S + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
}

/// Reads `Z`, `+01:00` or `+0100`: seconds ahead of UTC, and whether it was `Z`.
fn offset(reader: &mut Reader<'_>) -> Option<(i32, bool)> {
    let sign = match reader.peek()? {
        b'Z' | b'z' => {
            reader.skip(1);
            return Some((0, true));
        }
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    reader.skip(1);
    let hour = reader.number_in(0, 23)?;
    // Without the colon the minutes follow at once; `number_in` has read two digits and no more.
    let _ = reader.eat(b':');
    let minute = reader.number_in(0, 59)?;
    Some((sign * (i32::from(hour) * 3600 + i32::from(minute) * 60), false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(text: &str) -> Timestamp {
        let (stamp, length) = parse(text.as_bytes()).unwrap();
        assert_eq!(length, text.len());
        stamp
    }

    #[test]
    fn rfc5424_6_2_3_1_examples() {
        let expected = |unix_s, nanos, fraction_digits, offset_s, zulu| Timestamp {
            unix_s,
            nanos,
            fraction_digits,
            offset_s,
            zulu,
        };
        assert_eq!(
            stamp("1985-04-12T23:20:50.52Z"),
            expected(482_196_050, 520_000_000, 2, 0, true)
        );
        assert_eq!(
            stamp("1985-04-12T19:20:50.52-04:00"),
            expected(482_196_050, 520_000_000, 2, -14_400, false)
        );
        assert_eq!(
            stamp("2003-10-11T22:14:15.003Z"),
            expected(1_065_910_455, 3_000_000, 3, 0, true)
        );
        assert_eq!(
            stamp("2003-08-24T05:14:15.000003-07:00"),
            expected(1_061_727_255, 3_000, 6, -25_200, false)
        );
    }

    #[test]
    fn rfc5424_6_2_3_1_example_5_has_nanoseconds_and_is_read_all_the_same() {
        let stamp = stamp("2003-08-24T05:14:15.000000003-07:00");
        assert_eq!((stamp.nanos, stamp.fraction_digits), (3, 9));
    }

    #[test]
    fn what_is_finer_than_a_nanosecond_is_left_out() {
        let stamp = stamp("2026-01-02T03:04:05.67890123456789+01:00");
        assert_eq!((stamp.nanos, stamp.fraction_digits), (678_901_234, 9));
    }

    #[test]
    fn second_60_is_the_first_of_the_next_minute() {
        assert_eq!(
            stamp("2016-12-31T23:59:60Z").unix_s,
            stamp("2017-01-01T00:00:00Z").unix_s
        );
    }

    #[test]
    fn day_past_the_end_of_its_month_counts_on() {
        assert_eq!(stamp("2026-02-31T03:04:05Z").unix_s, 1_772_507_045); // rsyslogd's date-unixtimestamp of it
    }

    #[test]
    fn short_fields_and_offsets_without_colon_are_read() {
        assert_eq!(stamp("2026-1-2T3:4:5Z"), stamp("2026-01-02T03:04:05Z"));
        assert_eq!(stamp("2026-01-02T03:04:05+0130"), stamp("2026-01-02T03:04:05+01:30"));
    }

    #[test]
    fn stamp_without_offset_or_with_something_stuck_to_it_is_none() {
        for text in [
            "",
            "2026",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05 +01:00",
            "2026-01-02T03:04:05Z:",
            "2026-01-02 03:04:05Z",
            "2026-13-02T03:04:05Z",
            "2026-01-00T03:04:05Z",
            "2026-01-02T24:04:05Z",
            "2026-01-02T03:04:61Z",
            "2026-01-02T03:04:05+24:00",
            "226-01-02T03:04:05Z",
            "2026-00-00T00:00:1+01:00",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(unix_s in 0_i64..4_000_000_000, micros in 0_i32..1_000_000, offset_s in -86_340..86_340_i32) {
            let offset_s = offset_s / 60 * 60;
            let instant = jiff::Timestamp::new(unix_s, micros * 1000).unwrap();
            let text = instant.display_with_offset(jiff::tz::Offset::from_seconds(offset_s).unwrap()).to_string();
            let (stamp, length) = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(length, text.len());
            prop_assert_eq!((stamp.unix_s, stamp.nanos as i32, stamp.offset_s), (unix_s, micros * 1000, offset_s));
        }
    }
}
