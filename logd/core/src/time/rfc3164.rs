//! The stamps of RFC 3164 §4.1.2, `Oct 11 22:14:15`, and what devices make of them.
//!
//! Such a stamp has neither year nor zone. The rule:
//! - **Zone**: the sender's configured one, else our local one: the [`ZoneCache`] that the caller hands in.
//! - **Year**: the one that puts the stamp nearest to the time of receipt. So a message of December 31 that arrives on
//!   January 1 is of last year, and one from a clock that is a little fast on December 31 is of next year.
//! - **Clocks set back** (a local time that comes twice): again the one nearest to the time of receipt.
//! - **Clocks set forward** (a local time that never comes): read with the offset before the change.
//! - **February 29** in a year without one is the day after February 28, as rsyslog counts it.
//!
//! The forms that are read besides the RFC's are those that rsyslog reads: the day with a zero, with a space or with
//! neither; names of months in any case; fields of one digit; a fraction of the second; a colon after the stamp; the year
//! before it (Brocade) or after the day (Cisco). The year after the time (`Oct 11 22:14:15 2026`) is one of 2000 to 2099.

use super::digits::Reader;
use super::zone::WRITTEN_BYTES;
use super::{DAY_S, Timestamp, ZoneCache, civil_from_days, days_from_civil};

/// The years that a number in a stamp can name, as rsyslog has it: others are no years.
const YEARS: std::ops::RangeInclusive<u32> = 1970..=2100;

/// A stamp's fields as written, in a zone that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) year: Option<i32>,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) nanos: u32,
    pub(crate) fraction_digits: u8,
}

/// Reads a stamp at the beginning of `bytes`, which has to be followed by a space or the end. Returns it and its length,
/// that space not included.
#[must_use]
pub fn parse(bytes: &[u8], received: Timestamp, zone: &mut ZoneCache) -> Option<(Timestamp, usize)> {
    // What follows a stamp can be its year.
    let usual = bytes
        .first_chunk::<WRITTEN_BYTES>()
        .filter(|_| !bytes.get(WRITTEN_BYTES).is_some_and(u8::is_ascii_digit));
    if let Some(written) = usual
        && let Some(stamp) = zone.recall(written, received.unix_s)
    {
        return Some((stamp, WRITTEN_BYTES - 1));
    }
    let (fields, length) = read(bytes)?;
    if !matches!(bytes.get(length), None | Some(b' ')) {
        return None;
    }
    let stamp = fields.resolve(received, zone);
    if let Some(written) = usual
        && length == WRITTEN_BYTES - 1
    {
        zone.remember(*written, received.unix_s, stamp);
    }
    Some((stamp, length))
}

/// Reads the fields of a stamp and the colon after it, whatever follows them.
#[inline]
pub(crate) fn read(bytes: &[u8]) -> Option<(Fields, usize)> {
    let mut reader = Reader::new(bytes);
    let mut year = None;
    if bytes.first()?.is_ascii_digit() {
        year = Some(self::year(&mut reader)?);
        reader.eat(b' ')?;
    }
    let month = month(reader.rest())?;
    reader.skip(3);
    reader.eat(b' ')?;
    // The day is padded with a space.
    let _ = reader.eat(b' ');
    let day = reader.number_in(1, 31)?;
    reader.eat(b' ')?;
    if year.is_none() {
        let mut ahead = reader;
        if let Some(found) = self::year(&mut ahead)
            && ahead.eat(b' ').is_some()
        {
            year = Some(found);
            reader = ahead;
        }
    }
    let hour = reader.number_in(0, 23)?;
    reader.eat(b':')?;
    let minute = reader.number_in(0, 59)?;
    reader.eat(b':')?;
    let second = reader.number_in(0, 60)?;
    let (nanos, fraction_digits) = reader.fraction();
    if year.is_none() {
        year = year_after(&mut reader);
    }
    let _ = reader.eat(b':');
    let fields = Fields {
        year,
        month,
        day,
        hour,
        minute,
        second,
        nanos,
        fraction_digits,
    };
    Some((fields, reader.consumed()))
}

/// Reads a year of four digits.
fn year(reader: &mut Reader<'_>) -> Option<i32> {
    let year = reader.number(4)?;
    YEARS.contains(&year).then_some(year as i32)
}

/// Reads the year after the time. Fewer numbers count as years here, because a host could have one for a name.
fn year_after(reader: &mut Reader<'_>) -> Option<i32> {
    let mut ahead = *reader;
    ahead.eat(b' ')?;
    let year = year(&mut ahead).filter(|year| (2000..=2099).contains(year))?;
    if !matches!(ahead.peek(), Some(b' ' | b':')) {
        return None;
    }
    *reader = ahead;
    Some(year)
}

/// The number of the month whose English abbreviation comes first.
pub(crate) fn month(bytes: &[u8]) -> Option<u8> {
    let &[a, b, c, ..] = bytes else { return None };
    // ASCII letters differ from their other case in this bit only.
    Some(match &[a | 0x20, b | 0x20, c | 0x20] {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

impl Fields {
    /// The instant that these fields mean, by the rule of this module.
    pub(crate) fn resolve(self, received: Timestamp, zone: &mut ZoneCache) -> Timestamp {
        let local_s = match self.year {
            Some(year) => self.local_s(year),
            None => self.local_s_nearest(received.unix_s + i64::from(zone.offset_at(received.unix_s))),
        };
        let offset_s = zone.offset_of_local(local_s, received.unix_s);
        Timestamp {
            unix_s: local_s - i64::from(offset_s),
            nanos: self.nanos,
            fraction_digits: self.fraction_digits,
            offset_s,
            zulu: false,
        }
    }

    /// The fields in this year, counted as though they were UTC.
    fn local_s(self, year: i32) -> i64 {
        days_from_civil(year, self.month, self.day) * DAY_S
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }

    /// The fields in the year that puts them nearest to the local time of receipt.
    fn local_s_nearest(self, received_local_s: i64) -> i64 {
        const HALF_YEAR_S: i64 = 182 * DAY_S;
        let (year, _, _) = civil_from_days(received_local_s.div_euclid(DAY_S));
        let this_year = self.local_s(year);
        let ahead_s = this_year - received_local_s;
        if ahead_s.abs() < HALF_YEAR_S {
            return this_year;
        }
        let other_year = self.local_s(if ahead_s > 0 { year - 1 } else { year + 1 });
        if other_year.abs_diff(received_local_s) < this_year.abs_diff(received_local_s) {
            other_year
        } else {
            this_year
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::time::{Civil, rfc3339};

    fn at(text: &str) -> Timestamp {
        rfc3339::parse(text.as_bytes()).unwrap().0
    }

    /// The stamp, read in UTC, as year to second.
    fn utc(stamp: &str, received: &str) -> (i32, u8, u8, u8, u8, u8) {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        let (parsed, length) = parse(stamp.as_bytes(), at(received), &mut zone).unwrap();
        assert_eq!(length, stamp.len());
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = parsed.civil();
        (year, month, day, hour, minute, second)
    }

    const RECEIVED: &str = "2026-11-22T16:27:19Z";

    #[test]
    fn rfc3164_4_1_2_day_is_padded_with_a_space() {
        assert_eq!(utc("Oct 11 22:14:15", RECEIVED), (2026, 10, 11, 22, 14, 15));
        assert_eq!(utc("Oct  1 22:14:15", RECEIVED), (2026, 10, 1, 22, 14, 15));
    }

    #[test]
    fn variants_that_rsyslog_reads() {
        for (stamp, expected) in [
            ("Oct 01 02:04:05", (2026, 10, 1, 2, 4, 5)),
            ("Oct 1 02:04:05", (2026, 10, 1, 2, 4, 5)),
            ("Oct  1 2:4:5", (2026, 10, 1, 2, 4, 5)),
            ("Oct  11 22:14:15", (2026, 10, 11, 22, 14, 15)),
            ("oCT 11 02:04:05", (2026, 10, 11, 2, 4, 5)),
            ("2025 Oct 11 02:04:05", (2025, 10, 11, 2, 4, 5)),
            ("Oct 11 2024 02:04:05", (2024, 10, 11, 2, 4, 5)),
            ("Oct 11 02:04:05:", (2026, 10, 11, 2, 4, 5)),
            ("Oct 11 02:04:05.123:", (2026, 10, 11, 2, 4, 5)),
            ("Oct 11 22:14:60", (2026, 10, 11, 22, 15, 0)),
        ] {
            assert_eq!(utc(stamp, RECEIVED), expected, "{stamp}");
        }
    }

    #[test]
    fn year_after_the_time_is_taken_where_a_host_follows() {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        let (stamp, length) = parse(b"Oct 11 02:04:05 2024 host", at(RECEIVED), &mut zone).unwrap();
        assert_eq!((stamp.civil().year, length), (2024, 20));
        let (stamp, length) = parse(b"Oct 11 02:04:05 2024", at(RECEIVED), &mut zone).unwrap();
        assert_eq!((stamp.civil().year, length), (2026, 15));
    }

    #[test]
    fn fraction_is_a_fraction_of_the_second() {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        let (stamp, _) = parse(b"Oct 11 02:04:05.123", at(RECEIVED), &mut zone).unwrap();
        assert_eq!((stamp.nanos, stamp.fraction_digits), (123_000_000, 3));
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        let mut zone = ZoneCache::new(TimeZone::UTC);
        for text in [
            "",
            "Oct",
            "Okt 11 22:14:15",
            "Oct 00 22:14:15",
            "Oct 32 22:14:15",
            "Oct   1 22:14:15",
            "Oct 11  22:14:15",
            "Oct 11 22:14",
            "Oct 11 24:14:15",
            "Oct 11 22:60:15",
            "Oct 11 22:14:61",
            "Oct 11 22:14:15host",
            "1969 Oct 11 22:14:15",
        ] {
            assert_eq!(parse(text.as_bytes(), at(RECEIVED), &mut zone), None, "{text}");
        }
    }

    #[test]
    fn year_is_the_one_nearest_to_receipt() {
        assert_eq!(utc("Dec 31 23:59:59", "2026-01-01T00:00:05Z").0, 2025);
        assert_eq!(utc("Jan  1 00:00:01", "2025-12-31T23:59:58Z").0, 2026);
        assert_eq!(utc("Jul 15 12:00:00", "2026-01-20T00:00:00Z").0, 2026);
        assert_eq!(utc("Jul 25 12:00:00", "2026-01-20T00:00:00Z").0, 2025);
        assert_eq!(utc("Jan 20 00:00:00", "2026-07-15T12:00:00Z").0, 2026);
    }

    #[test]
    fn february_29_without_a_leap_year_is_the_day_after_the_28th() {
        assert_eq!(utc("Feb 29 02:04:05", "2026-04-01T00:00:00Z"), (2026, 3, 1, 2, 4, 5));
        assert_eq!(utc("Feb 29 02:04:05", "2028-03-01T00:00:00Z"), (2028, 2, 29, 2, 4, 5));
    }

    #[test]
    fn zone_is_the_senders_and_the_year_is_that_of_its_clock() {
        let mut tokyo = ZoneCache::new(TimeZone::fixed(jiff::tz::offset(9)));
        let (stamp, _) = parse(b"Jan  1 00:30:00", at("2025-12-31T15:30:10Z"), &mut tokyo).unwrap();
        assert_eq!(stamp.unix_s, at("2025-12-31T15:30:00Z").unix_s);
        assert_eq!((stamp.offset_s, stamp.civil().year), (32_400, 2026));
    }

    #[test]
    fn time_that_clocks_skip_is_kept_as_written() {
        let mut zone = ZoneCache::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        let (stamp, _) = parse(b"Mar 29 02:30:00", at("2026-03-29T01:30:01Z"), &mut zone).unwrap();
        assert_eq!(stamp.unix_s, at("2026-03-29T01:30:00Z").unix_s);
        assert_eq!((stamp.civil().hour, stamp.civil().minute), (2, 30));
    }

    #[test]
    fn a_stamp_that_was_read_before_is_read_alike_again() {
        let mut warm = ZoneCache::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        for received in ["2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z", "2025-01-02T00:00:00Z"] {
            for text in [
                "Nov 22 10:00:00 web-17",
                "Nov 22 10:00:00 2024 web-17",
                "Nov 22 10:00:00 2024: web-17",
                "Nov 22 10:00:00 20 web-17",
                "Nov 22 10:00:00: web-17",
                "Nov 22 10:00:00",
                "Nov 22 1:00:00 web-17",
            ] {
                let mut cold = ZoneCache::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
                let expected = parse(text.as_bytes(), at(received), &mut cold);
                for _ in 0..2 {
                    assert_eq!(
                        parse(text.as_bytes(), at(received), &mut warm),
                        expected,
                        "{text} at {received}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_other_year_is_nearer(
            received_s in 1_600_000_000_i64..1_900_000_000,
            month in 1_u8..=12,
            day in 1_u8..=28,
            second_of_day in 0_i64..86_400,
        ) {
            let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
            let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                [usize::from(month) - 1];
            let text = format!("{name} {day:2} {hour:02}:{minute:02}:{second:02}");
            let received = Timestamp::from_unix(received_s, 0);
            let (stamp, _) = parse(text.as_bytes(), received, &mut ZoneCache::new(TimeZone::UTC)).unwrap();
            for year in 2018..2034 {
                let other = days_from_civil(year, month, day) * DAY_S + second_of_day;
                prop_assert!(stamp.unix_s.abs_diff(received_s) <= other.abs_diff(received_s));
            }
        }
    }
}
