//! When a signature begins and ends: `YYYYMMDDHHmmSS` in UTC, or seconds since 1970 (RFC 4034 §3.2).

use super::RdataError;
use super::field::{Field, take};
use super::number::parse_u32;

pub(super) const TIMESTAMP: Field = Field::new(
    |wire| take::<4>(wire).map(|_| 4),
    |words, out| {
        out.extend_from_slice(&parse(words.word()?)?.to_be_bytes());
        Ok(())
    },
    |wire, f| {
        let seconds = u32::from_be_bytes(take(wire).map_err(|_| std::fmt::Error)?);
        let (year, month, day) = civil_from_days(i64::from(seconds / 86_400));
        let of_day = seconds % 86_400;
        write!(
            f,
            "{year:04}{month:02}{day:02}{:02}{:02}{:02}",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60
        )
    },
);

/// The two forms are told apart by their length: a number of 32 bits has at most ten digits.
fn parse(text: &[u8]) -> Result<u32, RdataError> {
    if text.len() != 14 {
        return parse_u32(text).map_err(|_| RdataError::BadTime);
    }
    let part = |from: usize, to: usize| parse_u32(&text[from..to]).map_err(|_| RdataError::BadTime);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    // A leap second is written as second 60.
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return Err(RdataError::BadTime);
    }
    if day == 0 || day > days_of_month(year, month) {
        return Err(RdataError::BadTime);
    }
    let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    // Times are compared as 32-bit serial numbers (RFC 4034 §3.1.5), so what lies beyond 2106 wraps.
    Ok(seconds as u32)
}

fn days_of_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - DAYS_TO_1970
}

/// Days from 1 March of year 0 to 1 January 1970.
const DAYS_TO_1970: i64 = 719_468;

/// The date that is `days` after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let since_year_zero = days + DAYS_TO_1970;
    // The estimate is never more than one year too late.
    let mut year = (since_year_zero * 400 + 591) / 146_097;
    let mut day_of_year = since_year_zero - first_of_march(year);
    if day_of_year < 0 {
        year -= 1;
        day_of_year = since_year_zero - first_of_march(year);
    }
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (if month > 2 { year } else { year + 1 }, month, day)
}

fn first_of_march(year: i64) -> i64 {
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4034_3_2_both_forms_of_time() {
        assert_eq!(parse(b"20231114221320"), Ok(1_700_000_000));
        assert_eq!(parse(b"1700000000"), Ok(1_700_000_000));
        assert_eq!(parse(b"19700101000000"), Ok(0));
        assert_eq!(parse(b"21060207062815"), Ok(u32::MAX));
        for bad in [
            "20230229000000",
            "20231301000000",
            "20231100000000",
            "2023111422132x",
            "99999999999",
            "x",
            "20230101240000",
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(RdataError::BadTime), "{bad}");
        }
    }

    #[test]
    fn every_day_of_the_32_bit_range_converts_both_ways() {
        let mut last = (1969, 12, 31);
        for day in 0..=i64::from(u32::MAX / 86_400) {
            let date = civil_from_days(day);
            assert_eq!(days_from_civil(date.0, date.1, date.2), day);
            assert!(date > last);
            assert!(date.2 as u32 <= days_of_month(date.0 as u32, date.1 as u32));
            last = date;
        }
    }
}
