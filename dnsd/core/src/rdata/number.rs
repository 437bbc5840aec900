//! Numbers of 8, 16 and 32 bits, and periods of time with unit letters.

use std::fmt;

use super::field::{Field, take};
use super::{RdataError, Words};

pub(super) const U8: Field = Field::new(
    |wire| take::<1>(wire).map(|_| 1),
    |words, out| {
        out.push(parse_u8(words.word()?)?);
        Ok(())
    },
    |wire, f| fmt::Display::fmt(&wire[0], f),
);

pub(super) const U16: Field = Field::new(
    |wire| take::<2>(wire).map(|_| 2),
    |words, out| {
        out.extend_from_slice(&parse_u16(words.word()?)?.to_be_bytes());
        Ok(())
    },
    print_u16,
);

pub(super) const U32: Field = Field::new(
    |wire| take::<4>(wire).map(|_| 4),
    |words, out| {
        out.extend_from_slice(&parse_u32(words.word()?)?.to_be_bytes());
        Ok(())
    },
    print_u32,
);

/// Seconds, which may be written with BIND's unit letters as `1w2d3h4m5s`.
pub(super) const PERIOD: Field = Field::new(
    |wire| take::<4>(wire).map(|_| 4),
    |words, out| {
        out.extend_from_slice(&parse_period(words.word()?)?.to_be_bytes());
        Ok(())
    },
    print_u32,
);

/// A key's flags: a number, hexadecimal with `0x` too.
pub(super) const FLAGS: Field = Field::new(
    |wire| take::<2>(wire).map(|_| 2),
    |words, out| {
        let word = words.word()?;
        let flags = match word {
            [b'0', b'x' | b'X', digits @ ..] => {
                let digits = str::from_utf8(digits).map_err(|_| RdataError::BadNumber)?;
                u16::from_str_radix(digits, 16).map_err(|_| RdataError::BadNumber)?
            }
            decimal => parse_u16(decimal)?,
        };
        out.extend_from_slice(&flags.to_be_bytes());
        Ok(())
    },
    print_u16,
);

fn print_u16(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match take(wire) {
        Ok(octets) => fmt::Display::fmt(&u16::from_be_bytes(octets), f),
        Err(_) => Err(fmt::Error),
    }
}

fn print_u32(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match take(wire) {
        Ok(octets) => fmt::Display::fmt(&u32::from_be_bytes(octets), f),
        Err(_) => Err(fmt::Error),
    }
}

pub(super) fn parse_u8(text: &[u8]) -> Result<u8, RdataError> {
    u8::try_from(parse_u32(text)?).map_err(|_| RdataError::OutOfRange)
}

pub(super) fn parse_u16(text: &[u8]) -> Result<u16, RdataError> {
    u16::try_from(parse_u32(text)?).map_err(|_| RdataError::OutOfRange)
}

/// Decimal digits only.
pub(super) fn parse_u32(text: &[u8]) -> Result<u32, RdataError> {
    if text.is_empty() {
        return Err(RdataError::BadNumber);
    }
    let mut number = 0_u32;
    for &digit in text {
        if !digit.is_ascii_digit() {
            return Err(RdataError::BadNumber);
        }
        number = push_digit(number, digit).ok_or(RdataError::OutOfRange)?;
    }
    Ok(number)
}

/// Plain seconds, or a sum of numbers with the letters w, d, h, m and s, in any order as BIND takes them.
pub(crate) fn parse_period(text: &[u8]) -> Result<u32, RdataError> {
    if text.iter().all(u8::is_ascii_digit) {
        return parse_u32(text);
    }
    let mut total = 0_u32;
    let mut number: Option<u32> = None;
    for &byte in text {
        if byte.is_ascii_digit() {
            number = Some(push_digit(number.unwrap_or(0), byte).ok_or(RdataError::OutOfRange)?);
            continue;
        }
        let unit = match byte.to_ascii_lowercase() {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return Err(RdataError::BadNumber),
        };
        let seconds = number
            .take()
            .ok_or(RdataError::BadNumber)?
            .checked_mul(unit)
            .ok_or(RdataError::OutOfRange)?;
        total = total.checked_add(seconds).ok_or(RdataError::OutOfRange)?;
    }
    // A number behind the last letter has no unit.
    if number.is_some() {
        Err(RdataError::BadNumber)
    } else {
        Ok(total)
    }
}

fn push_digit(number: u32, digit: u8) -> Option<u32> {
    number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
}

/// Reads a number of a field that is written in its own way.
pub(super) fn read_u8(words: &mut Words<'_, '_>) -> Result<u8, RdataError> {
    parse_u8(words.word()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_sums_of_numbers_with_unit_letters() {
        assert_eq!(parse_period(b"3600"), Ok(3600));
        assert_eq!(parse_period(b"1W2d3H4m5s"), Ok(788_645));
        assert_eq!(parse_period(b"1m1h"), Ok(3660));
        for bad in ["", "h", "1h30", "1hh", "1x", "-1"] {
            assert_eq!(parse_period(bad.as_bytes()), Err(RdataError::BadNumber), "{bad}");
        }
        assert_eq!(parse_period(b"4294967295"), Ok(u32::MAX));
        assert_eq!(parse_period(b"4294967296"), Err(RdataError::OutOfRange));
        assert_eq!(parse_period(b"8000w"), Err(RdataError::OutOfRange));
    }
}
