//! LOC: where on earth something is (RFC 1876).

use std::fmt;

use super::field::{Field, take};
use super::number::parse_u32;
use super::{RdataError, Words};

const WIRE_BYTES: usize = 16;
/// The equator and the prime meridian (§2): angles count from here in thousandths of a second of arc.
const ANGLE_ZERO: u32 = 1 << 31;
/// The reference altitude in centimetres (§2).
const ALTITUDE_ZERO: i64 = 10_000_000;
const SECOND: u32 = 1_000;
const MINUTE: u32 = 60 * SECOND;
const DEGREE: u32 = 60 * MINUTE;
/// 1 m, 10,000 m and 10 m (§3), as mantissa and exponent.
const DEFAULT_SIZE: u8 = 0x12;
const DEFAULT_HORIZONTAL: u8 = 0x16;
const DEFAULT_VERTICAL: u8 = 0x13;

/// All of a LOC record.
pub(super) const LOC: Field = Field::new(
    |wire| {
        let octets: [u8; WIRE_BYTES] = take(wire)?;
        // Other versions of the format don't exist (§2).
        let sizes_are_digits = octets[1..4].iter().all(|&size| size >> 4 <= 9 && size & 0x0f <= 9);
        let latitude = angle(&octets, 4).abs_diff(ANGLE_ZERO);
        let longitude = angle(&octets, 8).abs_diff(ANGLE_ZERO);
        if octets[0] != 0 || !sizes_are_digits || latitude > 90 * DEGREE || longitude > 180 * DEGREE {
            return Err(RdataError::OutOfRange);
        }
        Ok(WIRE_BYTES)
    },
    read,
    print,
);

fn angle(octets: &[u8; WIRE_BYTES], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

fn read(words: &mut Words<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let latitude = read_angle(words, 90, *b"NS")?;
    let longitude = read_angle(words, 180, *b"EW")?;
    let altitude = parse_centimetres(words.word()?)? + ALTITUDE_ZERO;
    let altitude = u32::try_from(altitude).map_err(|_| RdataError::OutOfRange)?;
    let mut sizes = [DEFAULT_SIZE, DEFAULT_HORIZONTAL, DEFAULT_VERTICAL];
    for size in &mut sizes {
        let Some(word) = words.optional_word()? else { break };
        *size = parse_size(word)?;
    }
    out.push(0);
    out.extend_from_slice(&sizes);
    for number in [latitude, longitude, altitude] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    Ok(())
}

/// Reads `degrees [minutes [seconds[.fraction]]]` and the letter of the hemisphere.
fn read_angle(words: &mut Words<'_, '_>, degrees_max: u32, hemispheres: [u8; 2]) -> Result<u32, RdataError> {
    let degrees = parse_u32(words.word()?)?;
    if degrees > degrees_max {
        return Err(RdataError::OutOfRange);
    }
    let mut angle = degrees * DEGREE;
    let mut word = words.word()?;
    if !is_letter(word) {
        let minutes = parse_u32(word)?;
        if minutes > 59 {
            return Err(RdataError::OutOfRange);
        }
        angle += minutes * MINUTE;
        word = words.word()?;
        if !is_letter(word) {
            let thousandths = parse_decimal(word, 3)?;
            if thousandths >= u64::from(MINUTE) {
                return Err(RdataError::OutOfRange);
            }
            angle += thousandths as u32;
            word = words.word()?;
        }
    }
    if angle > degrees_max * DEGREE {
        return Err(RdataError::OutOfRange);
    }
    match word {
        [letter] if letter.to_ascii_uppercase() == hemispheres[0] => Ok(ANGLE_ZERO + angle),
        [letter] if letter.to_ascii_uppercase() == hemispheres[1] => Ok(ANGLE_ZERO - angle),
        _ => Err(RdataError::BadSyntax),
    }
}

fn is_letter(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphabetic)
}

/// Metres with up to two decimals, an `m` behind them or not, a sign in front or not; in centimetres.
fn parse_centimetres(word: &[u8]) -> Result<i64, RdataError> {
    let (negative, word) = match word {
        [b'-', rest @ ..] => (true, rest),
        unsigned => (false, unsigned.strip_prefix(b"+").unwrap_or(unsigned)),
    };
    let metres = word
        .strip_suffix(b"m")
        .or_else(|| word.strip_suffix(b"M"))
        .unwrap_or(word);
    let centimetres = parse_decimal(metres, 2)?;
    let centimetres = i64::try_from(centimetres).map_err(|_| RdataError::OutOfRange)?;
    Ok(if negative { -centimetres } else { centimetres })
}

/// A size as one digit and a power of ten (§2); further digits are lost.
fn parse_size(word: &[u8]) -> Result<u8, RdataError> {
    let mut mantissa = u64::try_from(parse_centimetres(word)?).map_err(|_| RdataError::OutOfRange)?;
    let mut exponent = 0;
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    if exponent > 9 {
        Err(RdataError::OutOfRange)
    } else {
        Ok((mantissa as u8) << 4 | exponent)
    }
}

/// A decimal number with at most `decimals` digits behind the point, scaled by ten to that power.
fn parse_decimal(text: &[u8], decimals: usize) -> Result<u64, RdataError> {
    let point = text.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    };
    if fraction.len() > decimals || (point.is_some() && fraction.is_empty()) {
        return Err(RdataError::BadSyntax);
    }
    let mut scaled = u64::from(parse_u32(whole)?);
    for n in 0..decimals {
        let digit = fraction.get(n).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return Err(RdataError::BadSyntax);
        }
        scaled = scaled * 10 + u64::from(digit - b'0');
    }
    Ok(scaled)
}

fn print(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let octets: [u8; WIRE_BYTES] = take(wire).map_err(|_| fmt::Error)?;
    print_angle(angle(&octets, 4), ['N', 'S'], f)?;
    print_angle(angle(&octets, 8), ['E', 'W'], f)?;
    let centimetres = i64::from(angle(&octets, 12)) - ALTITUDE_ZERO;
    let sign = if centimetres < 0 { "-" } else { "" };
    write!(f, "{sign}{}.{:02}m", centimetres.abs() / 100, centimetres.abs() % 100)?;
    octets[1..4].iter().try_for_each(|&size| print_size(size, f))
}

fn print_angle(angle: u32, hemispheres: [char; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let hemisphere = if angle >= ANGLE_ZERO {
        hemispheres[0]
    } else {
        hemispheres[1]
    };
    let angle = angle.abs_diff(ANGLE_ZERO);
    let (minutes, seconds) = (angle / MINUTE % 60, angle / SECOND % 60);
    write!(
        f,
        "{} {minutes} {seconds}.{:03} {hemisphere} ",
        angle / DEGREE,
        angle % SECOND
    )
}

fn print_size(size: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let centimetres = u64::from(size >> 4) * 10_u64.pow(u32::from(size & 0x0f));
    match centimetres % 100 {
        0 => write!(f, " {}m", centimetres / 100),
        fraction => write!(f, " {}.{fraction:02}m", centimetres / 100),
    }
}
