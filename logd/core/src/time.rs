//! Points in time as syslog writes them: the stamps of messages, and the time of receipt.
//!
//! A [`Timestamp`] is an instant plus the way it was written (offset, digits of the fraction), so that it can be rendered
//! in its sender's own terms or in ours. Stamps are read from bytes by [`rfc3339`] and [`rfc3164`]; the latter needs a
//! [`ZoneCache`] for what the stamp leaves out. The daemon makes the time of receipt with [`ZoneCache::timestamp_at`].
//!
//! Fields are computed with the proleptic Gregorian calendar's own arithmetic rather than through a library's civil
//! types, because this is done for every message.

mod digits;
pub mod rfc3164;
pub mod rfc3339;
mod zone;

pub use zone::ZoneCache;

/// Seconds of a day; syslog knows no others.
const DAY_S: i64 = 86_400;

/// An instant and how it was written.
///
/// The order is that of the instants; stamps of one instant that are written differently are neighbours, not equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds: a second 60 is the first of the next minute.
    pub unix_s: i64,
    /// Nanoseconds of the second, below 1 000 000 000.
    pub nanos: u32,
    /// How many digits of the second's fraction were written, 0 (none) to 9.
    pub fraction_digits: u8,
    /// Seconds that its zone is ahead of UTC, less than a day either way.
    pub offset_s: i32,
    /// It was written with `Z`, not with a numeric offset; only for rendering it the same way again.
    pub zulu: bool,
}

/// The fields of a [`Timestamp`] in its own offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year; can be negative only for instants that no stamp can name.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
}

impl Timestamp {
    /// The instant as a clock gives it: six digits of fraction, as rsyslog keeps of its own clock, in UTC.
    #[must_use]
    pub const fn from_unix(unix_s: i64, nanos: u32) -> Self {
        Self {
            unix_s,
            nanos,
            fraction_digits: 6,
            offset_s: 0,
            zulu: false,
        }
    }

    /// The same instant in another offset, in seconds ahead of UTC.
    #[must_use]
    pub const fn with_offset(self, offset_s: i32) -> Self {
        Self {
            offset_s,
            zulu: false,
            ..self
        }
    }

    /// The same instant in UTC.
    #[must_use]
    pub const fn in_utc(self) -> Self {
        self.with_offset(0)
    }

    /// Year to second and the day of the week, in its own offset.
    #[must_use]
    pub const fn civil(self) -> Civil {
        let local_s = self.unix_s.saturating_add(self.offset_s as i64);
        let day = local_s.div_euclid(DAY_S);
        let second = local_s.rem_euclid(DAY_S);
        let (year, month, day_of_month) = civil_from_days(day);
        Civil {
            year,
            month,
            day: day_of_month,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            // 1970-01-01 was a Thursday.
            weekday: (day + 4).rem_euclid(7) as u8,
        }
    }

    /// The day of the year, 1 to 366, in its own offset.
    #[must_use]
    pub const fn day_of_year(self) -> u16 {
        let local_s = self.unix_s.saturating_add(self.offset_s as i64);
        let day = local_s.div_euclid(DAY_S);
        let (year, _, _) = civil_from_days(day);
        (day - days_from_civil(year, 1, 1) + 1) as u16
    }
}

/// Days from 1970-01-01 to this date. A day past the end of its month counts on into the next one.
///
/// The year is taken to begin in March, so that the leap day is its last and a month's first day is a linear function of
/// its number; 400 years have 146 097 days.
const fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let year = year as i64 - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a count of days since 1970-01-01: the inverse of [`days_from_civil`].
const fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + (month <= 2) as i64;
    (year as i32, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn civil_fields_of_known_instants() {
        let epoch = Timestamp::from_unix(0, 0).civil();
        assert_eq!(
            epoch,
            Civil {
                year: 1970,
                month: 1,
                day: 1,
                hour: 0,
                minute: 0,
                second: 0,
                weekday: 4
            }
        );
        let leap_day = Timestamp::from_unix(951_782_399, 0).civil();
        assert_eq!(
            leap_day,
            Civil {
                year: 2000,
                month: 2,
                day: 28,
                hour: 23,
                minute: 59,
                second: 59,
                weekday: 1
            }
        );
    }

    #[test]
    fn offset_moves_the_fields_and_not_the_instant() {
        let utc = Timestamp::from_unix(1_767_225_600, 0); // 2026-01-01T00:00:00Z, a Thursday
        let west = utc.with_offset(-3600);
        assert_eq!(
            west.civil(),
            Civil {
                year: 2025,
                month: 12,
                day: 31,
                hour: 23,
                minute: 0,
                second: 0,
                weekday: 3
            }
        );
        assert_eq!(west.day_of_year(), 365);
        assert_eq!(west.in_utc(), utc);
    }

    #[test]
    fn order_is_by_instant_before_anything_else() {
        let early = Timestamp::from_unix(10, 5).with_offset(3600);
        let late = Timestamp::from_unix(10, 6).with_offset(-3600);
        assert!(early < late);
    }

    proptest! {
        #[test]
        fn civil_agrees_with_jiff(unix_s in -377_000_000_000_i64..253_000_000_000, offset_s in -86_399..86_400_i32) {
            let civil = Timestamp::from_unix(unix_s, 0).with_offset(offset_s).civil();
            let offset = jiff::tz::Offset::from_seconds(offset_s).unwrap();
            let expected = offset.to_datetime(jiff::Timestamp::from_second(unix_s).unwrap());
            prop_assert_eq!(
                (civil.year, civil.month as i8, civil.day as i8),
                (i32::from(expected.year()), expected.month(), expected.day())
            );
            prop_assert_eq!(
                (civil.hour as i8, civil.minute as i8, civil.second as i8),
                (expected.hour(), expected.minute(), expected.second())
            );
            prop_assert_eq!(civil.weekday as i8, expected.weekday().to_sunday_zero_offset());
        }

        #[test]
        fn days_from_civil_inverts_civil_from_days(days in -3_000_000_i64..3_000_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
