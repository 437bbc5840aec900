//! How `timereported` and `timegenerated` are written: the `date-…` options.

use super::digits::{push_padded, push_signed};
use crate::time::{Civil, Timestamp};

/// A form that a stamp can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum StampForm {
    /// `Oct  1 22:14:15` (RFC 3164 §4.1.2), the day filled with a blank.
    #[default]
    Rfc3164,
    /// The same with the day filled with a zero, as some senders wrongly do.
    Rfc3164BuggyDay,
    /// `2026-10-01T22:14:15.000003+01:00`, with as many digits as the stamp was written with.
    Rfc3339,
    UnixTimestamp,
    /// `20261001221415`.
    Mysql,
    /// `2026-10-01 22:14:15`.
    Pgsql,
    /// The digits of the fraction, `0` if there are none.
    Subseconds,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// The hours of the offset, without its sign.
    OffsetHours,
    OffsetMinutes,
    /// `+` or `-`.
    OffsetSign,
    /// The day of the year, 001 to 366.
    DayOfYear,
    /// rsyslog's own count of weeks, see [`week`].
    Week,
    IsoWeek,
    IsoWeekYear,
    /// 0 (Sunday) to 6.
    Weekday,
    /// `Sun` to `Sat`.
    WeekdayName,
}

pub(super) const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const WEEKDAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];

/// Writes a stamp in this form, in its own offset.
pub(super) fn push_stamp(out: &mut Vec<u8>, stamp: Timestamp, form: StampForm) {
    let civil = stamp.civil();
    let two = |out: &mut Vec<u8>, number: u8| push_padded(out, u64::from(number), 2);
    let offset_minutes = stamp.offset_s.unsigned_abs() / 60;
    let sign = if stamp.offset_s < 0 { b'-' } else { b'+' };
    match form {
        StampForm::Rfc3164 | StampForm::Rfc3164BuggyDay => {
            out.extend_from_slice(MONTHS[usize::from(civil.month - 1)]);
            out.push(b' ');
            if form == StampForm::Rfc3164 && civil.day < 10 {
                out.extend_from_slice(&[b' ', b'0' + civil.day]);
            } else {
                two(out, civil.day);
            }
            out.push(b' ');
            push_time(out, &civil);
        }
        StampForm::Rfc3339 => {
            push_date(out, &civil);
            out.push(b'T');
            push_time(out, &civil);
            if stamp.fraction_digits > 0 {
                out.push(b'.');
                push_fraction(out, stamp);
            }
            if stamp.zulu {
                out.push(b'Z');
            } else {
                out.push(sign);
                push_padded(out, u64::from(offset_minutes / 60), 2);
                out.push(b':');
                push_padded(out, u64::from(offset_minutes % 60), 2);
            }
        }
        StampForm::UnixTimestamp => push_signed(out, stamp.unix_s),
        StampForm::Mysql => {
            push_year(out, civil.year);
            for field in [civil.month, civil.day, civil.hour, civil.minute, civil.second] {
                two(out, field);
            }
        }
        StampForm::Pgsql => {
            push_date(out, &civil);
            out.push(b' ');
            push_time(out, &civil);
        }
        StampForm::Subseconds if stamp.fraction_digits == 0 => out.push(b'0'),
        StampForm::Subseconds => push_fraction(out, stamp),
        StampForm::Year => push_year(out, civil.year),
        StampForm::Month => two(out, civil.month),
        StampForm::Day => two(out, civil.day),
        StampForm::Hour => two(out, civil.hour),
        StampForm::Minute => two(out, civil.minute),
        StampForm::Second => two(out, civil.second),
        StampForm::OffsetHours => push_padded(out, u64::from(offset_minutes / 60), 2),
        StampForm::OffsetMinutes => push_padded(out, u64::from(offset_minutes % 60), 2),
        StampForm::OffsetSign => out.push(sign),
        StampForm::DayOfYear => push_padded(out, u64::from(stamp.day_of_year()), 3),
        StampForm::Week => push_padded(out, u64::from(week(stamp)), 2),
        StampForm::IsoWeek => push_padded(out, u64::from(iso_week(stamp).1), 2),
        StampForm::IsoWeekYear => push_year(out, iso_week(stamp).0),
        StampForm::Weekday => out.push(b'0' + civil.weekday),
        StampForm::WeekdayName => out.extend_from_slice(WEEKDAYS[usize::from(civil.weekday)]),
    }
}

/// `2026-10-01`.
pub(super) fn push_date(out: &mut Vec<u8>, civil: &Civil) {
    push_year(out, civil.year);
    out.push(b'-');
    push_padded(out, u64::from(civil.month), 2);
    out.push(b'-');
    push_padded(out, u64::from(civil.day), 2);
}

/// Four digits; no stamp that can be written has a year before 0.
pub(super) fn push_year(out: &mut Vec<u8>, year: i32) {
    push_padded(out, u64::try_from(year).unwrap_or(0), 4);
}

/// `22:14:15`.
fn push_time(out: &mut Vec<u8>, civil: &Civil) {
    push_padded(out, u64::from(civil.hour), 2);
    out.push(b':');
    push_padded(out, u64::from(civil.minute), 2);
    out.push(b':');
    push_padded(out, u64::from(civil.second), 2);
}

/// The digits of the fraction that were written, nine at most.
fn push_fraction(out: &mut Vec<u8>, stamp: Timestamp) {
    let start = out.len();
    push_padded(out, u64::from(stamp.nanos), 9);
    out.truncate(start + usize::from(stamp.fraction_digits.min(9)));
}

/// The week as rsyslog counts it: whole weeks since January 1, and one more once the weekday is before January 1's.
/// January 1 itself is in week 0, the days after it in week 1.
fn week(stamp: Timestamp) -> u16 {
    let days = stamp.day_of_year() - 1;
    let weekday = u16::from(stamp.civil().weekday);
    let january_1 = (weekday + 7 - days % 7) % 7;
    days.div_ceil(7) + u16::from(weekday < january_1)
}

/// Year and week of ISO 8601: the week belongs to the year that its Thursday is in.
fn iso_week(stamp: Timestamp) -> (i32, u16) {
    let days_to_thursday = 3 - (i64::from(stamp.civil().weekday) + 6) % 7;
    let thursday = Timestamp {
        unix_s: stamp.unix_s.saturating_add(days_to_thursday * 86_400),
        ..stamp
    };
    (thursday.civil().year, (thursday.day_of_year() - 1) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2003-08-24T05:14:15.000003-07:30, a Sunday.
    const SUNDAY: Timestamp = Timestamp {
        unix_s: 1_061_729_055,
        nanos: 3_000,
        fraction_digits: 6,
        offset_s: -27_000,
        zulu: false,
    };
    /// 2026-10-01T22:14:15+01:00, a Thursday, without a fraction.
    const THURSDAY: Timestamp = Timestamp {
        unix_s: 1_790_889_255,
        nanos: 0,
        fraction_digits: 0,
        offset_s: 3_600,
        zulu: false,
    };

    fn written(stamp: Timestamp, form: StampForm) -> String {
        let mut out = Vec::new();
        push_stamp(&mut out, stamp, form);
        String::from_utf8(out).unwrap()
    }

    /// rsyslogd 8.2302 wrote these for the two stamps.
    #[test]
    fn each_form_is_written_as_rsyslog_writes_it() {
        for (form, thursday, sunday) in [
            (StampForm::Rfc3164, "Oct  1 22:14:15", "Aug 24 05:14:15"),
            (StampForm::Rfc3164BuggyDay, "Oct 01 22:14:15", "Aug 24 05:14:15"),
            (
                StampForm::Rfc3339,
                "2026-10-01T22:14:15+01:00",
                "2003-08-24T05:14:15.000003-07:30",
            ),
            (StampForm::UnixTimestamp, "1790889255", "1061729055"),
            (StampForm::Mysql, "20261001221415", "20030824051415"),
            (StampForm::Pgsql, "2026-10-01 22:14:15", "2003-08-24 05:14:15"),
            (StampForm::Subseconds, "0", "000003"),
            (StampForm::Year, "2026", "2003"),
            (StampForm::Month, "10", "08"),
            (StampForm::Day, "01", "24"),
            (StampForm::Hour, "22", "05"),
            (StampForm::Minute, "14", "14"),
            (StampForm::Second, "15", "15"),
            (StampForm::OffsetHours, "01", "07"),
            (StampForm::OffsetMinutes, "00", "30"),
            (StampForm::OffsetSign, "+", "-"),
            (StampForm::DayOfYear, "274", "236"),
            (StampForm::Week, "39", "35"),
            (StampForm::IsoWeek, "40", "34"),
            (StampForm::IsoWeekYear, "2026", "2003"),
            (StampForm::Weekday, "4", "0"),
            (StampForm::WeekdayName, "Thu", "Sun"),
        ] {
            assert_eq!(written(THURSDAY, form), thursday, "{form:?}");
            assert_eq!(written(SUNDAY, form), sunday, "{form:?}");
        }
    }

    /// rsyslogd 8.2302's week, ISO week and ISO year of the days around New Year.
    #[test]
    fn weeks_around_new_year() {
        for (unix_s, week, iso_week, iso_year) in [
            (1_767_226_455, "00", "01", "2026"), // 2026-01-01, a Thursday
            (1_798_758_855, "52", "53", "2026"), // 2026-12-31, a Thursday
            (1_041_743_655, "02", "01", "2003"), // 2003-01-05, a Sunday
            (1_735_535_655, "52", "01", "2025"), // 2024-12-30, a Monday
            (1_704_064_455, "52", "52", "2023"), // 2023-12-31, a Sunday
            (1_704_071_655, "00", "01", "2024"), // 2024-01-01, a Monday
        ] {
            let stamp = Timestamp::from_unix(unix_s, 0);
            assert_eq!(written(stamp, StampForm::Week), week, "{unix_s}");
            assert_eq!(written(stamp, StampForm::IsoWeek), iso_week, "{unix_s}");
            assert_eq!(written(stamp, StampForm::IsoWeekYear), iso_year, "{unix_s}");
        }
    }

    #[test]
    fn zulu_is_written_as_it_was_read() {
        let stamp = Timestamp {
            fraction_digits: 1,
            nanos: 100_000_000,
            zulu: true,
            ..Timestamp::from_unix(0, 0)
        };
        assert_eq!(written(stamp, StampForm::Rfc3339), "1970-01-01T00:00:00.1Z");
    }
}
