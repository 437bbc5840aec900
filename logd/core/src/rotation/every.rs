//! `every`: periods that begin where the clocks on the wall say so.

use std::fmt;
use std::time::Duration;

use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const DAY_S: u64 = 86_400;

/// A period of rotation. Days begin at midnight and hours at the full hour of the zone's clocks, so a day on which the clocks
/// are set is a period of 23 or 25 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Length);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// So many days, counted from a Monday: seven of them are the week.
    Days(i32),
    /// So many seconds, of which some make up a day.
    Seconds(i32),
}

/// Why a duration is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EveryError {
    /// Periods of this length begin at other times each day.
    Uneven,
    /// Longer than files are kept anywhere, or none.
    OutOfRange,
}

/// Ten years: what is longer is a slip of the pen.
const DAYS_MAX: u64 = 3_660;

impl Every {
    /// The period of this length.
    ///
    /// # Errors
    /// When it is neither a number of days nor does it divide a day into whole seconds.
    pub fn new(length: Duration) -> Result<Self, EveryError> {
        let seconds = length.as_secs();
        if seconds == 0 || length.subsec_nanos() != 0 || seconds > DAYS_MAX * DAY_S {
            return Err(EveryError::OutOfRange);
        }
        let length = if seconds.is_multiple_of(DAY_S) {
            Length::Days(i32::try_from(seconds / DAY_S).map_err(|_| EveryError::OutOfRange)?)
        } else if DAY_S.is_multiple_of(seconds) {
            Length::Seconds(i32::try_from(seconds).map_err(|_| EveryError::OutOfRange)?)
        } else {
            return Err(EveryError::Uneven);
        };
        Ok(Self(length))
    }

    /// Whether a date is enough to tell one period from the next.
    #[must_use]
    pub fn is_days(self) -> bool {
        matches!(self.0, Length::Days(_))
    }

    /// When the period began in which this instant is: both in unix seconds.
    #[must_use]
    pub fn start(self, unix_s: i64, zone: &TimeZone) -> i64 {
        let start = self.civil_start(civil(unix_s, zone));
        // Where the clocks are set back an instant may lie before what its own reading is turned into.
        instant(start, zone).map_or(unix_s, |start| start.min(unix_s))
    }

    /// When the next one begins.
    #[must_use]
    pub fn next(self, unix_s: i64, zone: &TimeZone) -> i64 {
        let start = self.civil_start(civil(unix_s, zone));
        let length = match self.0 {
            Length::Days(days) => days.days(),
            Length::Seconds(seconds) => seconds.seconds(),
        };
        let next = start.checked_add(length).ok().and_then(|next| instant(next, zone));
        // Where the clocks are set back the hour is there twice; the second one ends an hour later.
        next.filter(|next| *next > unix_s).unwrap_or(unix_s + 3_600)
    }

    fn civil_start(self, now: DateTime) -> DateTime {
        match self.0 {
            Length::Days(days) => {
                let monday = date(1970, 1, 5);
                let since = now.date().since(monday).map_or(0, |span| span.get_days());
                let start = now.date().checked_sub(since.rem_euclid(days).days());
                start.unwrap_or(now.date()).to_datetime(Time::midnight())
            }
            Length::Seconds(seconds) => {
                let time = now.time();
                let of_day = i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60 + i32::from(time.second());
                let midnight = now.date().to_datetime(Time::midnight());
                midnight
                    .checked_add((of_day - of_day % seconds).seconds())
                    .unwrap_or(now)
            }
        }
    }
}

fn civil(unix_s: i64, zone: &TimeZone) -> DateTime {
    let instant = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(instant)
}

fn instant(civil: DateTime, zone: &TimeZone) -> Option<i64> {
    zone.to_timestamp(civil).ok().map(Timestamp::as_second)
}

impl fmt::Display for EveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uneven => "a period is a number of days, or a part of a day that a day is a multiple of",
            Self::OutOfRange => "a period is between \"1s\" and \"3660d\"",
        })
    }
}

impl std::error::Error for EveryError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(seconds: u64) -> Every {
        Every::new(Duration::from_secs(seconds)).unwrap()
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_period_is_days_or_divides_a_day() {
        let of = |seconds| Every::new(Duration::from_secs(seconds));
        assert!(of(1).is_ok() && of(3_600).is_ok() && of(6 * 3_600).is_ok() && of(7 * DAY_S).is_ok());
        assert_eq!(of(7 * 3_600), Err(EveryError::Uneven));
        assert_eq!(of(0), Err(EveryError::OutOfRange));
        assert_eq!(Every::new(Duration::from_millis(1_500)), Err(EveryError::OutOfRange));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-12-01T12:00:00Z");
        assert_eq!(every(DAY_S).start(now, &zone), at("2026-11-30T23:00:00Z"));
        assert_eq!(every(DAY_S).next(now, &zone), at("2026-12-01T23:00:00Z"));
        assert_eq!(every(6 * 3_600).start(now, &zone), at("2026-12-01T11:00:00Z"));
    }

    #[test]
    fn a_week_begins_on_monday() {
        let now = at("2026-12-03T12:00:00Z");
        assert_eq!(every(7 * DAY_S).start(now, &TimeZone::UTC), at("2026-11-30T00:00:00Z"));
        assert_eq!(every(7 * DAY_S).next(now, &TimeZone::UTC), at("2026-12-07T00:00:00Z"));
    }

    #[test]
    fn a_day_on_which_clocks_are_set_is_shorter_or_longer() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let day = |noon| {
            let (start, next) = (every(DAY_S).start(noon, &zone), every(DAY_S).next(noon, &zone));
            (next - start) / 3_600
        };
        assert_eq!(day(at("2026-03-29T10:00:00Z")), 23);
        assert_eq!(day(at("2026-10-25T10:00:00Z")), 25);
    }

    #[test]
    fn every_instant_lies_in_its_period_and_time_goes_on() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for length in [600, 3_600, 6 * 3_600, DAY_S, 7 * DAY_S] {
            // Through both nights in which the clocks are set.
            for night in [at("2026-03-28T20:00:00Z"), at("2026-10-24T20:00:00Z")] {
                for now in (night..night + 12 * 3_600).step_by(599) {
                    assert!(every(length).start(now, &zone) <= now, "{length} {now}");
                    assert!(every(length).next(now, &zone) > now, "{length} {now}");
                }
            }
        }
    }
}
